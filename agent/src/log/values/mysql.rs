//! Messages of MySQL and MariaDB that tell values.

use super::rule::{End, Rule};

const QUOTED: End = End::Quoted(&[]);

pub(super) const RULES: &[Rule] = &[
    // 1062, 1569, 1586.
    Rule::of("uplicate entry '", End::Before(&["' for key "])),
    // 1761, 1762.
    Rule::behind(
        "oreign key constraint for table '",
        "', record '",
        End::Before(&["' would lead to a duplicate entry"]),
    ),
    // 1292, 1366, 1411, 1525.
    Rule::behind(
        "ncorrect ",
        " value: '",
        End::Quoted(&["' for column ", "' for function "]),
    ),
    Rule::of("Illegal double '", End::Before(&["' value found during parsing"])),
    Rule::of(
        "Illegal non geometric '",
        End::Before(&["' value found during parsing"]),
    ),
    // 1690: an expression, in which constants may be values.
    Rule::of("value is out of range in '", QUOTED),
    // 1300.
    Rule::behind("Invalid ", " character string: '", QUOTED),
    // 3854, 1977.
    Rule::of("Cannot convert string '", End::Before(&["' from "])),
    Rule::of("annot convert '", End::OnlyBefore(&["' character 0x"])),
    Rule::of(
        "Encountered illegal value '",
        End::Before(&["' when converting to "]),
    ),
    // 1526.
    Rule::of("Table has no partition for value ", End::Line),
    // 1064: of which statement is not told. What says which word the server does not know stays.
    Rule::of("right syntax to use near '", End::Statement(&["' at line "])),
];
