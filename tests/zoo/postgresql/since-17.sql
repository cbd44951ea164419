-- What came with PostgreSQL 17.
CREATE DATABASE builtin_17 TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C';
CREATE COLLATION stall.builtin_17 (PROVIDER = builtin, LOCALE = 'C.UTF-8');
GRANT pg_maintain TO app;
GRANT MAINTAIN ON stall.animal TO readers;
ALTER DATABASE hurried SET transaction_timeout = '1ms';
ALTER DATABASE zoo SET event_triggers = on;
CREATE FUNCTION stall.on_login() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'here is %', current_user; END $$;
CREATE EVENT TRIGGER on_login ON login EXECUTE FUNCTION stall.on_login();
ALTER EVENT TRIGGER on_login ENABLE ALWAYS;
CREATE VIEW stall.json_17 AS SELECT j.* FROM JSON_TABLE(jsonb '[{"a": 1, "b": [2, 3]}]', '$[*]' AS top COLUMNS (n FOR ORDINALITY, a int PATH '$.a' DEFAULT 5 ON EMPTY, NESTED '$.b[*]' COLUMNS (b int PATH '$'))) AS j;
CREATE VIEW stall.json_value_17 AS SELECT JSON_VALUE(jsonb '{"a": 1}', '$.a' RETURNING int DEFAULT 7 ON ERROR) AS a, JSON_QUERY(jsonb '[1]', '$' WITH WRAPPER) AS q, JSON_EXISTS(jsonb '1', '$') AS e, JSON_SCALAR(1) AS s, JSON_SERIALIZE('1') AS t;
CREATE TABLE stall.identity_17 (id int GENERATED ALWAYS AS IDENTITY, section int) PARTITION BY LIST (section);
CREATE TABLE stall.identity_17_1 PARTITION OF stall.identity_17 FOR VALUES IN (1);
INSERT INTO stall.identity_17 (section) SELECT 1 FROM generate_series(1, 5);
CREATE TABLE stall.exclusive_17 (id int, r int4range, EXCLUDE USING gist (id WITH =, r WITH &&)) PARTITION BY LIST (id);
CREATE TABLE stall.method_17 (id int) PARTITION BY LIST (id) USING another_heap;
CREATE FUNCTION stall.merge_17() RETURNS TABLE (a int) BEGIN ATOMIC
    MERGE INTO stall.a USING (VALUES (1)) AS v (id) ON a.id = v.id WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN MATCHED THEN UPDATE SET b = NULL RETURNING a.id; END;
