-- Cuts the staged products into batches of about so many rows, as ranges of anchors.

SELECT min(anchor), max(anchor)
FROM (SELECT anchor, (sum(count(*)) OVER (ORDER BY anchor) - 1) / %(rows)s::integer AS batch
      FROM import_member GROUP BY anchor) counted
GROUP BY floor(batch) ORDER BY 1;
