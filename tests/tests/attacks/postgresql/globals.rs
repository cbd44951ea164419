//! The archive of roles: what stands in it is not what pg_dumpall wrote.

use std::fs;

use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;

use super::{host_of, is_superuser};

const HEAD: &str = "--\n-- PostgreSQL database cluster dump\n--\n\nSET default_transaction_read_only = off;\n\n\
    SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\n--\n-- Roles\n--\n\nCREATE ROLE honest;\n";
const TAIL: &str = "\n\n--\n-- PostgreSQL database cluster dump complete\n--\n\n";

/// Publishes a backup of this host whose archive of roles holds `statements`, and restores it.
fn restore(host: &Host, statements: &str) -> batt_tests::finished::Finished {
    let file = host.scratch().join("forged.sql");
    fs::write(&file, format!("{HEAD}{statements}{TAIL}")).unwrap();
    let body = format!(
        "batt record server.version 15.1\nbatt record tool.version 'pg_dump (PostgreSQL) 15.1'
         batt store --check postgresql-globals pg_dumpall-globals -- cat '{}'",
        file.display()
    );
    let told = host.try_script("postgresql", &body);
    assert_eq!(told.exit, 0, "{}", told.reason);
    let finished = host.batt(&["restore", "postgresql"]);
    fs::remove_dir_all(host.root().join("backup")).unwrap();
    finished
}

#[test]
fn commands_and_statements_that_no_archive_of_roles_holds_are_refused() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE ROLE present");
    let host = host_of(&server, &[]);
    let ours = host.scratch().join("canary");
    let theirs = server.make_folder("theirs").join("canary");
    let (mine, its) = (ours.display(), theirs.display());
    let read = |setting: &str| server.sql("postgres", &format!("SHOW {setting}"));
    let before = (read("archive_command"), server.roles());
    let mut forged = vec![
        format!("\\! touch {mine}\n"),
        format!("CREATE ROLE a; \\! touch {mine}\n"),
        format!("COMMENT ON ROLE honest IS 'x\nALTER ROLE present \\'';\n\\! touch {mine}\n"),
        format!("COMMENT ON ROLE honest IS 'x\nALTER ROLE present \n';\n\\! touch {mine}\n--';\n"),
        format!(
            "COMMENT ON ROLE honest IS 'x\nCREATE ROLE present;'\nCOMMENT ON ROLE honest IS '\n\\! touch {mine}\n';\n"
        ),
        format!("COMMENT ON ROLE honest IS E'\\'\n\\! touch {mine}\n';\n"),
        format!(
            "SET standard_conforming_strings = off;\nCOMMENT ON ROLE honest IS '\\';\n\\! touch {mine}\n--';\n"
        ),
        format!("COMMENT ON ROLE honest IS $$\n\\! touch {mine}\n$$;\n"),
        format!("/* /* */\n\\! touch {mine}\n*/\n"),
        format!("-- a\r\\! touch {mine}\n"),
        format!(
            "SET client_encoding = 'SJIS';\nCOMMENT ON ROLE honest IS E'\u{81}\\\\';\n\\! touch {mine}\n--';\n"
        ),
        format!("\\unrestrict x\n\\! touch {mine}\n"),
        format!("\\o |touch {mine}\nSELECT 1;\n"),
        format!("SELECT 1 \\g |touch {mine}\n"),
        format!("SELECT 'touch {mine}' \\gexec\n\\set x `touch {mine}`\n"),
        format!("\\copy (SELECT 1) TO PROGRAM 'touch {mine}'\n"),
        format!("COPY (SELECT 1) TO PROGRAM 'touch {its}';\n"),
        format!("DO $$ BEGIN COPY (SELECT 1) TO PROGRAM 'touch {its}'; END $$;\n"),
        format!("do $x$ begin copy (select 1) to program 'touch {its}'; end $x$;\n"),
        format!("CREATE TABLE t (x text);\nCOPY t FROM PROGRAM 'touch {its}';\n"),
        format!("SELECT lo_export(lo_from_bytea(0, 'x'), '{its}');\n"),
        "ALTER SYSTEM SET archive_command = 'touch x';\nSELECT pg_reload_conf();\n".to_owned(),
        "ALTER ROLE postgres PASSWORD 'x';\n".to_owned(),
        "ALTER ROLE POSTGRES WITH PASSWORD 'x';\n".to_owned(),
        "ALTER ROLE U&\"postgres\" WITH PASSWORD 'x';\n".to_owned(),
        "ALTER ROLE current_user WITH PASSWORD 'x';\n".to_owned(),
        "CREATE ROLE a; ALTER ROLE postgres WITH PASSWORD 'x';\n".to_owned(),
        "GRANT SELECT ON pg_authid TO honest;\n".to_owned(),
        "SELECT pg_catalog.set_config('log_statement', 'all', false);\n".to_owned(),
    ];
    // Whatever stands before it.
    for statement in [
        "ALTER ROLE present WITH SUPERUSER;\n",
        "COMMENT ON ROLE present IS 'x';\n",
    ] {
        forged.push(format!("{statement}BEGIN;\n"));
    }
    for statements in forged {
        let finished = restore(&host, &statements);
        let now = (read("archive_command"), server.roles());
        let says = format!("{statements}\n---\n{}", finished.said());
        assert!(!ours.exists(), "a command of ours: {says}");
        assert!(!theirs.exists(), "a command of the server: {says}");
        assert_ne!(finished.code, Some(0), "{says}");
        // What stands in it before the forged statement is not run either.
        assert_eq!(now, before, "{says}");
    }
}

/// These have the form that pg_dumpall gives them, so they pass; but what was there is left alone.
#[test]
fn roles_that_are_there_are_left_alone_however_they_are_written() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE ROLE present; CREATE ROLE other");
    let host = host_of(&server, &[]);
    let canary = host.scratch().join("canary");
    let before = server.roles();
    for statements in [
        "ALTER ROLE postgres WITH SUPERUSER PASSWORD 'x';\n",
        "ALTER ROLE \"postgres\" WITH SUPERUSER PASSWORD 'x';\n",
        "ALTER ROLE \"present\" WITH SUPERUSER LOGIN PASSWORD 'x';\n",
        "ALTER ROLE present IN DATABASE postgres SET search_path TO 'x';\n",
        "GRANT postgres TO present;\n",
        "GRANT \"postgres\" TO \"present\" WITH ADMIN OPTION;\n",
        "GRANT SET ON PARAMETER log_statement TO present;\n",
        "GRANT ALTER SYSTEM ON PARAMETER log_statement TO PUBLIC;\n",
        "COMMENT ON ROLE honest IS 'x\nCREATE ROLE present;\n';\nCOMMENT ON ROLE honest IS '\n\\! touch CANARY\n';\n",
        "COMMENT ON ROLE honest IS 'x\nALTER ROLE present \"\n';\nCOMMENT ON ROLE honest IS '\n\\! touch CANARY\n';\n",
        "COMMENT ON ROLE present IS 'x';\n",
    ] {
        let statements = statements.replace("CANARY", canary.to_str().unwrap());
        let finished = restore(&host, &statements);
        let says = format!("{statements}\n---\n{}", finished.said());
        assert!(!canary.exists(), "{says}");
        server.sql("postgres", "DROP ROLE IF EXISTS honest");
        assert_eq!(server.roles(), before, "{says}");
        let given = "SELECT * FROM pg_db_role_setting; SELECT * FROM pg_parameter_acl; SELECT * FROM pg_shdescription WHERE classoid = 'pg_authid'::regclass";
        assert_eq!(server.sql("postgres", given), "", "{says}");
    }
}

#[test]
fn what_pg_dumpall_writes_comes_back() {
    let server = Postgresql::start();
    server.sql(
        "postgres",
        "CREATE ROLE \"we;ird\nrole \"\"x\" NOINHERIT; CREATE ROLE \"back\\slash '\" LOGIN PASSWORD 'a\\b''c' VALID UNTIL '2099-01-01';
         CREATE ROLE \"all\"; CREATE ROLE \"CREATE ROLE x;\n\\! touch x\n\"; CREATE ROLE plain CONNECTION LIMIT 7;
         GRANT plain TO \"all\" WITH ADMIN OPTION; GRANT \"we;ird\nrole \"\"x\" TO plain;
         COMMENT ON ROLE plain IS E'it''s\\nCREATE ROLE plain;\\nALTER ROLE postgres\\\\ \"';
         ALTER ROLE plain SET search_path = \"$user\", \"a,b\", public; ALTER ROLE plain SET work_mem = '8MB';
         ALTER ROLE plain SET my.own = E'two\\nlines\\\\''\"'; GRANT SET ON PARAMETER log_statement TO plain WITH GRANT OPTION;
         CREATE DATABASE other; ALTER ROLE plain IN DATABASE other SET work_mem = '9MB';",
    );
    let folder = server.make_folder("space");
    server.sql(
        "postgres",
        &format!(
            "CREATE TABLESPACE \"spa ce\" OWNER plain LOCATION '{}'",
            folder.display()
        ),
    );
    server.sql("postgres", "ALTER TABLESPACE \"spa ce\" SET (random_page_cost = 1.5, effective_io_concurrency = 3); GRANT CREATE ON TABLESPACE \"spa ce\" TO \"all\"; COMMENT ON TABLESPACE \"spa ce\" IS 'x'");
    let host = host_of(&server, &[]);
    host.batt(&["postgresql"]).code(0);
    let told = |server: &Postgresql| {
        server.roles()
            + &server.sql(
                "postgres",
                "SELECT rolname, setconfig, shobj_description(r.oid, 'pg_authid') FROM pg_roles r LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid AND setdatabase = 0 ORDER BY 1;
                 SELECT spcname, spcacl, spcoptions, pg_get_userbyid(spcowner), shobj_description(oid, 'pg_tablespace') FROM pg_tablespace ORDER BY 1; SELECT * FROM pg_parameter_acl;",
            )
    };
    let before = told(&server);
    server.sql(
        "postgres",
        "DROP TABLESPACE \"spa ce\"; REVOKE ALL ON PARAMETER log_statement FROM plain; DROP DATABASE other; DROP ROLE plain; DROP ROLE \"all\"; DROP ROLE \"we;ird\nrole \"\"x\";
         DROP ROLE \"back\\slash '\"; DROP ROLE \"CREATE ROLE x;\n\\! touch x\n\"",
    );

    let archive = ["restore", "postgresql", "--postgresql-db", "pg_dumpall-globals"];
    host.batt(&archive).code(0).says("no difference");
    // oids of parameters are new ones.
    let without_oids = |text: String| {
        text.lines()
            .filter(|line| !line.contains("|log_statement|"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(without_oids(told(&server)), without_oids(before));
    // What is there already is left alone, and with --replace changed back.
    server.sql("postgres", "ALTER ROLE plain CONNECTION LIMIT 9");
    host.batt(&archive).code(0);
    assert_eq!(
        server.sql(
            "postgres",
            "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'plain'"
        ),
        "9\n"
    );
    let replacing = [
        "restore",
        "postgresql",
        "--postgresql-db",
        "pg_dumpall-globals",
        "--replace",
    ];
    host.batt(&replacing).code(0);
    assert_eq!(
        server.sql(
            "postgres",
            "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'plain'"
        ),
        "7\n"
    );
    assert!(is_superuser(&server, "postgres"));
}
