//! What a server made once, and makes no more: the rest of its database comes back, and it is named.

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;
use crate::forgery::Forgery;

/// A trigger whose column is gone, rows without the shape that their column has to have, and a view over a function that is gone.
const REFUSED: &str = "
    CREATE DATABASE d; USE d;
    CREATE TABLE first (id INT PRIMARY KEY, d INT); INSERT INTO first VALUES (1, 1);
    CREATE TRIGGER late BEFORE UPDATE ON first FOR EACH ROW SET @a = OLD.d; ALTER TABLE first DROP COLUMN d;
    CREATE TRIGGER well BEFORE INSERT ON first FOR EACH ROW SET @a = NEW.id;
    CREATE TABLE shapes (id INT PRIMARY KEY); INSERT INTO shapes VALUES (1), (2); ALTER TABLE shapes ADD COLUMN at POINT NOT NULL;
    CREATE TABLE still (id INT); INSERT INTO still VALUES (1), (2), (3);
    CREATE PROCEDURE p() SELECT 1; CREATE VIEW v AS SELECT id FROM still;
    CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1;
    CREATE DATABASE other; CREATE TABLE other.t (id INT); INSERT INTO other.t VALUES (1)";

const THERE: &str = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'd' ORDER BY 1;
    SELECT routine_name FROM information_schema.routines WHERE routine_schema = 'd';
    SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = 'd';
    SELECT COUNT(*) FROM d.first; SELECT COUNT(*) FROM d.shapes; SELECT COUNT(*) FROM d.v; SELECT COUNT(*) FROM other.t";

#[test]
fn what_a_server_makes_no_more_is_named_and_costs_nothing_else() {
    let server = MariaDb::start();
    server.sql(REFUSED);
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);

    let told = [
        "ERROR 1054 (42S22)",
        "`d` comes without what the server refuses with the error above: trigger late",
        "ERROR 1416 (22003)",
        "`d` comes without what the server refuses with the error above: rows of shapes",
        "`d` is not whole now: 2 of its statements were refused by the server, and the rest is there",
    ];
    let drilled = host.batt_drill("mysql").code(2);
    drilled.says("loaded whole: `mysql`, `other`; not: `d`");
    for words in told {
        drilled.says(words);
    }

    // Its drill has failed, so it has to be named.
    let listed = host.listed();
    let from = listed[0]["id"].as_str().unwrap();
    server.sql("DROP DATABASE d; DROP DATABASE other");
    let restored = host.batt_restore(&[], &["mysql", "--from", from]).code(2);
    restored.says("2 of its statements were refused by the server");
    assert_eq!(
        server.sql(THERE),
        "first\nshapes\nstill\nv\np\nwell\n1\n0\n3\n1\n"
    );

    // Nothing of a copy does again what the original does.
    host.batt_restore(
        &[],
        &["mysql", "--from", from, "--mysql-db", "d", "--into", "copy"],
    )
    .code(2);
    let state = "SELECT status FROM information_schema.events WHERE event_schema = 'copy'";
    assert_eq!(server.sql(state), "DISABLED\n");

    // What is there stays where what would take its place is not whole.
    server.sql("INSERT INTO d.still VALUES (4)");
    host.batt_restore(&[], &["mysql", "--from", from, "--mysql-db", "d", "--replace"])
        .code(2);
    assert_eq!(server.sql("SELECT COUNT(*) FROM d.still"), "4\n");
}

/// A letter of Shift JIS with a backslash for its second byte: server and client read the text in different ways.
#[test]
fn what_no_restore_takes_is_no_good_backup() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE t (id INT); INSERT INTO t VALUES (1); CREATE DATABASE e; CREATE TABLE e.t (id INT)",
    );
    server.sql("USE d; SET @made = CONCAT(\"CREATE PROCEDURE p() SELECT '\", '表', \"'\"); SET character_set_client = sjis; EXECUTE IMMEDIATE @made");
    let host = Host::new();
    configure(&host, &server, &[]);
    let told = host.batt(&["mysql"]).code(2);
    told.says("only a part is proven, 3 archives");
    told.says("`d`: it is stored, and `batt restore` does not take it: it ends within a statement: `CREATE DEFINER=`root`@`localhost` PROCEDURE `p`()");
    let listed = host.listed();
    assert_eq!(listed[0]["state"], "partial", "{listed:#?}");
    server.sql("DROP PROCEDURE d.p; CREATE VIEW d.v AS SELECT id FROM d.t");
    host.batt(&["mysql"]).code(0);
    // What was seen then needs not be seen again.
    let manifest = host.manifest("mysql");
    let needs = |name: &str| {
        let archives = manifest["archives"].as_array().unwrap();
        let archive = archives.iter().find(|one| one["name"] == name).unwrap();
        archive["facts"]["needs"].as_str().unwrap().to_owned()
    };
    assert_eq!([needs("d"), needs("e")], ["programs", "none"]);
}

/// What follows would be read by the server in another way than it was looked at.
#[test]
fn behind_a_setting_that_is_refused_nothing_is_loaded() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT)");
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["--mysql-db", "d"]).code(0);
    let statements = "/*!50003 SET sql_mode = 'NO_BACKSLASH_ESCAPES,NO_SUCH_MODE' */ ;\n\
         DELIMITER ;;\nCREATE PROCEDURE `p`() SELECT '\\';;\nDELIMITER ;\n\
         /*!50003 SET sql_mode = @saved_sql_mode */ ;\nDELIMITER ;;\nCREATE PROCEDURE `q`() SELECT '; SELECT 1; -- ';;\nDELIMITER ;\n";
    let forged = Forgery::of(&host.backup("mysql")).append("d.zst", statements);
    let empty = MariaDb::start();
    forged.restore_to(&empty, &[]).code(2).says("ERROR 1231 (42000)");
    let made = "SELECT routine_name FROM information_schema.routines WHERE routine_schema = 'd'";
    assert_eq!(empty.sql(made), "");
}
