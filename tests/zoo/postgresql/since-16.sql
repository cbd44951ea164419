-- What came with PostgreSQL 16.
CREATE ROLE since_16;
CREATE ROLE since_16_member LOGIN;
GRANT since_16 TO since_16_member WITH INHERIT FALSE, SET FALSE, ADMIN TRUE;
GRANT since_16 TO app WITH INHERIT TRUE, SET FALSE GRANTED BY since_16_member;
GRANT pg_use_reserved_connections TO since_16;
CREATE COLLATION stall.with_rules (PROVIDER = icu, LOCALE = 'und', RULES = '&V << w <<< W');
CREATE TABLE stall.since_16 (id int, long text STORAGE EXTERNAL, doc json);
CREATE VIEW stall.json_16 AS SELECT JSON_OBJECT('a': id, 'b': 'it''s' ABSENT ON NULL WITH UNIQUE KEYS RETURNING jsonb) AS o, JSON_ARRAY(1, 2, NULL NULL ON NULL) AS a,
    doc IS JSON OBJECT AS is_object, any_value(id) OVER () AS any FROM stall.since_16;
CREATE VIEW stall.no_alias_16 AS SELECT * FROM (SELECT 1 AS one);
CREATE DATABASE rules_16 TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'und' ICU_RULES '&V << w <<< W' LOCALE 'C.UTF-8';
