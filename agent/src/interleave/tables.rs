//! Whose rows have come, and whose had to.

use super::rows::Tables;

/// Says what is wrong where there are no rows of a table that has some, or where a table may have been read twice: its rows came from several dumps, and
/// one of these is not for a range of that table alone.
pub(super) fn hold(filled: &Tables, dumped: &[Tables]) -> Result<(), String> {
    let shown = |table: &[u8]| String::from_utf8_lossy(table).escape_debug().to_string();
    let missing = filled
        .iter()
        .find(|table| !dumped.iter().any(|tables| tables.contains(*table)));
    if let Some(table) = missing {
        return Err(format!(
            "it has no rows of {}, and the server has some",
            shown(table)
        ));
    }
    for (number, tables) in dumped.iter().enumerate().filter(|(_, tables)| tables.len() > 1) {
        for (other, others) in dumped.iter().enumerate().filter(|(other, _)| *other != number) {
            if let Some(table) = tables.intersection(others).next() {
                let (first, second) = (number.min(other), number.max(other));
                return Err(format!(
                    "rows of {} come from `rows-{first}` and from `rows-{second}`",
                    shown(table)
                ));
            }
        }
    }
    Ok(())
}
