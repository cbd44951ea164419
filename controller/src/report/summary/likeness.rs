//! When two hosts say the same: their reasons are compared without the names and addresses that each has for itself.

use std::net::{IpAddr, SocketAddr};

/// Returns what a host said, without its own name and without addresses.
pub(super) fn likeness(words: &str, host: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '%' | '[' | ']');
    let mut like = String::with_capacity(words.len());
    let mut rest = words;
    while let Some(start) = rest.find(is_part) {
        like.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        // A sentence's own mark behind a name is not of it.
        let name = word.trim_end_matches([':', '.']);
        if name == host {
            like.push_str("HOST");
        } else if name.parse::<IpAddr>().is_ok() || name.parse::<SocketAddr>().is_ok() {
            like.push_str("ADDRESS");
        } else {
            like.push_str(name);
        }
        like.push_str(&word[name.len()..]);
        rest = &rest[end..];
    }
    like.push_str(rest);
    like
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_say_the_same_of_themselves_are_alike() {
        let says = |host: &str, address: &str| {
            let words = format!("cannot connect to `{host}` port 22: refused from {address}:22, {address}.");
            likeness(&words, host)
        };
        assert_eq!(says("web1", "10.0.0.1"), says("web2", "10.0.0.2"));
        assert_eq!(
            says("web1", "10.0.0.1"),
            "cannot connect to `HOST` port 22: refused from ADDRESS, ADDRESS."
        );
        assert_eq!(
            likeness("web1: no route to [::1]:22", "web1"),
            "HOST: no route to ADDRESS"
        );
    }

    #[test]
    fn what_else_differs_stays() {
        assert_eq!(
            likeness("web11 and web1-x say 3.5 é", "web1"),
            "web11 and web1-x say 3.5 é"
        );
    }
}
