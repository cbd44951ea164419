//! Bodies of routines in a genuine backup, by somebody who may make them and nothing else.

use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

/// What `eve` makes with the right to make routines in `d`, and her mode: a server reads one routine, and the client of a restore would read three.
const BODIES: [(&str, &str); 3] = [
    (
        "",
        "CREATE PROCEDURE `p`() SELECT 1 --\u{1} ;; CREATE OR REPLACE DEFINER=`root`@`localhost` PROCEDURE `a`() GRANT ALL ON *.* TO eve@localhost ;; \
         CREATE PROCEDURE `q`() SELECT 1\n+1",
    ),
    (
        "",
        "CREATE PROCEDURE `p`() SELECT 1 --\u{b} ;; CREATE OR REPLACE DEFINER=`root`@`localhost` PROCEDURE `a`() GRANT ALL ON *.* TO eve@localhost ;; \
         CREATE PROCEDURE `q`() SELECT 1\n+1",
    ),
    (
        "MSSQL",
        "CREATE PROCEDURE `p`() SELECT 1 AS [' ;; CREATE OR REPLACE DEFINER=`root`@`localhost` PROCEDURE `a`() GRANT ALL ON *.* TO eve@localhost ;; \
         CREATE PROCEDURE `q`() SELECT 1 AS [']",
    ),
];

#[test]
fn who_may_make_a_routine_has_no_other_one_made_by_a_restore() {
    for (mode, body) in BODIES {
        let server = MariaDb::start();
        server.sql(
            "CREATE DATABASE d; CREATE TABLE d.t (id INT); CREATE USER eve@localhost IDENTIFIED BY 'x';
             GRANT CREATE ROUTINE, ALTER ROUTINE, EXECUTE, SELECT ON d.* TO eve@localhost",
        );
        let mut eve = Command::new("mariadb");
        eve.arg(format!(
            "--defaults-file={}",
            server.option_file("eve", "x").display()
        ));
        // All that she writes reaches the server.
        eve.arg("--comments");
        let statements = format!("USE d; SET sql_mode = '{mode}';\nDELIMITER //\n{body}//\n");
        let made = Finished::run_with(&mut eve, statements.as_bytes());
        // That she made one, and no more, is what makes it an attack.
        let routines =
            "SELECT GROUP_CONCAT(routine_name) FROM information_schema.routines WHERE routine_schema = 'd'";
        assert_eq!(server.sql(routines), "p\n", "{body:?} {}", made.said());

        let host = Host::new();
        let options = server.option_file("root", "");
        host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
        let backed_up = host.batt(&["mysql"]).code(2);
        backed_up.says("`d`: it is stored, and `batt restore` does not take it: ");
        let listed = host.listed();
        let id = listed[0]["id"].as_str().unwrap();
        server.sql("DROP DATABASE d");
        host.batt(&["restore", "mysql", "--mysql-db", "d", "--from", id])
            .code(2)
            .says("not to be restored: ");
        assert_eq!(server.sql(routines), "NULL\n", "{body:?}");
    }
}
