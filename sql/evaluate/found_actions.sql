-- Which actions there are at all, the most frequent first.
SELECT e.action_name, count(*) FROM event e GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10
