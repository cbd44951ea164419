//! Variables that change what the tools of a shipped script do, and are no words of connection. A person may have them in a
//! profile or in conf/ for other reasons: a backup is the same with them and without.

/// The services that come with batt. Scripts of one's own get what their settings say.
pub(crate) const SHIPPED_SERVICES: &[&str] = &[
    "file",
    "mysql",
    "postgresql",
    "postgresql-base",
    "redis",
    "sqlite",
];

/// A `*` at the end stands for anything. Each tool, and what it reads.
const CHANGE_TOOLS: &[&str] = &[
    // bash, and what POSIX lets a shell read
    "BASHOPTS",
    "BASH_*",
    "CDPATH",
    "ENV",
    "EXECIGNORE",
    "FIGNORE",
    "GLOBIGNORE",
    "IFS",
    "OPTERR",
    "POSIXLY_CORRECT",
    "POSIX_ME_HARDER",
    "PS4",
    "SHELLOPTS",
    "TMOUT",
    "_POSIX2_VERSION",
    // the language: what tools say is read
    "CHARSET",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "NLSPATH",
    "OUTPUT_CHARSET",
    "PGLOCALEDIR",
    // tar and what compresses
    "BZIP",
    "BZIP2",
    "GZIP",
    "GZIP_*",
    "TAPE",
    "TAR_*",
    "XZ_*",
    "ZSTD_*",
    // grep, ls, sort, stat, date, awk and the others
    "AWKLIBPATH",
    "AWKPATH",
    "BLOCKSIZE",
    "BLOCK_SIZE",
    "COLUMNS",
    "DF_BLOCK_SIZE",
    "DU_BLOCK_SIZE",
    "GREP_*",
    "LINES",
    "LS_*",
    "QUOTING_STYLE",
    "SIMPLE_BACKUP_SUFFIX",
    "TABSIZE",
    "TIME_STYLE",
    "VERSION_CONTROL",
    // what shows pages and colours
    "CLICOLOR*",
    "FAKETTY",
    "LESS*",
    "MORE",
    "PAGER",
    // clients: what they begin with, remember and show, how they write values
    "MARIADB_HISTFILE",
    "MYSQL_HISTFILE",
    "MYSQL_HISTIGNORE",
    "MYSQL_PS1",
    "PGCLIENTENCODING",
    "PGDATESTYLE",
    "PGGEQO",
    "PGTZ",
    "PG_COLOR",
    "PG_COLORS",
    "PSQLRC",
    "PSQL_*",
    "REDISCLI_HISTFILE",
    "REDISCLI_RCFILE",
    "SQLITE_HISTORY",
];

/// Tells whether a variable is taken out of what a shipped script gets.
pub(super) fn changes_a_tool(name: &str) -> bool {
    CHANGE_TOOLS.iter().any(|known| match known.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == *known,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_connection_and_settings_of_scripts_stay() {
        for name in [
            "TAR_OPTIONS",
            "PGTZ",
            "LC_COLLATE",
            "BASH_ENV",
            "PSQL_PAGER",
            "IFS",
        ] {
            assert!(changes_a_tool(name), "{name}");
        }
        for name in [
            "PGHOST",
            "PGSERVICE",
            "PGSERVICEFILE",
            "PGPASSFILE",
            "PGOPTIONS",
            "PGSSLMODE",
            "PGDATABASE",
            "PG_CHECKSUMS",
            "PG_JOBS",
            "REDISCLI_AUTH",
            "REDIS_SOCKET",
            "MYSQL_CREDS",
            "MYSQL_HOST",
            "SQLITE_DATABASES",
            "FILE_EXCLUDES",
            "BACKUP_USER",
            "HOME",
            "TZ",
        ] {
            assert!(!changes_a_tool(name), "{name}");
        }
    }
}
