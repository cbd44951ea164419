//! The accounts of Redis and Valkey as `ACL LIST` tells them, and as `aclfile` takes them: a line each, `user NAME RULE...`
//! (<https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/>).

use std::collections::BTreeSet;

use super::{CheckFacts, StreamCheck};

/// More than a server tells in one answer that backup-redis takes.
const LIMIT: usize = 2 << 20;

/// A check of such lines. They tell no end of their own but that of a line.
#[derive(Default)]
pub(super) struct RedisAclCheck {
    text: Vec<u8>,
    is_too_long: bool,
}

impl StreamCheck for RedisAclCheck {
    fn feed(&mut self, bytes: &[u8]) {
        if self.text.len() + bytes.len() > LIMIT {
            self.is_too_long = true;
        } else {
            self.text.extend_from_slice(bytes);
        }
    }

    fn objection(&self) -> Option<&str> {
        self.is_too_long
            .then_some("it has more than 2 MiB, which is more than accounts take")
    }

    fn finish(self: Box<Self>) -> Result<CheckFacts, String> {
        if let Some(objection) = self.objection() {
            return Err(objection.to_owned());
        }
        let Some(text) = self.text.strip_suffix(b"\n") else {
            return Err("it does not end with a line feed: its last line may be cut".to_owned());
        };
        let mut names = BTreeSet::new();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let name = name_of(line).map_err(|why| format!("its line {} {why}", index + 1))?;
            if !names.insert(name) {
                return Err(format!(
                    "its line {} is of an account that it had before",
                    index + 1
                ));
            }
        }
        // A server cannot be without it, and tells of it in every list.
        if !names.contains(&b"default"[..]) {
            return Err("it lacks the account `default`, which every server has".to_owned());
        }
        let mut facts = CheckFacts::default();
        facts.insert_count("accounts", names.len() as u64);
        for name in names {
            facts.insert_content("account", &String::from_utf8_lossy(name), "yes");
        }
        Ok(facts)
    }
}

/// Returns the name of the account that a line is of.
fn name_of(line: &[u8]) -> Result<&[u8], &'static str> {
    if line.iter().any(|byte| byte.is_ascii_control()) {
        return Err("holds a control character");
    }
    let mut words = line.split(|byte| *byte == b' ');
    match (words.next(), words.next(), words.next()) {
        (Some(b"user"), Some(name), Some(b"on" | b"off")) if !name.is_empty() => Ok(name),
        _ => Err("is none that a server tells: `user NAME on ...` or `user NAME off ...`"),
    }
}

#[cfg(test)]
mod tests {
    use crate::archive::Kind;
    use crate::archive::fixtures::check;

    const ACCOUNTS: &str = "user app on #5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8 ~app:* resetchannels -@all +@read (%W~log:* -@all +append)\n\
        user default on nopass ~* &* +@all\n";

    fn refusal(text: &str) -> String {
        check(Kind::RedisAcl, text.as_bytes()).unwrap_err()
    }

    #[test]
    fn accounts_are_counted_and_named_without_their_passwords() {
        let facts = check(Kind::RedisAcl, ACCOUNTS.as_bytes()).unwrap();
        let facts = format!("{facts:?}");
        assert!(facts.contains(r#""accounts": "2""#), "{facts}");
        assert!(
            facts.contains("account.app") && facts.contains("account.default"),
            "{facts}"
        );
        assert!(!facts.contains("5e884898"), "{facts}");
    }

    #[test]
    fn what_no_server_tells_is_refused() {
        assert_eq!(
            refusal(""),
            "it does not end with a line feed: its last line may be cut"
        );
        assert_eq!(
            refusal(&ACCOUNTS[..ACCOUNTS.len() - 1]),
            "it does not end with a line feed: its last line may be cut"
        );
        assert_eq!(
            refusal("user app on nopass\n"),
            "it lacks the account `default`, which every server has"
        );
        assert_eq!(
            refusal(&format!("{ACCOUNTS}user default off\n")),
            "its line 3 is of an account that it had before"
        );
        assert_eq!(
            refusal(&format!("{ACCOUNTS}\nuser x on\n")),
            "its line 3 is none that a server tells: `user NAME on ...` or `user NAME off ...`"
        );
        for line in [
            "user x",
            "user x nopass",
            "user  on",
            "requirepass x",
            "NOPERM this user has no permissions",
            "user x on\r",
        ] {
            assert!(
                refusal(&format!("{ACCOUNTS}{line}\n")).starts_with("its line 3 "),
                "{line}"
            );
        }
        assert!(refusal(&"user x on\n".repeat(300_000)).contains("more than 2 MiB"));
    }
}
