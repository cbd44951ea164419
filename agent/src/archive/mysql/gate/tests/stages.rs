//! Parts of a dump alone, and what comes behind a statement that was refused.

use super::*;

/// In three turns a server gets each statement once, but for settings.
#[test]
fn a_dump_comes_in_parts() {
    let sequence = "DROP SEQUENCE IF EXISTS `s`;\nCREATE SEQUENCE `s` start with 1 cache 1000 nocycle ENGINE=InnoDB `PAGE_COMPRESSED`='ON' COMMENT='a; DROP DATABASE other';\nDO SETVAL(`s`, 1, 0);\n";
    let rows = "INSERT INTO `t` VALUES (1,';'),(2,'x');\n";
    let stand_in =
        "/*!50001 DROP VIEW IF EXISTS `v`*/;\n/*!50001 CREATE VIEW `v` AS SELECT\n NULL AS `a` */;\n";
    let older = "/*!50001 DROP VIEW IF EXISTS `w`*/;\n/*!50001 CREATE TABLE `w` (\n  `a` tinyint NOT NULL\n) ENGINE=MyISAM */;\n";
    let routine =
        "DELIMITER ;;\nCREATE DEFINER=`r`@`l` PROCEDURE `p`()\nBEGIN SELECT 1; END ;;\nDELIMITER ;\n";
    let view = "/*!50001 DROP VIEW IF EXISTS `v`*/;\n/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`r`@`l` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 AS `a` */;\n";
    let other = "/*!50001 DROP TABLE IF EXISTS `w`*/;\n/*!50001 DROP VIEW IF EXISTS `w`*/;\n/*!50001 CREATE ALGORITHM=MERGE */\n/*!50001 VIEW `w` AS select 1 AS `a` */;\n";
    let dump = [HEAD, sequence, rows, stand_in, older, routine, view, other].concat();
    let part = |stage: &str, piece: usize| {
        let mut gate = Gate::new(Content::Database).only(stage.parse().unwrap());
        let mut passed = Vec::new();
        for piece in dump.as_bytes().chunks(piece) {
            gate.take(piece, &mut passed).unwrap();
        }
        gate.finish().unwrap();
        String::from_utf8(passed).unwrap()
    };
    for piece in [1, 5, dump.len()] {
        for (stage, inside) in [
            ("sequences", &[sequence][..]),
            ("tables", &["CREATE TABLE `t`", rows]),
            ("programs", &[stand_in, older, routine]),
            ("views", &[view, other]),
            ("sequences,tables", &["CREATE TABLE `t`", sequence, rows]),
            ("programs,views", &[stand_in, older, routine, view, other]),
            ("sequences,tables,programs,views", &[&dump]),
        ] {
            let passed = part(stage, piece);
            assert!(
                passed.starts_with("-- MariaDB dump by mariadb-dump\nCREATE DATABASE `shop`"),
                "{passed}"
            );
            for text in [
                "CREATE TABLE `t`",
                sequence,
                rows,
                stand_in,
                older,
                routine,
                view,
                other,
            ] {
                let is_inside = inside.iter().any(|part| part.contains(text));
                // What drops a stand-in reads like what is before it.
                let shown = text
                    .strip_prefix("/*!50001 DROP VIEW IF EXISTS `v`*/;\n")
                    .unwrap_or(text);
                let shown = if text == older { &shown[36..] } else { shown };
                let shown = if text == routine {
                    "CREATE DEFINER=`r`@`l` PROCEDURE"
                } else {
                    shown
                };
                assert_eq!(passed.contains(shown), is_inside, "{stage}: {shown}\n{passed}");
            }
        }
    }
}

/// What passes of a dump at a stage, whatever the pieces are that it comes in.
fn passed_at(stage: &Stage, dump: &str) -> String {
    let passed_in = |piece: usize| {
        let mut gate = Gate::new(Content::Database).only(stage.clone());
        let mut passed = Vec::new();
        for piece in dump.as_bytes().chunks(piece) {
            gate.take(piece, &mut passed).unwrap();
        }
        gate.finish().unwrap();
        String::from_utf8(passed).unwrap()
    };
    let passed = passed_in(dump.len());
    for piece in [1, 5] {
        assert_eq!(passed_in(piece), passed, "pieces of {piece}");
    }
    passed
}

const ROUTINE: &str =
    "DELIMITER ;;\nCREATE DEFINER=`r`@`l` PROCEDURE `p`()\nBEGIN SELECT 1; END ;;\nDELIMITER ;\n";
const NAMES: &str = "sequences,tables,programs,views,names";

#[test]
fn the_names_of_tables_and_the_numbers_of_statements_are_printed() {
    let before_table = HEAD.find("CREATE TABLE").unwrap();
    let (head, first_table) = HEAD.split_at(before_table);
    let table = "CREATE TABLE `it's\\` (\n  `a` int\n) ENGINE=InnoDB;\n";
    let first = "INSERT INTO `t` VALUES (1);\n";
    let second = "INSERT INTO `it's\\` VALUES (1);\n";
    let dump = [HEAD, first, first, table, second, ROUTINE].concat();
    let marked = |number: u64| format!("SELECT 'batt-at {number} a setting';\n");
    let (before, names) = head.split_once("/*!40101 SET NAMES").unwrap();
    let (names, mode) = names.split_once('\n').unwrap();
    let named = [
        before,
        &marked(3),
        "/*!40101 SET NAMES",
        names,
        "\n",
        &marked(4),
        mode,
        "SELECT 'batt-at 5 table t';\n",
        first_table,
        "SELECT 'batt-at 6 rows of t';\nSELECT 'batt-rows t';\n",
        first,
        first,
        "SELECT 'batt-rows ';\nSELECT 'batt-at 8 table it?s?';\n",
        table,
        "SELECT 'batt-at 9 rows of it?s?';\nSELECT 'batt-rows it''s\\\\';\n",
        second,
        "DELIMITER ;;\nSELECT 'batt-rows ';;\nSELECT 'batt-at 10 procedure p';;\n",
        ROUTINE.strip_prefix("DELIMITER ;;\n").unwrap(),
    ]
    .concat();
    let stage: Stage = NAMES.parse().unwrap();
    assert_eq!(passed_at(&stage, &dump), named);
    let marked = named.replace("batt-", "one-of-ours-");
    assert_eq!(passed_at(&stage.marked("one-of-ours".to_owned()), &dump), marked);
}

#[test]
fn behind_a_statement_settings_pass_and_whatever_is_of_no_table_of_it() {
    let before_table = HEAD.find("CREATE TABLE").unwrap();
    let table = "CREATE TABLE `u` (\n  `a` int\n) ENGINE=InnoDB;\n";
    let first = "/*!40000 ALTER TABLE `t` DISABLE KEYS */;\nINSERT INTO `t` VALUES (1);\nINSERT INTO `t` VALUES (2);\n";
    let setting = "SET AUTOCOMMIT=@OLD_AUTOCOMMIT;\n";
    let second = "INSERT INTO `u` VALUES (1);\n";
    let dump = [HEAD, first, setting, table, second, ROUTINE].concat();
    for (number, passes) in [
        // Of a table that was not made.
        (5, [setting, table, second, ROUTINE].concat()),
        // Of one into which rows did not go.
        (7, [setting, table, second, ROUTINE].concat()),
        (10, [setting, "", "", ROUTINE].concat()),
        (11, [setting, "", "", ROUTINE].concat()),
        (12, [setting, "", "", "DELIMITER ;;\nDELIMITER ;\n"].concat()),
    ] {
        let stage: Stage = "sequences,tables,programs,views".parse().unwrap();
        let passed = passed_at(&stage.behind(vec![number]), &dump);
        let lines = |text: &str| -> Vec<String> {
            text.lines()
                .filter(|line| !line.trim().is_empty())
                .map(str::to_owned)
                .collect()
        };
        let expected = [&HEAD[..before_table], &passes].concat();
        assert_eq!(lines(&passed), lines(&expected), "behind {number}");
    }
}

/// Those of the first one are not forgotten for the second one, also where rows of several tables come by turns.
#[test]
fn behind_several_statements_nothing_passes_of_any_of_their_tables() {
    let table = |name: &str| format!("CREATE TABLE `{name}` (\n  `a` int\n) ENGINE=InnoDB;\n");
    let rows = |name: &str| format!("INSERT INTO `{name}` VALUES (1);\n");
    let turns = ["u", "v", "w", "u", "v", "w"].map(rows).concat();
    let dump = [HEAD, &table("u"), &table("v"), &table("w"), &turns, ROUTINE].concat();
    let stage: Stage = "sequences,tables,programs,views".parse().unwrap();
    let passed = passed_at(&stage.behind(vec![6, 10]), &dump);
    assert!(
        !passed.contains("INTO `u`") && !passed.contains("INTO `v`"),
        "{passed}"
    );
    assert_eq!(passed.matches("INTO `w`").count(), 2, "{passed}");
    assert!(passed.contains("PROCEDURE `p`"));
}
