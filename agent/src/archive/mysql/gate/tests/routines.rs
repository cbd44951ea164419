//! Bodies of routines and packages: one statement each, however many are in them.

use super::*;

fn routine(body: &str) -> String {
    format!(
        "{HEAD}DELIMITER ;;\nCREATE DEFINER=`root`@`localhost` PROCEDURE `p`(IN a INT)\n    COMMENT 'x'\n{body}\n;;\nDELIMITER ;\n"
    )
}

#[test]
fn a_body_of_many_statements_is_one() {
    for body in [
        "SELECT 1",
        "BEGIN END",
        "BEGIN SELECT 1; END",
        "x: BEGIN SELECT ';;' , \"DELIMITER ;\"; /* ; */ LEAVE x; END x",
        "BEGIN DECLARE a INT DEFAULT CASE b WHEN 1 THEN 2 ELSE 3 END; DECLARE c CURSOR FOR SELECT 1;\n\
            DECLARE CONTINUE HANDLER FOR NOT FOUND, SQLSTATE VALUE '42000', 1064 BEGIN SET a = 1; END; END",
        "BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION ROLLBACK; IF a = 1 THEN SELECT 1; ELSEIF (a = 2) THEN BEGIN END; ELSE SET a = 2; END IF; END",
        "BEGIN IF CASE a WHEN 1 THEN 0 ELSE 1 END THEN SELECT 1; END IF; END",
        "BEGIN CASE a WHEN 1 THEN SELECT 1; WHEN 2 THEN SELECT 2; ELSE BEGIN END; END CASE; CASE WHEN a THEN SELECT 1; END CASE; END",
        "BEGIN l: LOOP ITERATE l; END LOOP l; WHILE a DO SET a = a - 1; END WHILE; REPEAT SET a = 1; UNTIL a = 1 END REPEAT; END",
        "BEGIN FOR r IN (SELECT 1) DO SELECT r.x; END FOR; END",
        "IF a THEN SELECT 1; END IF",
        "BEGIN SELECT begin, end FROM t; SELECT CASE WHEN 1 THEN 2 END AS `end`; END",
        "BEGIN NOT ATOMIC SELECT 1; END",
        "BEGIN WHILE a <= end DO SET a = a + 1; END WHILE; IF end THEN SELECT end; END IF; END",
        "BEGIN (SELECT 1) UNION (SELECT 2); END",
    ] {
        passes(&routine(body));
    }
    passes(&routine(&format!(
        "{}{}",
        "BEGIN ".repeat(400),
        "END; ".repeat(399) + "END"
    )));
}

#[test]
fn what_follows_a_body_is_not_a_part_of_it() {
    for body in [
        "SELECT 1; DROP DATABASE other",
        "SELECT begin FROM t; DROP DATABASE other; END",
        "BEGIN END; DROP DATABASE other",
        "BEGIN SELECT 1; END; DROP DATABASE other; BEGIN SELECT 1; END",
        "IF a THEN SELECT 1; END IF; DROP DATABASE other",
        "SET a = CASE WHEN 1 THEN 2 END; DROP DATABASE other",
        "BEGIN IF CASE end WHEN 1 THEN begin ELSE 0 END THEN SELECT 1; END IF; END; DROP DATABASE other; END; END IF; END",
        "BEGIN IF CASE a WHEN end THEN begin END THEN SELECT 1; END IF; END; DROP DATABASE other; END; END IF; END",
        "BEGIN IF CASE a WHEN 1 THEN end END THEN SELECT 1; END IF; END; DROP DATABASE other; END IF; END",
        "BEGIN IF a THEN begin; END IF; END; DROP DATABASE other; END; END IF; END",
        "begin: BEGIN END; DROP DATABASE other",
        "BEGIN WHILE a END; DROP DATABASE other; WHILE b DO SELECT 1; END WHILE; END",
        "BEGIN REPEAT SELECT 1; UNTIL end END REPEAT; END; DROP DATABASE other; END",
        "BEGIN (SELECT 1); END; DROP DATABASE other; BEGIN END",
        "COMMENT 'y' SELECT 1; DROP DATABASE other; BEGIN END",
        "BEGIN SELECT 1; END ;; DROP DATABASE other",
        "BEGIN\nEND /* ;;\n*/ ; DROP DATABASE other",
        "BEGIN SELECT '\\'; END; DROP DATABASE other; -- '; END",
    ] {
        if body.contains("\\'") {
            continue; // read with escapes it is a text, as the server reads it
        }
        stops(&routine(body));
    }
    let unescaped = "/*!50003 SET sql_mode = 'NO_BACKSLASH_ESCAPES' */ ;\nDELIMITER ;;\nCREATE PROCEDURE `p`()\n\
        BEGIN SELECT '\\'; END; DROP DATABASE other; -- '; END\n;;\nDELIMITER ;\n";
    stops(&format!("{HEAD}{unescaped}"));
    for statement in [
        "/*!50003 CREATE*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a = 1; DROP DATABASE other */;;",
        "CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1; DROP DATABASE other;;",
        "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH; DROP DATABASE other; ROW SET @a = 1;;",
        "CREATE FUNCTION `f`() RETURNS INT RETURN 1; DROP DATABASE other;;",
        "CREATE FUNCTION `f`() RETURNS INT BEGIN RETURN 1; END; DROP DATABASE other;;",
    ] {
        stops(&format!("{HEAD}DELIMITER ;;\n{statement}\nDELIMITER ;\n"));
    }
}

#[test]
fn packages_and_routines_in_the_way_of_oracle_are_read() {
    let oracle = |statement: &str| {
        format!(
            "{HEAD}/*!50003 SET sql_mode = 'PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ORACLE' */ ;\nDELIMITER ;;\n{statement}\n;;\nDELIMITER ;\n\
             /*!50003 SET sql_mode = @saved_sql_mode */ ;\n"
        )
    };
    for statement in [
        "CREATE DEFINER=\"root\"@\"localhost\" PACKAGE \"bag\" AS PROCEDURE p1; FUNCTION f(a INT) RETURN INT; END",
        "CREATE PACKAGE BODY \"bag\" AS x INT := 1; PROCEDURE p1 AS BEGIN NULL; END; FUNCTION f(a INT) RETURN INT IS y INT; BEGIN RETURN y; END; BEGIN x := 2; END",
        "CREATE PROCEDURE \"p\"(a INT) AS BEGIN IF a = 1 THEN a := 2; ELSIF a = 3 THEN NULL; END IF; EXCEPTION WHEN OTHERS THEN NULL; END",
        "CREATE FUNCTION \"f\" RETURN INT AS BEGIN RETURN 1; END",
    ] {
        passes(&oracle(statement));
        stops(&oracle(&format!("{statement}; DROP DATABASE other")));
    }
}

#[test]
fn a_routine_of_a_character_set_with_quotes_in_its_characters_passes_without_such_characters() {
    let of = |set: &str, text: &[u8]| {
        let before = format!(
            "{HEAD}/*!50003 SET @saved_cs_client = @@character_set_client */ ;\n/*!50003 SET character_set_client = {set} */ ;\n\
            /*!50003 SET @saved_sql_mode = @@sql_mode */ ;\n/*!50003 SET sql_mode = 'ANSI_QUOTES' */ ;\nDELIMITER ;;\n\
            CREATE PROCEDURE `p`()\nBEGIN SELECT '"
        );
        let after = "'; END ;;\nDELIMITER ;\n/*!50003 SET sql_mode = @saved_sql_mode */ ;\n\
            /*!50003 SET character_set_client = @saved_cs_client */ ;\nINSERT INTO `t` VALUES (1);\n";
        verdict(
            Content::Database,
            &[before.as_bytes(), text, after.as_bytes()].concat(),
        )
        .1
    };
    // `あ` and `表` of Shift JIS: the second byte of the latter is a backslash.
    assert_eq!(of("sjis", b"\x82\xa0"), None);
    assert_eq!(of("cp932", b"a"), None);
    assert!(
        of("sjis", b"\x95\x5c ")
            .unwrap()
            .contains("has a quote or a backslash in it")
    );
    // What is half of a character for the one is a whole one for the other.
    assert!(
        of("gbk", b"\x95\x5c\\")
            .unwrap()
            .contains("has a quote or a backslash in it")
    );
    assert_eq!(of("utf8mb4", b"\x95\x5c "), None);
    // Its quotes and its backslash are letters as well, and remain signs of the language.
    assert_eq!(of("swe7", b"a\\'; b"), None);
    assert!(of("swe7", b"a\\\\'; b").is_some());
    assert!(of("swe7", b"a', 1 AS [b, '").is_some());
    // What is a blank in one of these sets is none in another.
    assert!(of("latin1", b"a' \xa0, '").is_some());
    assert_eq!(of("latin1", b"\xa0"), None);
    assert_eq!(of("utf8mb4", "a' AS größe, '".as_bytes()), None);
}

#[test]
fn what_is_written_in_oracles_way_alone_is_one_statement() {
    let before =
        format!("{HEAD}/*!50003 SET sql_mode = 'PIPES_AS_CONCAT,ANSI_QUOTES,ORACLE' */ ;\nDELIMITER ;;\n");
    let trigger = |body: &str| {
        format!(
            "{before}/*!50003 CREATE*/ /*!50017 DEFINER=\"root\"@\"localhost\"*/ /*!50003 TRIGGER t1 BEFORE INSERT ON t FOR EACH ROW\n{body}\n*/;;\nDELIMITER ;\n"
        )
    };
    let routine = |body: &str| {
        format!(
            "{before}CREATE DEFINER=\"root\"@\"localhost\" PROCEDURE \"p\"()\nAS\n{body}\n;;\nDELIMITER ;\n"
        )
    };
    for body in [
        "BEGIN\nIF :NEW.a IS NULL\nTHEN\n:NEW.a:= 15;\ngoto end_trg;\nEND IF;\n:NEW.a:= 10;\n<<end_trg>>\nnull; \nEND ",
        "DECLARE\nva t.a%TYPE:= :NEW.a;\nBEGIN\n:NEW.total:= va + 1;\nEND ",
    ] {
        passes(&trigger(body));
    }
    for body in [
        "dup_key CONDITION FOR SQLSTATE '23000';\nv varchar(40);\nCONTINUE HANDLER FOR dup_key\nBEGIN\nv:='x';\nEND;\nBEGIN\nselect v;\nEND",
        "BEGIN \n<<lab1>>\nif (p2='a') then\ngoto lab1;\nend if; \n<< lab2 >> <<lab3>> FOR i IN 1 .. 3 LOOP NULL; END LOOP;\nreturn;\nEND",
        "BEGIN\nBEGIN\nDECLARE\nEXIT HANDLER FOR SQLSTATE '23000', NOT FOUND SET @x2 = 1;\nBEGIN\nGOTO err;\nEND;\nEND;\n<<err>>\nRETURN ;\nEND",
    ] {
        passes(&routine(body));
    }
    for body in [
        "BEGIN <<a>> END; DROP DATABASE other; END",
        "BEGIN <<a> NULL; END; DROP DATABASE other; END",
        "BEGIN NULL; END; :NEW.a := 1; DROP DATABASE other",
        "CONTINUE HANDLER FOR NOT FOUND BEGIN NULL; END; BEGIN NULL; END; DROP DATABASE other",
    ] {
        stops(&routine(body));
    }
}

#[test]
fn what_servers_read_otherwise_than_clients_passes_nowhere() {
    let routine = |mode: &str, body: &str| {
        format!(
            "{HEAD}/*!50003 SET sql_mode = '{mode}' */ ;\nDELIMITER ;;\nCREATE DEFINER=`r`@`l` PROCEDURE `p`()\n{body} ;;\nDELIMITER ;\n"
        )
    };
    for body in [
        // A comment to the server, and none to the client.
        "SELECT 1 --\u{1}'\n; DROP DATABASE other; -- '",
        "SELECT 1 --\u{b}'\n; DROP DATABASE other; -- '",
        "SELECT 1 --\u{7f}'\n; DROP DATABASE other; -- '",
        "SELECT 1 --\u{a0}'\n; DROP DATABASE other; -- '",
        // Blanks to the server.
        "BEGIN DECLARE EXIT HANDLER FOR \u{b} BEGIN END; DROP DATABASE other; END",
        "BEGIN DECLARE EXIT HANDLER FOR \u{c} BEGIN END; DROP DATABASE other; END",
        "BEGIN DECLARE EXIT HANDLER FOR [BEGIN SET @a = 1; END; DROP DATABASE other; END",
        // The end of a comment to the server.
        "SELECT 1 # \0 ; DROP DATABASE other",
        "SELECT 1 -- \0 ; DROP DATABASE other",
        "SELECT 1 /* \0 */",
        // A text to newer servers of MySQL.
        "SELECT $x$ ' $x$; DROP DATABASE other; SELECT 2 #'",
        "SELECT $$ ' $$; DROP DATABASE other; SELECT 2 #'",
    ] {
        stops(&routine("ANSI", body));
    }
    passes(&routine("ANSI", "SELECT 1--1, a$b, $c, 2 -- größe\n\t+ 1\r\n"));
    // A name in brackets.
    let brackets = "SELECT 1 AS [']; DROP DATABASE other; SELECT 2 AS [']";
    stops(&routine("PIPES_AS_CONCAT,ANSI_QUOTES,MSSQL", brackets));
    stops(&format!(
        "{HEAD}CREATE TABLE `u` (a int) --\u{1}'\n; DROP DATABASE other; -- ';\n"
    ));
}

#[test]
fn what_is_refused_is_shown_without_values_and_secrets() {
    let refused = |content: Content, statements: &str| {
        let reason = verdict(content, statements.as_bytes()).1.unwrap();
        assert!(!reason.contains("canary"), "{reason}");
    };
    let accounts = "-- MariaDB dump 10.19\n\n/*!40101 SET NAMES utf8mb4 */;\n";
    refused(
        Content::Accounts,
        &format!("{accounts}GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED VIA pam USING 'canary';\n"),
    );
    refused(
        Content::Accounts,
        &format!("{accounts}ALTER USER `a`@`%` identified by 'canary"),
    );
    refused(
        Content::Database,
        &format!("{HEAD}INSERT INTO `t` VALUES (1,'canary'),\n('canary' + now());\n"),
    );
    refused(
        Content::Database,
        &format!("{HEAD}INSERT INTO `no` VALUES ('canary');\n"),
    );
    refused(
        Content::Database,
        &format!("{HEAD}INSERT INTO `t` VALUES (1,\n'canary"),
    );
}
