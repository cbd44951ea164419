//! The statements of a dump of accounts: they make accounts and roles that are not there, and grant.

use super::lexer::Statement;
use super::session::Session;

/// What `mariadb-dump --system=users` puts around the roles, so that who loads it has no more than before.
const ROLES: &[&str] = &[
    "SELECT COALESCE(CURRENT_ROLE(),'NONE') into @current_role",
    "CREATE ROLE IF NOT EXISTS mariadb_dump_import_role",
    "GRANT mariadb_dump_import_role TO CURRENT_USER()",
    "SET ROLE mariadb_dump_import_role",
    "SET ROLE NONE",
    "DROP ROLE mariadb_dump_import_role",
    "/*M!100203 EXECUTE IMMEDIATE CONCAT('SET ROLE ', @current_role) */",
];

/// Says why a statement is none of a dump of accounts.
pub(super) fn judge(statement: &Statement<'_>, session: &Session) -> Result<(), String> {
    if ROLES
        .iter()
        .any(|known| statement.bytes.trim_ascii() == known.as_bytes())
    {
        return Ok(());
    }
    if !statement.is_whole() || statement.has_semicolon() {
        return Err("a statement in parts".to_owned());
    }
    session.is_usual()?;
    let sets_password = statement.tokens.iter().any(|token| token.is("IDENTIFIED"));
    let makes_if_missing = ["USER", "ROLE"]
        .iter()
        .any(|what| statement.has(0, &["CREATE", what, "IF", "NOT", "EXISTS"]));
    if makes_if_missing || statement.has(0, &["SET", "DEFAULT", "ROLE"]) {
        return Ok(());
    }
    if statement.is(0, "GRANT") {
        // An account that is there keeps the password that it has.
        return if sets_password {
            Err("a grant that sets a password".to_owned())
        } else {
            Ok(())
        };
    }
    let sets_default_role = statement
        .tokens
        .windows(2)
        .any(|pair| pair[0].is("DEFAULT") && pair[1].is("ROLE"));
    if statement.has(0, &["ALTER", "USER"]) && sets_default_role && !sets_password {
        return Ok(());
    }
    Err("it makes no account and grants nothing".to_owned())
}
