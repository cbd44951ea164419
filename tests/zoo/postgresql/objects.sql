-- One of everything that a database can hold.
CREATE SCHEMA stall AUTHORIZATION app;
CREATE SCHEMA "odd ""schema"". it's" AUTHORIZATION builder;
CREATE SCHEMA extensions;
COMMENT ON SCHEMA stall IS 'where they live';
GRANT USAGE ON SCHEMA stall TO readers;
GRANT CREATE ON SCHEMA stall TO writers WITH GRANT OPTION;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
COMMENT ON SCHEMA public IS NULL;
ALTER DEFAULT PRIVILEGES IN SCHEMA stall GRANT SELECT ON TABLES TO readers;
ALTER DEFAULT PRIVILEGES FOR ROLE builder REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT USAGE ON TYPES TO writers;
ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT ALL ON SCHEMAS TO readers;

CREATE EXTENSION hstore WITH SCHEMA extensions;
CREATE EXTENSION btree_gist WITH SCHEMA extensions;
CREATE EXTENSION pg_trgm WITH SCHEMA extensions;
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION file_fdw;
CREATE EXTENSION citext WITH SCHEMA extensions;
CREATE EXTENSION ltree WITH SCHEMA extensions;
CREATE EXTENSION intarray WITH SCHEMA extensions;
CREATE EXTENSION "uuid-ossp" WITH SCHEMA extensions;
CREATE EXTENSION tablefunc;
CREATE EXTENSION pgcrypto WITH SCHEMA extensions;
CREATE EXTENSION unaccent WITH SCHEMA extensions;
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION bloom WITH SCHEMA extensions;
COMMENT ON EXTENSION hstore IS 'a comment of our own';
GRANT EXECUTE ON FUNCTION extensions.hstore(text, text) TO app;

-- Types.
CREATE TYPE stall.mood AS ENUM ('well', 'it''s ill', 'größe', 'a "b"');
CREATE TYPE stall.place AS (x int, "y z" text COLLATE "C", at timestamptz);
CREATE TYPE stall.span AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi, MULTIRANGE_TYPE_NAME = stall.spans);
CREATE DOMAIN stall.weight AS numeric(10, 3) DEFAULT 1 CONSTRAINT positive CHECK (VALUE > 0) NOT NULL;
CREATE DOMAIN stall.heavy AS stall.weight CHECK (VALUE > 100);
CREATE DOMAIN stall.moods AS stall.mood[] CHECK (cardinality(VALUE) < 5);
ALTER DOMAIN stall.heavy ADD CONSTRAINT late CHECK (VALUE < 1000000) NOT VALID;
CREATE TYPE stall.shell;
CREATE FUNCTION stall.base_in(cstring) RETURNS stall.shell LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION stall.base_out(stall.shell) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE stall.shell (INPUT = stall.base_in, OUTPUT = stall.base_out, LIKE = text, CATEGORY = 'S');
CREATE TYPE stall.only_a_shell;
COMMENT ON TYPE stall.mood IS 'how it is';
COMMENT ON DOMAIN stall.weight IS 'in kg';
COMMENT ON CONSTRAINT positive ON DOMAIN stall.weight IS 'nothing weighs nothing';
GRANT USAGE ON TYPE stall.mood TO readers;
REVOKE USAGE ON TYPE stall.mood FROM PUBLIC;
ALTER TYPE stall.mood OWNER TO app;
CREATE COLLATION stall.german (PROVIDER = icu, LOCALE = 'de-u-co-phonebk');
CREATE COLLATION stall.no_case (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
CREATE COLLATION stall.copied FROM "C";

-- Functions, procedures, aggregates, operators, casts.
CREATE FUNCTION stall.twice(n int, VARIADIC more int[] DEFAULT '{}') RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF COST 7 AS 'SELECT 2 * n';
CREATE FUNCTION stall.names(OUT first text, OUT second int) RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = stall, pg_temp ROWS 3 AS $f$
BEGIN
    -- A comment; with 'quotes' and \backslashes\ and $$ dollars $$
    RETURN QUERY SELECT 'a'::text, 1;
END $f$;
CREATE FUNCTION stall.standard(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a + 1; SELECT a + 2; END;
CREATE FUNCTION stall.short(a int) RETURNS int RETURN a * 3;
CREATE FUNCTION stall.table_of(n int) RETURNS TABLE (a int, "b c" text) LANGUAGE sql AS $$ SELECT n, 'x' $$;
CREATE FUNCTION stall.any_of(anyelement, anyarray) RETURNS anyelement LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION stall.overloaded(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION stall.overloaded(text) RETURNS int LANGUAGE sql AS 'SELECT 2';
CREATE FUNCTION stall."odd ""f"" it's"(text DEFAULT 'a''b') RETURNS text LANGUAGE sql AS $_$ SELECT $1 $_$;
CREATE PROCEDURE stall.tidy(INOUT n int DEFAULT 5) LANGUAGE plpgsql AS $$ BEGIN n := n + 1; COMMIT; END $$;
CREATE PROCEDURE stall.tidy_up(a int, OUT b int) LANGUAGE sql AS 'SELECT a';
CREATE AGGREGATE stall.product(float8) (SFUNC = float8mul, STYPE = float8, INITCOND = '1', PARALLEL = safe, COMBINEFUNC = float8mul);
CREATE AGGREGATE stall.rank_of(VARIADIC "any" ORDER BY VARIADIC "any") (SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL);
COMMENT ON AGGREGATE stall.product(float8) IS 'times';
COMMENT ON FUNCTION stall.overloaded(text) IS 'second';
COMMENT ON PROCEDURE stall.tidy(int) IS 'tidies';
GRANT EXECUTE ON FUNCTION stall.overloaded(int) TO readers;
REVOKE EXECUTE ON FUNCTION stall.overloaded(int) FROM PUBLIC;
ALTER FUNCTION stall.twice(int, int[]) OWNER TO builder;
CREATE FUNCTION stall.place_eq(stall.place, stall.place) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1.x = $2.x';
CREATE OPERATOR stall.=== (FUNCTION = stall.place_eq, LEFTARG = stall.place, RIGHTARG = stall.place, COMMUTATOR = OPERATOR(stall.===), RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE OPERATOR stall.!@# (FUNCTION = int4um, RIGHTARG = int);
COMMENT ON OPERATOR stall.=== (stall.place, stall.place) IS 'the same place';
CREATE OPERATOR FAMILY stall.numbers USING btree;
CREATE OPERATOR CLASS stall.backwards FOR TYPE int USING btree FAMILY stall.numbers AS OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 btint4cmp(int, int);
CREATE FUNCTION stall.mood_number(stall.mood) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT length($1::text) $$;
CREATE CAST (stall.mood AS int) WITH FUNCTION stall.mood_number(stall.mood) AS ASSIGNMENT;
CREATE CAST (text AS stall.shell) WITHOUT FUNCTION;
COMMENT ON CAST (stall.mood AS int) IS 'as a number';
CREATE FUNCTION stall.place_of(internal) RETURNS stall.place LANGUAGE internal STABLE STRICT AS 'record_recv';
CREATE TRANSFORM FOR stall.place LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION stall.place_of(internal));
CREATE CONVERSION stall.to_western FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
CREATE FUNCTION stall.handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE LANGUAGE own HANDLER stall.handler;
COMMENT ON LANGUAGE own IS 'speaks';
GRANT USAGE ON LANGUAGE plpgsql TO app;
CREATE ACCESS METHOD another_btree TYPE INDEX HANDLER bthandler;
CREATE OPERATOR CLASS stall.for_another DEFAULT FOR TYPE int USING another_btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
CREATE ACCESS METHOD another_heap TYPE TABLE HANDLER heap_tableam_handler;

-- Text search.
CREATE TEXT SEARCH DICTIONARY stall.simple_one (TEMPLATE = simple, STOPWORDS = english, ACCEPT = false);
CREATE TEXT SEARCH CONFIGURATION stall.ours (COPY = english);
ALTER TEXT SEARCH CONFIGURATION stall.ours ALTER MAPPING FOR asciiword WITH stall.simple_one, english_stem;
CREATE TEXT SEARCH PARSER stall.parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE stall.template (INIT = dsimple_init, LEXIZE = dsimple_lexize);
COMMENT ON TEXT SEARCH CONFIGURATION stall.ours IS 'searches';

-- Sequences.
CREATE SEQUENCE stall.numbers AS smallint INCREMENT -3 MINVALUE -1000 MAXVALUE 100 START 50 CACHE 5 CYCLE;
SELECT nextval('stall.numbers') \g /dev/null
SELECT setval('stall.numbers', 17, false) \g /dev/null
CREATE SEQUENCE stall.untouched;
CREATE UNLOGGED SEQUENCE stall.forgetful;
GRANT USAGE ON SEQUENCE stall.numbers TO readers;

-- Tables.
CREATE TABLE stall.animal (
    id int GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 5) PRIMARY KEY,
    by_default bigint GENERATED BY DEFAULT AS IDENTITY,
    serial_one serial,
    name text NOT NULL DEFAULT 'no''name' COLLATE "C",
    upper_name text GENERATED ALWAYS AS (upper(name)) STORED,
    mood stall.mood DEFAULT 'well',
    moods stall.moods,
    place stall.place,
    places stall.place[],
    heavy stall.heavy DEFAULT 101,
    how stall.span, hows stall.spans,
    picture bytea, doc jsonb, doc2 json, document xml, tags extensions.hstore, insensitive extensions.citext, path extensions.ltree,
    b bit(5), vb bit varying, ok bool, c "char", n name, o oid, reg regclass, r regtype,
    d date, t time, tz timetz, ts timestamp, tsz timestamptz, i interval, m money,
    ip inet, net cidr, mac macaddr, mac8 macaddr8, u uuid DEFAULT gen_random_uuid(),
    p point, l line, ls lseg, bx box, pa path, po polygon, ci circle,
    tv tsvector, tq tsquery, lsn pg_lsn, snap pg_snapshot, jp jsonpath,
    f4 float4, f8 float8, nu numeric, nr numeric(20, 5)[][],
    i4 int4range, i8 int8multirange, dr daterange,
    dropped int,
    "Odd ""column"" it's" text,
    CONSTRAINT "odd ""check""" CHECK (length(name) < 1000),
    CONSTRAINT inherited_not CHECK (serial_one > 0) NO INHERIT,
    UNIQUE (name, by_default) INCLUDE (mood) WITH (fillfactor = 70),
    EXCLUDE USING gist (i4 WITH &&) WHERE (i4 IS NOT NULL)
) WITH (fillfactor = 80, autovacuum_enabled = off, toast.autovacuum_enabled = off);
ALTER TABLE stall.animal DROP COLUMN dropped;
ALTER TABLE stall.animal ADD COLUMN added int NOT NULL DEFAULT 42;
ALTER TABLE stall.animal ALTER COLUMN doc SET STATISTICS 500, ALTER COLUMN picture SET STORAGE EXTERNAL, ALTER COLUMN name SET (n_distinct = -0.5), ALTER COLUMN doc SET COMPRESSION pglz;
ALTER TABLE stall.animal OWNER TO app;
INSERT INTO stall.animal (name, mood, moods, place, places, heavy, how, hows, picture, doc, doc2, document, tags, insensitive, path, b, vb, ok, c, n, o, reg, r, d, t, tz, ts, tsz, i, m,
    ip, net, mac, mac8, p, l, ls, bx, pa, po, ci, tv, tq, lsn, snap, jp, f4, f8, nu, nr, i4, i8, dr, "Odd ""column"" it's")
VALUES ('näme 🙂', 'it''s ill', '{well,"a \"b\""}', '(1,"y z, ""q""","2020-02-29 12:00+01")', '{"(1,,)","(,\"\",)"}', 150.5, '[1,2)', '{[1,2),[3,4)}', '\x00ff10', '{"a": [1, null, "\u00e4"]}',
    '{"b" :  2, "b": 3}', '<a>&lt;</a>', 'a=>1, "b c"=>NULL', 'CaSe', 'Top.Science', '10101', '1', true, 'x', 'n', 1, 'stall.animal', 'int[]', 'infinity', '24:00', '23:59:60+15:59',
    '-infinity', '4713-01-01 00:00:00+00 BC', '-1 year +2 days -03:04:05.678', '-12.34', '::1/64', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '(1,2)', '{1,2,3}',
    '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1)]', '((0,0),(1,1),(1,0))', '<(0,0),1>', 'a:1A b:2', 'a & !b', '16/B374D848', '10:20:10,14', '$.a[*] ? (@ > 1)',
    'NaN', '-0', 'NaN', '{{1,2},{3,NULL}}', '[1,5)', '{[1,3),[7,9)}', '[2020-01-01,)', E'tab\there\\backslash\nline'),
    (E'\\.', NULL, NULL, NULL, NULL, 102, 'empty', '{}', '', 'null', '[]', '<a/>', '', '', '', '00000', '', NULL, '', '', 0, NULL, NULL, '0001-01-01 BC', '00:00', '00:00-15:59', 'infinity', '294276-12-31 23:59:59.999999+00', '178000000 years', 0,
    '0.0.0.0/0', '::/0', NULL, NULL, '(NaN,Infinity)', NULL, NULL, NULL, NULL, NULL, NULL, '', '', '0/0', NULL, NULL, '1e-45', '1.7976931348623157e308', '1e-1000', '{}', NULL, '{}', 'empty', '\N');
INSERT INTO stall.animal (name) SELECT 'animal ' || g FROM generate_series(1, 3000) g;
CREATE UNIQUE INDEX lower_name ON stall.animal (lower(name) COLLATE "C" text_pattern_ops DESC NULLS LAST, added) WHERE name <> 'x''y' AND id > 10;
CREATE INDEX by_doc ON stall.animal USING gin (doc jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX by_point ON stall.animal USING gist (p);
CREATE INDEX by_box ON stall.animal USING spgist (bx);
CREATE INDEX by_date ON stall.animal USING brin (d date_minmax_multi_ops) WITH (pages_per_range = 4);
CREATE INDEX by_hash ON stall.animal USING hash (u);
CREATE INDEX by_bloom ON stall.animal USING bloom (id, added) WITH (length = 80);
CREATE INDEX by_trigram ON stall.animal USING gin (name extensions.gin_trgm_ops);
CREATE INDEX by_function ON stall.animal (stall.twice(id)) TABLESPACE fast;
CREATE INDEX by_opclass ON stall.animal (added stall.backwards);
CREATE INDEX "odd ""index"" it's" ON stall.animal ("Odd ""column"" it's");
ALTER TABLE stall.animal CLUSTER ON animal_pkey;
ALTER INDEX stall.by_function ALTER COLUMN 1 SET STATISTICS 300;
CREATE STATISTICS stall.together (ndistinct, dependencies, mcv) ON name, mood FROM stall.animal;
CREATE STATISTICS stall.of_expression ON (lower(name)), (added + 1) FROM stall.animal;
ALTER STATISTICS stall.together SET STATISTICS 77;
COMMENT ON TABLE stall.animal IS E'it''s\nall \\ there';
COMMENT ON COLUMN stall.animal."Odd ""column"" it's" IS 'odd';
COMMENT ON INDEX stall.lower_name IS 'small';
COMMENT ON STATISTICS stall.together IS 'both';
COMMENT ON CONSTRAINT "odd ""check""" ON stall.animal IS 'checked';
GRANT SELECT (name), UPDATE (name, mood) ON stall.animal TO readers;
GRANT ALL ON stall.animal TO writers WITH GRANT OPTION;
GRANT SELECT ON stall.animal TO PUBLIC;
CREATE TABLE stall.keeper (id int PRIMARY KEY, animal int REFERENCES stall.animal ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED, boss int REFERENCES stall.keeper,
    other int, CONSTRAINT later FOREIGN KEY (other) REFERENCES stall.keeper (id) MATCH FULL NOT VALID);
INSERT INTO stall.keeper VALUES (1, 10, 2, NULL), (2, NULL, 1, NULL);
CREATE TABLE stall.a (id int PRIMARY KEY, b int);
CREATE TABLE stall.b (id int PRIMARY KEY, a int REFERENCES stall.a);
ALTER TABLE stall.a ADD FOREIGN KEY (b) REFERENCES stall.b DEFERRABLE;
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO stall.a VALUES (1, 1);
INSERT INTO stall.b VALUES (1, 1);
COMMIT;
CREATE UNLOGGED TABLE stall.quick (id int);
INSERT INTO stall.quick SELECT generate_series(1, 10);
CREATE TABLE stall.typed OF stall.place (PRIMARY KEY (x), "y z" WITH OPTIONS DEFAULT 'z');
CREATE TABLE stall.parent (a int, b text DEFAULT 'p', CHECK (a > 0));
CREATE TABLE stall.child (c int, a int DEFAULT 7) INHERITS (stall.parent);
CREATE TABLE stall.grandchild () INHERITS (stall.child, stall.parent);
INSERT INTO stall.parent VALUES (1); INSERT INTO stall.child VALUES (2, 'c', 3); INSERT INTO stall.grandchild VALUES (4, 'g', 5);
CREATE TABLE stall.no_columns ();
INSERT INTO stall.no_columns DEFAULT VALUES;
INSERT INTO stall.no_columns DEFAULT VALUES;
CREATE TABLE stall.in_space (id int PRIMARY KEY USING INDEX TABLESPACE fast) TABLESPACE fast;
CREATE TABLE stall.by_method (id int) USING another_heap;
CREATE TABLE stall.replicated (id int NOT NULL, other int); CREATE UNIQUE INDEX identity ON stall.replicated (id); ALTER TABLE stall.replicated REPLICA IDENTITY USING INDEX identity;
CREATE TABLE stall.replicated_full (id int); ALTER TABLE stall.replicated_full REPLICA IDENTITY FULL;
CREATE TABLE stall.only_generated (a int GENERATED ALWAYS AS (1) STORED);
INSERT INTO stall.only_generated DEFAULT VALUES;
CREATE TABLE stall.wide AS SELECT * FROM (SELECT repeat('x', 100000) AS long, g FROM generate_series(1, 20) g) AS s;
CREATE TABLE "odd ""schema"". it's"."odd.""table"" it's; DROP TABLE x; --" ("a	tab" int, "two
lines" int, "\\" text);
INSERT INTO "odd ""schema"". it's"."odd.""table"" it's; DROP TABLE x; --" VALUES (1, 2, '\.');
CREATE TABLE "Animal" ("Id" int);
CREATE TABLE "select" ("from" int, "where" int);
CREATE TABLE "größe 動物" ("ñ" int);
CREATE TABLE "a table whose name is as long as names can be, which is sixty-3" (id int);

-- Partitions.
CREATE TABLE stall.part (id int, section int, name text DEFAULT 'part') PARTITION BY RANGE (section);
CREATE TABLE stall.part_low PARTITION OF stall.part FOR VALUES FROM (MINVALUE) TO (5);
CREATE TABLE stall.part_high (section int, extra int, id int, name text DEFAULT 'own');
ALTER TABLE stall.part_high DROP COLUMN extra;
ALTER TABLE stall.part ATTACH PARTITION stall.part_high FOR VALUES FROM (5) TO (10);
CREATE TABLE stall.part_default PARTITION OF stall.part DEFAULT PARTITION BY LIST (name);
CREATE TABLE stall.part_default_null PARTITION OF stall.part_default FOR VALUES IN (NULL, 'it''s');
CREATE TABLE stall.part_default_rest PARTITION OF stall.part_default DEFAULT TABLESPACE fast;
CREATE TABLE stall.hashed (id int PRIMARY KEY) PARTITION BY HASH (id);
CREATE TABLE stall.hashed_0 PARTITION OF stall.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE stall.hashed_1 PARTITION OF stall.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1) WITH (fillfactor = 50);
CREATE TABLE stall.by_mood (mood stall.mood) PARTITION BY HASH (mood);
CREATE TABLE stall.by_mood_0 PARTITION OF stall.by_mood FOR VALUES WITH (MODULUS 1, REMAINDER 0);
INSERT INTO stall.by_mood VALUES ('well'), ('größe'), (NULL);
CREATE TABLE stall.without_partitions (id int) PARTITION BY LIST ((id % 3));
INSERT INTO stall.part SELECT n, n % 12 FROM generate_series(1, 500) n;
INSERT INTO stall.hashed SELECT generate_series(1, 100);
CREATE INDEX of_all ON stall.part (id);
CREATE INDEX of_some ON ONLY stall.part (section);
CREATE UNIQUE INDEX of_low ON stall.part_low (id, section);
ALTER TABLE stall.hashed ADD FOREIGN KEY (id) REFERENCES stall.hashed;

-- Views and rules.
CREATE VIEW stall.some WITH (security_barrier, check_option = cascaded, security_invoker) AS SELECT id, name FROM stall.animal WHERE name LIKE 'animal %';
CREATE VIEW stall."odd ""view"" it's" AS SELECT 1 AS "a ""b""", 'it''s' AS c;
CREATE RECURSIVE VIEW stall.count_up (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM count_up WHERE n < 5;
CREATE VIEW stall.with_key AS SELECT id, name FROM stall.animal GROUP BY id;
CREATE VIEW stall.over_view AS SELECT * FROM stall.some JOIN stall."odd ""view"" it's" ON true;
CREATE VIEW stall.lateral AS SELECT a.id, x.* FROM stall.a, LATERAL (SELECT a.id * 2 AS double, row_number() OVER (PARTITION BY a.b ORDER BY a.id) FROM generate_series(1, 2)) AS x;
ALTER VIEW stall.some ALTER COLUMN name SET DEFAULT 'animal';
CREATE MATERIALIZED VIEW stall.counted AS SELECT section, count(*) FROM stall.part GROUP BY section;
CREATE UNIQUE INDEX ON stall.counted (section);
CREATE MATERIALIZED VIEW stall.over_counted AS SELECT max(count) FROM stall.counted;
CREATE MATERIALIZED VIEW stall.unfilled AS SELECT 1 AS one WITH NO DATA;
CREATE VIEW stall.circle AS SELECT 1 AS a;
CREATE VIEW stall.circle_2 AS SELECT * FROM stall.circle;
CREATE TABLE stall.ruled (a int, b int);
CREATE RULE "odd ""rule""" AS ON INSERT TO stall.ruled WHERE new.a > 10 DO INSTEAD (INSERT INTO stall.a VALUES (new.a); DELETE FROM stall.b WHERE id = new.a);
CREATE RULE told AS ON DELETE TO stall.ruled DO ALSO NOTIFY ruled;
CREATE RULE on_update AS ON UPDATE TO stall.ruled DO ALSO NOTHING;
ALTER TABLE stall.ruled DISABLE RULE on_update;
CREATE RULE through AS ON DELETE TO stall.over_view DO INSTEAD NOTHING;
COMMENT ON RULE on_update ON stall.ruled IS 'a rule';
COMMENT ON VIEW stall.some IS 'some';
COMMENT ON MATERIALIZED VIEW stall.counted IS 'counted';
GRANT SELECT ON stall.some, stall.counted TO readers;

-- Triggers and policies.
CREATE FUNCTION stall.shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;
CREATE FUNCTION stall.quiet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER "odd ""trigger"" it's" BEFORE INSERT OR UPDATE OF name ON stall.animal FOR EACH ROW WHEN (NEW.name IS NOT NULL) EXECUTE FUNCTION stall.shout('a''b', '\x');
CREATE TRIGGER after_all AFTER INSERT ON stall.animal REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stall.quiet();
CREATE TRIGGER truncated BEFORE TRUNCATE ON stall.animal EXECUTE FUNCTION stall.quiet();
CREATE CONSTRAINT TRIGGER held AFTER INSERT ON stall.a FROM stall.b DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION stall.quiet();
CREATE TRIGGER instead INSTEAD OF INSERT ON stall.circle FOR EACH ROW EXECUTE FUNCTION stall.quiet();
CREATE TRIGGER of_parts AFTER INSERT ON stall.part FOR EACH ROW EXECUTE FUNCTION stall.quiet();
ALTER TABLE stall.part_low DISABLE TRIGGER of_parts;
ALTER TABLE stall.animal DISABLE TRIGGER after_all;
ALTER TABLE stall.animal ENABLE REPLICA TRIGGER truncated;
COMMENT ON TRIGGER after_all ON stall.animal IS 'after';
CREATE TABLE stall.secret (id int, owner name);
INSERT INTO stall.secret VALUES (1, 'app'), (2, 'readers');
ALTER TABLE stall.secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY "odd ""policy""" ON stall.secret AS RESTRICTIVE FOR UPDATE TO readers USING (owner = current_user) WITH CHECK (id > 0);
CREATE POLICY everybody ON stall.secret USING (true);
COMMENT ON POLICY everybody ON stall.secret IS 'all';
CREATE FUNCTION stall.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN IF current_setting('zoo.strict', true) = 'on' THEN RAISE 'no'; END IF; END $$;
CREATE EVENT TRIGGER "odd ""event""" ON ddl_command_start WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE FUNCTION stall.on_ddl();
CREATE EVENT TRIGGER rewritten ON table_rewrite EXECUTE FUNCTION stall.on_ddl();
ALTER EVENT TRIGGER rewritten DISABLE;
COMMENT ON EVENT TRIGGER rewritten IS 'rewritten';

-- Elsewhere.
CREATE FOREIGN DATA WRAPPER own_wrapper OPTIONS (debug 'tr''ue');
CREATE SERVER "odd ""server""" TYPE 'x' VERSION '1' FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nonexistent', dbname 'a b');
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE SERVER of_own FOREIGN DATA WRAPPER own_wrapper;
CREATE USER MAPPING FOR app SERVER "odd ""server""" OPTIONS (user 'u', password 'p''w"\');
CREATE USER MAPPING FOR PUBLIC SERVER "odd ""server""" OPTIONS (user 'v');
GRANT USAGE ON FOREIGN SERVER files TO app;
GRANT USAGE ON FOREIGN DATA WRAPPER own_wrapper TO readers;
CREATE FOREIGN TABLE stall.away (id int OPTIONS (column_name 'o''ther') NOT NULL, name text) SERVER "odd ""server""" OPTIONS (schema_name 's', table_name 't');
CREATE FOREIGN TABLE stall.accounts (line text) SERVER files OPTIONS (filename '/nonexistent', format 'text', delimiter E'\x01');
CREATE TABLE stall.mixed (id int, name text) PARTITION BY LIST (id);
CREATE FOREIGN TABLE stall.mixed_away PARTITION OF stall.mixed FOR VALUES IN (1) SERVER "odd ""server""";
CREATE PUBLICATION "odd ""publication""" FOR TABLE stall.animal (id, name) WHERE (id > 5), ONLY stall.parent WITH (publish = 'insert, update', publish_via_partition_root = true);
CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA stall;
CREATE PUBLICATION of_all FOR ALL TABLES;
COMMENT ON PUBLICATION of_all IS 'all';
CREATE SUBSCRIPTION sub CONNECTION 'host=/nonexistent dbname=x password=''secret of sub''' PUBLICATION p, "q r" WITH (connect = false, slot_name = NONE, binary = true, streaming = true);
COMMENT ON SUBSCRIPTION sub IS 'a subscription';

-- Large objects.
SELECT lo_from_bytea(4711, '\x00ff10') \g /dev/null
SELECT lo_from_bytea(4712, '') \g /dev/null
SELECT lo_from_bytea(4713, convert_to(repeat('large', 100000), 'UTF8')) \g /dev/null
ALTER LARGE OBJECT 4711 OWNER TO app;
GRANT SELECT ON LARGE OBJECT 4711 TO readers;
COMMENT ON LARGE OBJECT 4711 IS 'an object';

-- Rights on what the server brought, which pg_dump knows by pg_init_privs.
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_dir(text) TO app;
REVOKE EXECUTE ON FUNCTION pg_catalog.lo_export(oid, text) FROM PUBLIC;
GRANT SELECT ON pg_catalog.pg_authid TO above;
