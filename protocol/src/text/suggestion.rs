//! The word that was probably meant.

/// Returns the candidate nearest to `word`, when one is near enough to be meant.
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(word.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_word_is_suggested() {
        assert_eq!(suggestion("mysq", ["redis", "mysql"]), Some("mysql"));
        assert_eq!(suggestion("web-1", ["web1", "db1"]), Some("web1"));
        assert_eq!(suggestion("oracle", ["redis", "mysql"]), None);
    }
}
