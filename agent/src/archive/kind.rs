//! The kinds of content that batt can tell complete from cut: the words after `batt store --check`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::StreamCheck;
use super::mysql::{Content, Gate, MysqlCheck, VettedDump};
use super::postgresql::{directory_check, postgresql_check, postgresql_placing_check};
use super::postgresql_globals::globals_vetting;
use super::postgresql_plain::{PlainDump, PostgresqlPlainCheck};
use super::rdb::RdbCheck;
use super::redis_acl::RedisAclCheck;
use super::sqlite::sqlite_check;
use super::tar::{base_backup_check, tar_check, tar_vetting};

/// A kind of content whose completeness can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// SQL by `mysqldump` or `mariadb-dump`.
    Mysql,
    /// SQL of accounts and roles by `mariadb-dump --system=users`, or as backup-mysql writes it for MySQL.
    MysqlAccounts,
    /// The custom format of `pg_dump -Fc`.
    Postgresql,
    /// The tar of a folder by `pg_dump -Fd`.
    PostgresqlDirectory,
    /// SQL by `pg_dump`.
    PostgresqlPlain,
    /// SQL by `pg_dumpall`, for example with `--globals-only`.
    PostgresqlGlobals,
    /// The tar of a cluster by `pg_basebackup`, with its log and its manifest.
    PostgresqlBase,
    /// A snapshot of Redis or Valkey.
    Rdb,
    /// The accounts of Redis or Valkey, as `ACL LIST` tells them.
    RedisAcl,
    /// A tar archive: v7, ustar, pax or GNU.
    Tar,
    /// A database file of SQLite 3.
    Sqlite,
}

impl Kind {
    /// Every kind, in the order in which they are named to people.
    pub(crate) const ALL: [Kind; 11] = [
        Kind::Mysql,
        Kind::MysqlAccounts,
        Kind::Postgresql,
        Kind::PostgresqlDirectory,
        Kind::PostgresqlPlain,
        Kind::PostgresqlGlobals,
        Kind::PostgresqlBase,
        Kind::Rdb,
        Kind::RedisAcl,
        Kind::Tar,
        Kind::Sqlite,
    ];

    /// Returns the word for this kind on the command line and in manifests.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Mysql => "mysql",
            Kind::MysqlAccounts => "mysql-accounts",
            Kind::Postgresql => "postgresql",
            Kind::PostgresqlDirectory => "postgresql-directory",
            Kind::PostgresqlPlain => "postgresql-plain",
            Kind::PostgresqlGlobals => "postgresql-globals",
            Kind::PostgresqlBase => "postgresql-base",
            Kind::Rdb => "rdb",
            Kind::RedisAcl => "redis-acl",
            Kind::Tar => "tar",
            Kind::Sqlite => "sqlite",
        }
    }

    /// As many first bytes of a content as [`Kind::of_content`] looks at.
    pub(super) const HEAD: usize = 1 << 10;

    /// Recognises a dump that names itself in its first lines, and so has its trailer too. A script of 2014 that pipes
    /// a dump which dies half way leaves a whole gzip: the dump in it has to be looked at.
    ///
    /// An RDB or SQLite file is not recognised: what begins like one may be an append-only file, or a copy with a
    /// write-ahead log beside it.
    pub(super) fn of_content(head: &[u8]) -> Option<Kind> {
        if head.starts_with(b"PGDMP") {
            return Some(Kind::Postgresql);
        }
        let lines = head.split(|byte| *byte == b'\n').take(5);
        lines.into_iter().find_map(|line| match line {
            b"-- PostgreSQL database dump" => Some(Kind::PostgresqlPlain),
            b"-- PostgreSQL database cluster dump" => Some(Kind::PostgresqlGlobals),
            line if line.starts_with(b"-- MySQL dump ") || line.starts_with(b"-- MariaDB dump ") => {
                Some(Kind::Mysql)
            }
            _ => None,
        })
    }

    /// Returns a new check for one stream of this kind.
    pub(crate) fn stream_check(self) -> Box<dyn StreamCheck> {
        match self {
            Kind::Mysql | Kind::MysqlAccounts => Box::new(MysqlCheck::default()),
            Kind::Postgresql => postgresql_check(),
            Kind::PostgresqlDirectory => directory_check(),
            Kind::PostgresqlPlain => Box::new(PostgresqlPlainCheck::new(PlainDump::Database)),
            Kind::PostgresqlGlobals => Box::new(PostgresqlPlainCheck::new(PlainDump::Cluster)),
            Kind::PostgresqlBase => base_backup_check(),
            Kind::Rdb => Box::new(RdbCheck::default()),
            Kind::RedisAcl => Box::new(RedisAclCheck::default()),
            Kind::Tar => tar_check(),
            Kind::Sqlite => sqlite_check(),
        }
    }
}

impl Kind {
    /// Returns a new check for one stream of this kind that is about to be restored. It objects to what must not reach
    /// the program that unpacks it.
    pub(crate) fn restore_check(self) -> Box<dyn StreamCheck> {
        match self {
            Kind::Tar => tar_vetting(),
            Kind::PostgresqlGlobals => globals_vetting(),
            _ => self.stream_check(),
        }
    }

    /// Returns a new check for one stream of this kind that also looks whether [`Kind::restore_gate`] would let it pass.
    pub(crate) fn vetting_check(self) -> Box<dyn StreamCheck> {
        match self {
            Kind::Mysql => Box::new(VettedDump::new(Content::Database)),
            Kind::MysqlAccounts => Box::new(VettedDump::new(Content::Accounts)),
            _ => self.stream_check(),
        }
    }

    /// Returns the check of [`Kind::restore_check`] that also tells where the data lie, of a kind that can say so in itself.
    pub(crate) fn placing_check(self) -> Option<Box<dyn StreamCheck>> {
        (self == Kind::Postgresql).then(postgresql_placing_check)
    }

    /// Returns what lets a stream of this kind that is about to be restored pass piece by piece, where it is made of statements
    /// that a server would execute.
    pub(crate) fn restore_gate(self) -> Option<Gate> {
        match self {
            Kind::Mysql => Some(Gate::new(Content::Database)),
            Kind::MysqlAccounts => Some(Gate::new(Content::Accounts)),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A word that is no [`Kind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownKind(String);

impl fmt::Display for UnknownKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "unknown kind `{}`\nhint: known are",
            self.0.escape_debug()
        )?;
        for (position, kind) in Kind::ALL.iter().enumerate() {
            let separator = if position == 0 { " " } else { ", " };
            write!(formatter, "{separator}`{kind}`")?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownKind {}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == word)
            .ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_and_keeps_it_in_json() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(
                serde_json::to_string(&kind).unwrap(),
                format!("\"{}\"", kind.name())
            );
        }
    }

    #[test]
    fn an_unknown_kind_names_those_that_are_known() {
        let error = "mysq\nl".parse::<Kind>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown kind `mysq\\nl`\nhint: known are `mysql`, `mysql-accounts`, `postgresql`, `postgresql-directory`, `postgresql-plain`, \
             `postgresql-globals`, `postgresql-base`, `rdb`, `redis-acl`, `tar`, `sqlite`"
        );
    }

    #[test]
    fn nothing_is_complete_without_a_byte() {
        for kind in Kind::ALL {
            assert!(kind.stream_check().finish().is_err(), "{kind}");
        }
    }
}
