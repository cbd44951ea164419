-- What came with PostgreSQL 18.
CREATE DATABASE builtin_18 TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST' LOCALE 'C';
CREATE TABLE stall.virtual_18 (id int CONSTRAINT named_not_null NOT NULL, double int GENERATED ALWAYS AS (id * 2), kept int GENERATED ALWAYS AS (id * 3) STORED, u uuid DEFAULT uuidv7());
INSERT INTO stall.virtual_18 (id) SELECT generate_series(1, 100);
CREATE TABLE stall.loose_18 (id int, a int, CONSTRAINT unheeded CHECK (a > 0) NOT ENFORCED);
INSERT INTO stall.loose_18 VALUES (NULL, -1);
ALTER TABLE stall.loose_18 ADD CONSTRAINT later_not_null NOT NULL id NOT VALID;
ALTER TABLE stall.loose_18 ADD CONSTRAINT unheeded_key FOREIGN KEY (a) REFERENCES stall.a NOT ENFORCED;
CREATE TABLE stall.parent_18 (a int CONSTRAINT not_for_children NOT NULL NO INHERIT);
CREATE TABLE stall.temporal_18 (id int, during daterange, PRIMARY KEY (id, during WITHOUT OVERLAPS));
CREATE TABLE stall.temporal_child_18 (id int, during daterange, FOREIGN KEY (id, PERIOD during) REFERENCES stall.temporal_18 (id, PERIOD during));
INSERT INTO stall.temporal_18 VALUES (1, '[2020-01-01,2021-01-01)'), (1, '[2021-01-01,2022-01-01)');
INSERT INTO stall.temporal_child_18 VALUES (1, '[2020-06-01,2021-06-01)');
CREATE PUBLICATION generated_18 FOR TABLE stall.virtual_18 WITH (publish_generated_columns = stored);
CREATE VIEW stall.casefold_18 AS SELECT casefold('A' COLLATE "pg_unicode_fast") AS c;
CREATE VIEW stall.returning_18 AS SELECT 1 AS one;
CREATE FUNCTION stall.old_new_18() RETURNS int BEGIN ATOMIC UPDATE stall.a SET b = NULL WHERE id = -1 RETURNING old.b + new.b; END;
