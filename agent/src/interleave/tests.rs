//! Small programs in place of dump programs.

use std::sync::{Arc, Mutex};

use super::*;

const HEAD: &str = "\
/*M!999999\\- enable the sandbox mode */ 
-- MariaDB dump 10.19
--

/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

";
const FOOT: &str = "\
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2026-01-01  0:00:00
";
const TABLES: &str = "CREATE TABLE `a` (\n  `id` int\n);\nCREATE TABLE `b` (\n  `id` int\n);\n";
const VIEW: &str =
    "\n--\n-- Final view structure for view `v`\n--\n\n/*!50001 CREATE VIEW `v` AS select 1*/;\n";
/// A routine that holds what ends a dump.
const ROUTINE: &str = "DELIMITER ;;\nCREATE PROCEDURE p() SELECT '\n/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n' ;;\nDELIMITER ;\n";

/// Of no table rows are required.
const FILLED: &str = "-- Dump completed\n";

fn definitions() -> String {
    format!("{HEAD}{TABLES}{VIEW}{FOOT}")
}

fn rows(rows: &str) -> String {
    format!("{HEAD}\n--\n-- Dumping data for table `a`\n--\n\n{rows}{FOOT}")
}

fn programs() -> String {
    format!("{HEAD}{ROUTINE}{FOOT}")
}

/// Writes into memory that the test sees.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A shell that does more, and prints these texts then, each by its word.
struct Dumps {
    folder: tempfile::TempDir,
    more: String,
}

impl Dumps {
    fn new(rows: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dumps = Self {
            folder,
            more: String::new(),
        };
        dumps.put("definitions", &definitions());
        dumps.put("programs", &programs());
        dumps.put("filled", FILLED);
        for (number, rows) in rows.iter().enumerate() {
            dumps.put(&format!("rows-{number}"), rows);
        }
        dumps
    }

    fn put(&self, word: &str, text: &str) {
        std::fs::write(self.folder.path().join(word), text).unwrap();
    }

    fn run(&self, count: u16) -> (Result<(), InterleaveError>, String) {
        self.run_until(count, &Cancellation::never())
    }

    fn run_until(&self, count: u16, cancellation: &Cancellation) -> (Result<(), InterleaveError>, String) {
        let script = format!("cd {}\n{}\ncat \"$1\"", self.folder.path().display(), self.more);
        let request = InterleaveRequest {
            rows: count,
            command: ["sh", "-c", &script, "sh"].map(OsString::from).to_vec(),
        };
        let written = Written::default();
        let done = interleave(&request, written.clone(), cancellation);
        let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        (done, written)
    }
}

fn inserts(table: &str, count: usize) -> String {
    (0..count)
        .map(|row| {
            format!(
                "INSERT INTO `{table}` VALUES ({row},'{}');\n",
                "x".repeat(row % 300)
            )
        })
        .collect()
}

#[test]
fn several_dumps_become_one() {
    let dumps = Dumps::new(&[
        rows("INSERT INTO `a` VALUES (1);\n"),
        rows("INSERT INTO `b` VALUES (2);\n"),
    ]);
    let (done, written) = dumps.run(2);
    done.unwrap();
    let [first, second] = ["INSERT INTO `a` VALUES (1);\n", "INSERT INTO `b` VALUES (2);\n"];
    let either = [format!("{first}{second}"), format!("{second}{first}")]
        .map(|rows| format!("{HEAD}{TABLES}{rows}\n{ROUTINE}{VIEW}{FOOT}"));
    assert!(either.contains(&written), "{written}");
}

#[test]
fn statements_of_several_streams_are_not_mixed_whatever_their_length() {
    let long = |table: &str| {
        let value = "y".repeat(7 << 20);
        format!("INSERT INTO `{table}` VALUES ('{value}');\n")
    };
    let of = |table: &str| format!("{}{}{}", inserts(table, 20_000), long(table), inserts(table, 10));
    let dumps = Dumps::new(&[rows(&of("a")), rows(&of("b")), rows(&of("c"))]);
    let (done, written) = dumps.run(3);
    done.unwrap();
    let only = |table: &str| -> String {
        let beginning = format!("INSERT INTO `{table}` ");
        written
            .split_inclusive(");\n")
            .map(|statement| statement.find("INSERT").map_or(statement, |at| &statement[at..]))
            .filter(|line| line.starts_with(&beginning))
            .collect()
    };
    for table in ["a", "b", "c"] {
        assert!(only(table) == of(table), "{table}");
    }
    assert_eq!(
        written.len(),
        HEAD.len() + TABLES.len() + 3 * of("a").len() + 1 + ROUTINE.len() + VIEW.len() + FOOT.len()
    );
}

/// Since MariaDB 11.8 each dump puts the rows of each table into a transaction. A statement that the server refuses ends the session, and would take back
/// what is not committed: the rows of others that came between.
#[test]
fn there_is_no_transaction_in_which_rows_of_one_table_hang_on_another() {
    let part = |rows: &str| {
        self::rows(&format!(
            "SET @OLD_AUTOCOMMIT=@@AUTOCOMMIT, @@AUTOCOMMIT=0;\n{rows}COMMIT;\nSET AUTOCOMMIT=@OLD_AUTOCOMMIT;\n"
        ))
    };
    // More than goes through in one turn.
    let [first, second] = ["a", "b"].map(|table| inserts(table, 20_000));
    let dumps = Dumps::new(&[part(&first), part(&second)]);
    let (done, written) = dumps.run(2);
    done.unwrap();
    assert!(!written.contains("COMMIT"), "{}", &written[..2000]);
    assert_eq!(
        written.len(),
        HEAD.len() + TABLES.len() + first.len() + second.len() + 1 + ROUTINE.len() + VIEW.len() + FOOT.len()
    );
}

#[test]
fn a_table_whose_rows_do_not_come_or_may_come_twice_fails_all() {
    let [one, other] = [
        "INSERT INTO `a` VALUES (1);\n",
        "INSERT INTO `b` (`x`) VALUES (2);\n",
    ]
    .map(rows);
    let both = rows("INSERT INTO `a` VALUES (3);\nREPLACE INTO `b` VALUES (4);\n");
    let odd = rows("INSERT  IGNORE INTO `o``d(d` VALUES ('`c`');\n");
    let long = rows(&format!("INSERT INTO `c` VALUES ('{}');\n", "y".repeat(7 << 20)));
    let missing = |table: &str| format!("it has no rows of {table}, and the server has some");
    for (parts, filled, wrong) in [
        (vec![&one, &other], "`a`\n`b`\n", None),
        (vec![&one, &one, &other], "`a`\n", None),
        (vec![&odd, &long], "`c`\n`o``d(d`\n", None),
        (vec![&one], "`a`\n`b`\n", Some(missing("`b`"))),
        (vec![&one], "`A`\n", Some(missing("`A`"))),
        (vec![&odd], "`c`\n", Some(missing("`c`"))),
        (
            vec![&other, &one, &both],
            "`a`\n",
            Some("rows of `b` come from `rows-0` and from `rows-2`".to_owned()),
        ),
    ] {
        let parts: Vec<String> = parts.into_iter().cloned().collect();
        let dumps = Dumps::new(&parts);
        dumps.put("filled", &format!("{filled}{FILLED}"));
        let (done, written) = dumps.run(u16::try_from(parts.len()).unwrap());
        let wrong = wrong.map(|why| format!("what the dumps are together is not what it has to be: {why}"));
        assert_eq!(done.err().map(|error| error.to_string()), wrong);
        assert_eq!(written.contains("Dump completed"), wrong.is_none());
    }
    for filled in ["", "`a`\n", "`a`\nb\n-- Dump completed\n"] {
        let dumps = Dumps::new(std::slice::from_ref(&one));
        dumps.put("filled", filled);
        let error = dumps.run(1).0.unwrap_err().to_string();
        assert!(
            error.starts_with("the dump `filled` is not what it has to be: "),
            "{error}"
        );
    }
}

#[test]
fn a_dump_that_fails_or_ends_early_fails_all_by_its_name() {
    let mut dumps = Dumps::new(&[rows(""), rows(&inserts("b", 100))]);
    dumps.more = "[ \"$1\" != rows-1 ] || { head -c 900 rows-1; exit 3; }".to_owned();
    let (done, written) = dumps.run(2);
    let error = done.unwrap_err();
    assert_eq!(error.to_string(), "the dump `rows-1` ended with exit code 3");
    assert_eq!(error.exit_code(), 2);
    assert!(!written.contains("Dump completed"));

    for (word, text) in [
        ("rows-1", rows(&inserts("b", 100))),
        ("definitions", definitions()),
        ("programs", programs()),
    ] {
        for cut in [0, 1, 40, 60] {
            let dumps = Dumps::new(&[rows(""), rows(&inserts("b", 100))]);
            dumps.put(word, &text[..text.len() - text.len().min(cut).max(1)]);
            let (done, _) = dumps.run(2);
            let error = done.unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("the dump `{word}` is not what it has to be: ")),
                "{error}"
            );
        }
    }
}

#[test]
fn a_line_that_is_no_row_is_refused_and_not_told() {
    let dumps = Dumps::new(&[rows("DROP TABLE `secret`;\n")]);
    let (done, written) = dumps.run(1);
    let error = done.unwrap_err().to_string();
    assert_eq!(
        error,
        "the dump `rows-0` is not what it has to be: it has a line that no dump of rows has"
    );
    assert!(!written.contains("DROP"));
}

/// Those that wait for something else than their pipe, too.
#[test]
fn where_one_fails_all_are_ended() {
    let mut dumps = Dumps::new(&[rows(""), rows("")]);
    dumps.more = "case $1 in rows-0) exec sleep 3600 ;; rows-1) exit 4 ;; esac".to_owned();
    let (done, _) = dumps.run(2);
    assert_eq!(
        done.unwrap_err().to_string(),
        "the dump `rows-1` ended with exit code 4"
    );
}

#[test]
fn who_wishes_to_stop_ends_all() {
    let mut dumps = Dumps::new(&[rows("")]);
    dumps.more = "[ \"$1\" != rows-0 ] || exec sleep 3600".to_owned();
    let cancellation = Cancellation::never();
    cancellation.request(Wish::Interrupted);
    let (done, _) = dumps.run_until(1, &cancellation);
    assert_eq!(done.unwrap_err().exit_code(), 130);
}

#[test]
fn what_cannot_be_written_ends_all() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let request = InterleaveRequest {
        rows: 1,
        command: [
            "sh",
            "-c",
            "[ \"$0\" != definitions ] || echo CREATE; exec sleep 3600",
        ]
        .map(OsString::from)
        .to_vec(),
    };
    let error = interleave(&request, Full, &Cancellation::never()).unwrap_err();
    assert_eq!(error.exit_code(), 1);
}
