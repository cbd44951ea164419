-- What belongs to a server as a whole: roles, their settings and memberships, databases, templates. :folder is one of the server's.
CREATE ROLE readers;
CREATE ROLE writers NOINHERIT;
CREATE ROLE app LOGIN PASSWORD 'secret''s "of" app' CONNECTION LIMIT 7 VALID UNTIL '2099-01-02 03:04:05+00';
CREATE ROLE builder CREATEDB CREATEROLE;
CREATE ROLE copier REPLICATION LOGIN;
CREATE ROLE above BYPASSRLS;
CREATE ROLE second_superuser SUPERUSER LOGIN PASSWORD 'x';
CREATE ROLE "With Blank and ""quote""" LOGIN;
CREATE ROLE "größe'n\t" LOGIN;
CREATE ROLE "user";
CREATE ROLE "two
lines";
CREATE ROLE "-dash";
CREATE ROLE "$dollar$";
CREATE ROLE "a=b,c";
CREATE ROLE pgbouncer LOGIN PASSWORD 'SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$Jb6p8dhx0jPt1y4cC7bXNgh0CvEj8Qk5g0W1z1n0m+w=:Gd7vZL5rV8k4xk3mQ3b9rYpRkT7c6qTzB6V9zJm2e1c=';
GRANT readers TO app WITH ADMIN OPTION;
GRANT readers TO writers;
GRANT writers TO "With Blank and ""quote""";
GRANT pg_read_all_data TO above;
GRANT pg_monitor TO app;
COMMENT ON ROLE app IS 'it''s the application: \ " ; -- $$';
COMMENT ON ROLE readers IS 'two
lines';

-- Settings of roles that a session which restores must not have.
ALTER ROLE app SET search_path = '', public;
ALTER ROLE app SET work_mem = '8MB';
ALTER ROLE app SET default_transaction_read_only = on;
ALTER ROLE app SET "my.own" = 'it''s ''quoted''';
ALTER ROLE readers SET role = writers;
ALTER ROLE second_superuser SET default_transaction_isolation = 'serializable';
ALTER ROLE postgres SET default_transaction_read_only = on;
SET default_transaction_read_only = off;
ALTER ROLE postgres SET statement_timeout = '1ms';
ALTER ROLE postgres SET row_security = off;
ALTER ROLE postgres SET search_path = nowhere;
ALTER ROLE postgres SET client_min_messages = error;
ALTER ROLE postgres SET quote_all_identifiers = on;
ALTER ROLE postgres SET standard_conforming_strings = off;
ALTER ROLE postgres SET datestyle = 'German, DMY';
ALTER ROLE postgres SET intervalstyle = sql_standard;
ALTER ROLE postgres SET timezone = 'Asia/Kathmandu';
ALTER ROLE postgres SET extra_float_digits = 0;
ALTER ROLE postgres SET bytea_output = escape;
ALTER ROLE postgres SET xmloption = document;
ALTER ROLE postgres SET default_toast_compression = 'pglz';
ALTER ROLE postgres SET check_function_bodies = on;
ALTER ROLE postgres SET default_table_access_method = heap;
ALTER ROLE postgres SET lock_timeout = '1ms';
ALTER ROLE postgres SET idle_in_transaction_session_timeout = '1ms';
ALTER ROLE ALL SET log_min_duration_statement = '1h';

CREATE TABLESPACE fast OWNER builder LOCATION :'folder';
COMMENT ON TABLESPACE fast IS 'quick';
ALTER TABLESPACE fast SET (random_page_cost = 1.1);
GRANT CREATE ON TABLESPACE fast TO app;

CREATE DATABASE zoo OWNER app TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
COMMENT ON DATABASE zoo IS 'all of it; it''s "whole"';
GRANT CONNECT, TEMPORARY ON DATABASE zoo TO readers WITH GRANT OPTION;
REVOKE TEMPORARY ON DATABASE zoo FROM PUBLIC;
ALTER DATABASE zoo SET search_path = '$user', stall, public;
ALTER DATABASE zoo SET "zoo.visitors" = 'none, "yet"';
ALTER DATABASE zoo CONNECTION LIMIT 50;
ALTER ROLE app IN DATABASE zoo SET work_mem = '9MB';
ALTER ROLE "With Blank and ""quote""" IN DATABASE postgres SET search_path = 'a b', "c""d";

-- Settings of databases that a session which restores must not have.
CREATE DATABASE read_only TEMPLATE template0;
ALTER DATABASE read_only SET default_transaction_read_only = on;
CREATE DATABASE hurried TEMPLATE template0;
ALTER DATABASE hurried SET statement_timeout = '1ms';
ALTER DATABASE hurried SET lock_timeout = '1ms';
ALTER DATABASE hurried SET idle_in_transaction_session_timeout = '1ms';
CREATE DATABASE strange TEMPLATE template0;
ALTER DATABASE strange SET row_security = off;
ALTER DATABASE strange SET search_path = '';
ALTER DATABASE strange SET standard_conforming_strings = off;
ALTER DATABASE strange SET client_encoding = 'SQL_ASCII';
ALTER DATABASE strange SET default_with_oids = off;
ALTER DATABASE strange SET datestyle = 'SQL, DMY';
ALTER DATABASE strange SET role = readers;
ALTER DATABASE strange SET session_replication_role = replica;
ALTER DATABASE strange SET default_tablespace = fast;
ALTER DATABASE strange SET escape_string_warning = off;
ALTER DATABASE strange SET transform_null_equals = on;
ALTER DATABASE strange SET quote_all_identifiers = on;
ALTER DATABASE strange SET default_transaction_deferrable = on;
ALTER DATABASE strange SET default_transaction_isolation = serializable;
CREATE DATABASE elsewhere TEMPLATE template0 TABLESPACE fast;
CREATE DATABASE western TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
CREATE DATABASE bytes TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C';
CREATE DATABASE icu TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LOCALE 'C.UTF-8';
CREATE DATABASE limited TEMPLATE template0 CONNECTION LIMIT 0;
CREATE DATABASE empty TEMPLATE template0;

-- Those that are easily forgotten.
CREATE DATABASE template_of_ours TEMPLATE template0 OWNER builder;
CREATE DATABASE closed TEMPLATE template0 OWNER builder;
COMMENT ON DATABASE closed IS 'closed for good';

CREATE DATABASE "it's ""q"" \b" TEMPLATE template0;
CREATE DATABASE "größe 動物園" TEMPLATE template0;
CREATE DATABASE "two
lines" TEMPLATE template0;
CREATE DATABASE "Zoo" TEMPLATE template0;
