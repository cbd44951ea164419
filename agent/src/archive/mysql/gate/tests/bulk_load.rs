//! What Percona's mysqldump writes for RocksDB is left out, and nothing that is like it passes.

use super::*;

/// What Percona's mysqldump writes around a dump, since RocksDB takes rows faster when it is told to. Of two releases.
const BULK_LOADS: [&str; 3] = [
    "/*!50717 SELECT COUNT(*) INTO @rocksdb_has_p_s_session_variables FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'performance_schema' AND TABLE_NAME = 'session_variables' */;\n\
     /*!50717 SET @rocksdb_get_is_supported = IF (@rocksdb_has_p_s_session_variables, 'SELECT COUNT(*) INTO @rocksdb_is_supported FROM performance_schema.session_variables WHERE VARIABLE_NAME=\\'rocksdb_bulk_load\\'', 'SELECT 0') */;\n\
     /*!50717 PREPARE s FROM @rocksdb_get_is_supported */;\n/*!50717 EXECUTE s */;\n/*!50717 DEALLOCATE PREPARE s */;\n\
     /*!50717 SET @rocksdb_enable_bulk_load = IF (@rocksdb_is_supported, 'SET SESSION rocksdb_bulk_load = 1', 'SET @rocksdb_dummy_bulk_load = 0') */;\n\
     /*!50717 PREPARE s FROM @rocksdb_enable_bulk_load */;\n/*!50717 EXECUTE s */;\n/*!50717 DEALLOCATE PREPARE s */;\n",
    "/*!50112 SELECT COUNT(*) INTO @is_rocksdb_supported FROM INFORMATION_SCHEMA.SESSION_VARIABLES WHERE VARIABLE_NAME='rocksdb_bulk_load' */;\n\
     /*!50112 SET @save_old_rocksdb_bulk_load = IF (@is_rocksdb_supported, 'SET @old_rocksdb_bulk_load = @@rocksdb_bulk_load', 'SET @dummy_old_rocksdb_bulk_load = 0') */;\n\
     /*!50112 PREPARE s FROM @save_old_rocksdb_bulk_load */;\n/*!50112 EXECUTE s */;\n\
     /*!50112 SET @enable_bulk_load = IF (@is_rocksdb_supported, 'SET SESSION rocksdb_bulk_load = 1', 'SET @dummy_rocksdb_bulk_load = 0') */;\n\
     /*!50112 PREPARE s FROM @enable_bulk_load */;\n/*!50112 EXECUTE s */;\n/*!50112 DEALLOCATE PREPARE s */;\n",
    "/*!50112 SET @disable_bulk_load = IF (@is_rocksdb_supported, 'SET SESSION rocksdb_bulk_load = @old_rocksdb_bulk_load', 'SET @dummy_rocksdb_bulk_load = 0') */;\n\
     /*!50112 PREPARE s FROM @disable_bulk_load */;\n/*!50112 EXECUTE s */;\n/*!50112 DEALLOCATE PREPARE s */;\n",
];

/// None of it reaches a server: rows come without it, and a statement from a variable could be any.
#[test]
fn what_speeds_rocksdb_up_is_left_out() {
    let rows = "INSERT INTO `t` VALUES (1);\n";
    let end = "-- Dump completed\n";
    let lines = |text: &str| "\n".repeat(text.lines().count());
    for begin in &BULK_LOADS[..2] {
        let dump = format!("{HEAD}{begin}{rows}{}{end}", BULK_LOADS[2]);
        let (passed, objection) = verdict(Content::Database, dump.as_bytes());
        assert_eq!(objection, None);
        let expected = format!("{HEAD}{}{rows}{}{end}", lines(begin), lines(BULK_LOADS[2]));
        assert_eq!(String::from_utf8_lossy(&passed), expected);
    }
    for other in [
        "/*!50717 PREPARE s FROM @another */;",
        "/*!50717 PREPARE s FROM 'DROP DATABASE d' */;",
        "/*!50717 EXECUTE t */;",
        "/*!50717 EXECUTE s USING @x */;",
        "/*!50717 EXECUTE s; */;",
        "PREPARE s FROM @disable_bulk_load;",
        "EXECUTE s;",
        "/*!50717 SET @rocksdb_get_is_supported = 'DROP DATABASE d' */;",
    ] {
        stops(&format!("{HEAD}{other}\n"));
    }
}
