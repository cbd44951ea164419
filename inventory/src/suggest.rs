//! "Did you mean": the nearest of the names that exist.

use crate::text::quoted;

/// Returns the candidate nearest to what was written, when one is near enough to be meant. That is the one host whose name begins with it, before
/// the first dot; else one with few other letters.
pub(crate) fn nearest<'a, I>(written: &str, candidates: I) -> Option<&'a str>
where
    I: IntoIterator<Item = &'a str>,
{
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let is_short_for = |candidate: &&str| {
        let label = candidate.split_once('.').map(|(label, _)| label);
        label.is_some_and(|label| label.eq_ignore_ascii_case(written))
    };
    let mut whole = candidates.iter().copied().filter(is_short_for);
    if let (Some(only), None) = (whole.next(), whole.next()) {
        return Some(only);
    }
    let length = written.chars().count();
    // A third of the letters may differ, at least one: `usr` finds `user`, `x` finds nothing of four letters.
    let allowed = (length / 3).max(1);
    let lowered = written.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate.chars().count().abs_diff(length) > allowed || length > 256 {
            continue;
        }
        let distance = strsim::osa_distance(&lowered, &candidate.to_lowercase());
        if distance <= allowed && best.is_none_or(|(shortest, _)| distance < shortest) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Returns the hint for a name that is not there: the nearest one, else the given words.
pub(crate) fn hint<'a, I>(written: &str, candidates: I, otherwise: impl FnOnce() -> String) -> String
where
    I: IntoIterator<Item = &'a str>,
{
    match nearest(written, candidates) {
        Some(name) => format!("did you mean {}?", quoted(name)),
        None => otherwise(),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_short_name_of_one_host_is_that_host() {
        let hosts = ["db03.example.net", "db04.example.net", "db04.example.org", "db33"];
        assert_eq!(nearest("db03", hosts), Some("db03.example.net"));
        assert_eq!(nearest("DB03", hosts), Some("db03.example.net"));
        assert_eq!(nearest("db04", hosts), None);
        assert_eq!(nearest("example", hosts), None);
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["user", "port", "path", "services"];
        assert_eq!(nearest("usr", known), Some("user"));
        assert_eq!(nearest("serivces", known), Some("services"));
        assert_eq!(nearest("PORT", known), Some("port"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
    }
}
