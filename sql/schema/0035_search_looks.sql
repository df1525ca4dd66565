-- An arm looks once or several times: what it goes by, and what a look found.

CREATE TYPE search_finds AS (
    product_ids bigint[], distances double precision[], item_ids bigint[], places bigint[], tastes double precision[], recents double precision[], found_by integer[],
    compared double precision[], taken integer, looked_at bigint, checked bigint, most_checked integer, exhausted boolean,
    missed double precision, left_out double precision, chance double precision[]
);
COMMENT ON TYPE search_finds IS 'What a look of an arm found, and how far it may be trusted: functions/search/search_looks.sql.';

CREATE TYPE search_look AS (
    route search_route, row_limit integer, check_limit integer, attempts integer, fresh integer[], before search_finds,
    is_lost boolean, is_far boolean, is_disputed boolean, chance double precision[]
);
COMMENT ON TYPE search_look IS 'Where an arm looks, and what it knows of its looks before: functions/search/search_looks.sql.';
