//! The statements that an archive of roles holds.

use super::reader::Token;

/// Encodings of servers. In none of the others can a byte that is not ASCII be followed by one that is and belongs to it; in
/// those that only clients have (as SJIS) it can, and may look like a backslash.
const ENCODINGS: [&str; 35] = [
    "EUC_CN",
    "EUC_JIS_2004",
    "EUC_JP",
    "EUC_KR",
    "EUC_TW",
    "ISO_8859_5",
    "ISO_8859_6",
    "ISO_8859_7",
    "ISO_8859_8",
    "KOI8R",
    "KOI8U",
    "LATIN1",
    "LATIN10",
    "LATIN2",
    "LATIN3",
    "LATIN4",
    "LATIN5",
    "LATIN6",
    "LATIN7",
    "LATIN8",
    "LATIN9",
    "MULE_INTERNAL",
    "SQL_ASCII",
    "UTF8",
    "WIN1250",
    "WIN1251",
    "WIN1252",
    "WIN1253",
    "WIN1254",
    "WIN1255",
    "WIN1256",
    "WIN1257",
    "WIN1258",
    "WIN866",
    "WIN874",
];
/// What a role can be, or not be with `NO` before it.
const ATTRIBUTES: [&str; 7] = [
    "SUPERUSER",
    "INHERIT",
    "CREATEROLE",
    "CREATEDB",
    "LOGIN",
    "REPLICATION",
    "BYPASSRLS",
];
/// Words that stand for other roles than one of that name; as names they are quoted.
const NOT_NAMES: [&str; 7] = [
    "all",
    "current_role",
    "current_user",
    "none",
    "public",
    "session_user",
    "user",
];

/// Requires that a line that begins with a backslash is one by which dumps guard themselves since August 2025.
pub(super) fn require_restriction(line: &[u8]) -> Result<(), String> {
    let key = line
        .strip_prefix(b"restrict ")
        .or_else(|| line.strip_prefix(b"unrestrict "));
    match key {
        Some(key) if !key.is_empty() && key.iter().all(u8::is_ascii_alphanumeric) => Ok(()),
        _ => Err("a command to psql".to_owned()),
    }
}

/// Requires that a statement is one of those that pg_dumpall writes.
pub(super) fn require_known(statement: &[Token]) -> Result<(), String> {
    let mut rest = Rest(statement);
    if rest.is_statement() && rest.0.is_empty() {
        return Ok(());
    }
    // Of the words those alone that cannot be a password.
    let mut words = statement.iter().map_while(|token| match token {
        Token::Word(word) if word.bytes().all(|byte| byte.is_ascii_uppercase()) => Some(word.as_str()),
        _ => None,
    });
    let beginning = [words.next(), words.next(), words.next()];
    let beginning: Vec<&str> = beginning.into_iter().flatten().collect();
    Err(format!(
        "a statement that no archive of roles holds in this form: `{} ...`",
        beginning.join(" ").chars().take(100).collect::<String>()
    ))
}

/// What is left of a statement. Each method takes what it names from its beginning, and tells whether that was there.
struct Rest<'a>(&'a [Token]);

impl Rest<'_> {
    fn is_statement(&mut self) -> bool {
        if self.words("SET SESSION AUTHORIZATION") {
            return self.name();
        }
        if self.words("RESET SESSION AUTHORIZATION") {
            return true;
        }
        if self.words("SET") {
            return self.setting();
        }
        if self.words("SELECT pg_catalog") {
            // As pg_dump keeps other schemas away.
            return self.mark(b'.')
                && self.words("set_config")
                && self.mark(b'(')
                && self.this_text("search_path")
                && self.mark(b',')
                && self.this_text("")
                && self.mark(b',')
                && self.words("false")
                && self.mark(b')');
        }
        if self.words("CREATE ROLE") {
            return self.name();
        }
        if self.words("ALTER ROLE") {
            return self.name() && self.change_of_role();
        }
        if self.words("CREATE TABLESPACE") {
            return self.name()
                && self.words("OWNER")
                && self.name()
                && self.words("LOCATION")
                && self.text();
        }
        if self.words("ALTER TABLESPACE") {
            return self.name() && self.words("SET") && self.options();
        }
        if self.words("COMMENT ON") {
            return self.global() && self.words("IS") && self.text();
        }
        if self.words("SECURITY LABEL FOR") {
            return self.name() && self.words("ON") && self.global() && self.words("IS") && self.text();
        }
        if self.words("GRANT") {
            return self.grant();
        }
        self.words("REVOKE") && self.revoke()
    }

    fn setting(&mut self) -> bool {
        if self.words("client_encoding") {
            return self.mark(b'=') && ENCODINGS.iter().any(|encoding| self.this_text(encoding));
        }
        if self.words("default_transaction_read_only") || self.words("escape_string_warning") {
            return self.mark(b'=') && self.words("off");
        }
        self.words("standard_conforming_strings")
            && self.mark(b'=')
            && (self.words("on") || self.words("off"))
    }

    fn change_of_role(&mut self) -> bool {
        if !self.words("WITH") {
            return (!self.words("IN DATABASE") || self.name())
                && self.words("SET")
                && self.name()
                && self.words("TO")
                && self.values();
        }
        while !self.0.is_empty() {
            let known = self.attribute()
                || self.words("CONNECTION LIMIT") && self.number()
                || self.words("PASSWORD") && self.text()
                || self.words("VALID UNTIL") && self.text();
            if !known {
                return false;
            }
        }
        true
    }

    fn attribute(&mut self) -> bool {
        let Some((Token::Word(word), rest)) = self.0.split_first() else {
            return false;
        };
        let is_known = ATTRIBUTES.contains(&word.strip_prefix("NO").unwrap_or(word));
        if is_known {
            self.0 = rest;
        }
        is_known
    }

    /// The values of a setting.
    fn values(&mut self) -> bool {
        loop {
            if !self.text() {
                return false;
            }
            if !self.mark(b',') {
                return true;
            }
        }
    }

    /// The options of a tablespace.
    fn options(&mut self) -> bool {
        if !self.mark(b'(') {
            return false;
        }
        loop {
            if !(self.name() && self.mark(b'=') && self.number()) {
                return false;
            }
            if !self.mark(b',') {
                return self.mark(b')');
            }
        }
    }

    fn grant(&mut self) -> bool {
        if self.privileges() {
            return self.words("ON")
                && (self.words("TABLESPACE") || self.words("PARAMETER"))
                && self.name()
                && self.words("TO")
                && self.grantee()
                && (!self.words("WITH") || self.words("GRANT OPTION"));
        }
        // Membership.
        if !(self.name() && self.words("TO") && self.name()) {
            return false;
        }
        if self.words("WITH") {
            loop {
                let known = self.words("ADMIN") && (self.words("OPTION") || self.truth())
                    || (self.words("INHERIT") || self.words("SET")) && self.truth();
                if !known {
                    return false;
                }
                if !self.mark(b',') {
                    break;
                }
            }
        }
        !self.words("GRANTED BY") || self.name()
    }

    fn revoke(&mut self) -> bool {
        (!self.words("GRANT OPTION FOR") || !self.0.is_empty())
            && self.privileges()
            && self.words("ON")
            && (self.words("TABLESPACE") || self.words("PARAMETER"))
            && self.name()
            && self.words("FROM")
            && self.grantee()
    }

    fn privileges(&mut self) -> bool {
        if self.words("ALL") {
            return true;
        }
        let mut any = false;
        while self.words("CREATE") || self.words("SET") || self.words("ALTER SYSTEM") {
            any = true;
            if !self.mark(b',') {
                break;
            }
        }
        any
    }

    fn grantee(&mut self) -> bool {
        self.words("PUBLIC") || self.name()
    }

    fn truth(&mut self) -> bool {
        self.words("TRUE") || self.words("FALSE")
    }

    /// A role or a tablespace.
    fn global(&mut self) -> bool {
        (self.words("ROLE") || self.words("TABLESPACE")) && self.name()
    }

    fn words(&mut self, words: &str) -> bool {
        let mut rest = self.0;
        for word in words.split(' ') {
            match rest.split_first() {
                Some((Token::Word(found), behind)) if found == word => rest = behind,
                _ => return false,
            }
        }
        self.0 = rest;
        true
    }

    /// A name, in quotes or without need of them.
    fn name(&mut self) -> bool {
        match self.0.split_first() {
            Some((Token::Name, rest)) => self.0 = rest,
            Some((Token::Word(word), rest)) if is_name(word) => self.0 = rest,
            _ => return false,
        }
        true
    }

    fn text(&mut self) -> bool {
        let Some((Token::Text(_), rest)) = self.0.split_first() else {
            return false;
        };
        self.0 = rest;
        true
    }

    fn this_text(&mut self, text: &str) -> bool {
        match self.0.split_first() {
            Some((Token::Text(found), rest)) if found == text.as_bytes() => self.0 = rest,
            _ => return false,
        }
        true
    }

    fn number(&mut self) -> bool {
        self.mark(b'-');
        self.digits() && (!self.mark(b'.') || self.digits())
    }

    fn digits(&mut self) -> bool {
        match self.0.split_first() {
            Some((Token::Word(word), rest)) if word.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.0 = rest;
            }
            _ => return false,
        }
        true
    }

    fn mark(&mut self, mark: u8) -> bool {
        match self.0.split_first() {
            Some((Token::Mark(found), rest)) if *found == mark => self.0 = rest,
            _ => return false,
        }
        true
    }
}

fn is_name(word: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    word.bytes().all(is_plain)
        && !word.starts_with(|first: char| first.is_ascii_digit())
        && !NOT_NAMES.contains(&word)
}
