//! What Percona's mysqldump writes around a dump: RocksDB takes rows faster when it is told to, by a statement that is put together in a
//! variable. A statement from a variable could be any, so these are known by their very texts, and are left out of a restore.

use super::token::Token;

/// The statements that prepare and execute, without the comment that they stand in.
const PREPARED: [&str; 7] = [
    "PREPARE s FROM @rocksdb_get_is_supported",
    "PREPARE s FROM @rocksdb_enable_bulk_load",
    "PREPARE s FROM @save_old_rocksdb_bulk_load",
    "PREPARE s FROM @enable_bulk_load",
    "PREPARE s FROM @disable_bulk_load",
    "EXECUTE s",
    "DEALLOCATE PREPARE s",
];
/// The longest text that is kept of one: those that are known are shorter.
const LIMIT: usize = 64;

/// All of them as they stand in a dump.
const STATEMENTS: [&str; 16] = [
    "/*!50717 SELECT COUNT(*) INTO @rocksdb_has_p_s_session_variables FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'performance_schema' AND TABLE_NAME = 'session_variables' */",
    r"/*!50717 SET @rocksdb_get_is_supported = IF (@rocksdb_has_p_s_session_variables, 'SELECT COUNT(*) INTO @rocksdb_is_supported FROM performance_schema.session_variables WHERE VARIABLE_NAME=\'rocksdb_bulk_load\'', 'SELECT 0') */",
    "/*!50717 PREPARE s FROM @rocksdb_get_is_supported */",
    "/*!50717 SET @rocksdb_enable_bulk_load = IF (@rocksdb_is_supported, 'SET SESSION rocksdb_bulk_load = 1', 'SET @rocksdb_dummy_bulk_load = 0') */",
    "/*!50717 PREPARE s FROM @rocksdb_enable_bulk_load */",
    "/*!50717 EXECUTE s */",
    "/*!50717 DEALLOCATE PREPARE s */",
    "/*!50112 SELECT COUNT(*) INTO @is_rocksdb_supported FROM INFORMATION_SCHEMA.SESSION_VARIABLES WHERE VARIABLE_NAME='rocksdb_bulk_load' */",
    "/*!50112 SET @save_old_rocksdb_bulk_load = IF (@is_rocksdb_supported, 'SET @old_rocksdb_bulk_load = @@rocksdb_bulk_load', 'SET @dummy_old_rocksdb_bulk_load = 0') */",
    "/*!50112 PREPARE s FROM @save_old_rocksdb_bulk_load */",
    "/*!50112 SET @enable_bulk_load = IF (@is_rocksdb_supported, 'SET SESSION rocksdb_bulk_load = 1', 'SET @dummy_rocksdb_bulk_load = 0') */",
    "/*!50112 PREPARE s FROM @enable_bulk_load */",
    "/*!50112 SET @disable_bulk_load = IF (@is_rocksdb_supported, 'SET SESSION rocksdb_bulk_load = @old_rocksdb_bulk_load', 'SET @dummy_rocksdb_bulk_load = 0') */",
    "/*!50112 PREPARE s FROM @disable_bulk_load */",
    "/*!50112 EXECUTE s */",
    "/*!50112 DEALLOCATE PREPARE s */",
];

/// Whether a statement, without its delimiter, is one of them.
pub(super) fn is_bulk_load(statement: &[u8]) -> bool {
    STATEMENTS.iter().any(|known| known.as_bytes() == statement)
}

/// A statement that prepares or executes, as far as it has been read.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    text: String,
}

impl Prepared {
    /// Takes the next token.
    pub(super) fn take(&mut self, token: Token<'_>) {
        if self.text.len() > LIMIT {
            return;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        match token {
            Token::Word(word) => self.text.push_str(&String::from_utf8_lossy(word)),
            _ => self.text.push('?'),
        }
    }

    /// Whether it is one of them, now that it has ended.
    pub(super) fn is_bulk_load(&self) -> bool {
        PREPARED.contains(&self.text.as_str())
    }
}
