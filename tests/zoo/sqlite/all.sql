PRAGMA page_size = 8192;
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA application_id = 4711;
PRAGMA user_version = 42;
PRAGMA journal_mode = WAL;
CREATE TABLE animal (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT 'no''name' COLLATE NOCASE, upper_name TEXT GENERATED ALWAYS AS (upper(name)) STORED, short TEXT AS (substr(name, 1, 3)) VIRTUAL,
    i INT, r REAL, b BLOB, n NUMERIC, anything, CHECK (length(name) < 1000), UNIQUE (name, i) ON CONFLICT REPLACE);
INSERT INTO animal (name, i, r, b, n, anything) VALUES ('näme 🙂', 9223372036854775807, 1.7976931348623157e308, X'00FF', '1e400', NULL), ('line
feed' || char(0) || 'zero', -9223372036854775808, -0.0, X'', 'text', X'FFFE'), ('', 1, 1e-320, zeroblob(100000), 0.1, 'it''s');
INSERT INTO animal (name) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT 'animal ' || i FROM n;
CREATE TABLE without_rowid (a TEXT PRIMARY KEY DESC, b) WITHOUT ROWID;
INSERT INTO without_rowid VALUES ('x', 1), ('y', 2);
CREATE TABLE strict_one (a INTEGER, b ANY, c BLOB) STRICT;
INSERT INTO strict_one VALUES (1, 'x', X'00');
CREATE TABLE keeper (id INTEGER PRIMARY KEY, animal REFERENCES animal ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, nowhere REFERENCES not_there (id));
INSERT INTO keeper VALUES (1, 1, 99), (2, 4711, NULL);
CREATE TABLE "odd ""table"" it's; DROP TABLE x; --" ("a	tab", "two
lines", `b``q`, [c d]);
INSERT INTO "odd ""table"" it's; DROP TABLE x; --" VALUES (1, 2, 3, 4);
CREATE TABLE "select" ("from" INT);
CREATE TABLE "größe 動物" ("ñ" INT);
CREATE UNIQUE INDEX by_lower ON animal (lower(name) DESC, i) WHERE id > 10;
CREATE INDEX "odd ""index""" ON animal (length(b), r COLLATE RTRIM);
CREATE VIEW some AS SELECT id, name FROM animal WHERE name LIKE 'animal %';
CREATE VIEW broken AS SELECT * FROM not_there;
CREATE VIEW recursive_one AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i, row_number() OVER (ORDER BY i) FROM n;
CREATE TRIGGER "odd ""trigger""" AFTER INSERT ON keeper WHEN new.id > 5 BEGIN UPDATE animal SET i = 1 WHERE id = new.animal; SELECT 'a;b'; END;
CREATE TRIGGER instead INSTEAD OF DELETE ON some BEGIN DELETE FROM animal WHERE id = old.id; END;
CREATE VIRTUAL TABLE search USING fts5 (title, body, tokenize = 'porter unicode61');
INSERT INTO search VALUES ('one', 'runs running'), ('two', 'größe');
CREATE VIRTUAL TABLE search4 USING fts4 (body);
INSERT INTO search4 VALUES ('text of it');
CREATE VIRTUAL TABLE boxes USING rtree (id, x0, x1, y0, y1);
INSERT INTO boxes VALUES (1, 0, 1, 0, 1);
ANALYZE;
DELETE FROM animal WHERE id BETWEEN 100 AND 200;
