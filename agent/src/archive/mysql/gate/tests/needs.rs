//! What a dump needs besides its database.

use super::*;

/// Returns what a dump needs that has these statements behind its head.
fn needs(statements: &str) -> Vec<String> {
    let mut gate = Gate::new(Content::Database);
    gate.take([HEAD, statements].concat().as_bytes(), &mut Vec::new())
        .unwrap();
    gate.finish().unwrap();
    gate.needs().lines()
}

#[test]
fn tables_of_its_own_need_nothing() {
    let own = "CREATE TABLE `u` (\n  `a.b` decimal(3,1) DEFAULT 1.5 COMMENT 'DATA DIRECTORY=`x`.`y`',\n  CONSTRAINT `c` FOREIGN KEY (`a.b`) REFERENCES `t` (`a`)\n) \
        ENGINE=InnoDB;\nCREATE TABLE `m` (\n  `a` int\n) ENGINE=MRG_MyISAM UNION=(`t`,`u`);\nDROP SEQUENCE IF EXISTS `s`;\n";
    assert_eq!(needs(own), [""; 0]);
}

#[test]
fn what_reaches_out_of_the_database_is_named() {
    for (statement, need) in [
        (
            "CREATE TABLE `u` (\n  CONSTRAINT `c` FOREIGN KEY (`a`) REFERENCES `ot\\her` . `t` (`a`)\n) ENGINE=InnoDB;\n",
            "database ot\\\\her",
        ),
        (
            "CREATE TABLE `u` (\n  `a` int DEFAULT nextval(`o``ne`.`sq`)\n) ENGINE=InnoDB;\n",
            "database o`ne",
        ),
        (
            "CREATE TABLE `m` (\n  `a` int\n) ENGINE=MRG_MyISAM UNION=(`t`,`other`.`u`);\n",
            "database other",
        ),
        (
            "CREATE TABLE `u` (\n  `a` int\n) ENGINE=MyISAM DATA DIRECTORY='/x/';\n",
            "directory",
        ),
        (
            "CREATE TABLE `u` (\n  `a` int\n) ENGINE=InnoDB ENCRYPTION='Y';\n",
            "encryption",
        ),
        (
            "CREATE TABLE `u` (\n  `a` int\n) ENGINE=CONNECT TABLE_TYPE='CSV';\n",
            "engine CONNECT",
        ),
        ("/*!50001 DROP VIEW IF EXISTS `v`*/;\n", "programs"),
        (
            "DELIMITER ;;\nCREATE DEFINER=`r`@`l` PROCEDURE `p`()\nSELECT 1 ;;\nDELIMITER ;\n",
            "programs",
        ),
    ] {
        assert_eq!(needs(statement), [need], "{statement}");
    }
}
