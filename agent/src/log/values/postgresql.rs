//! Messages of PostgreSQL that tell values, its server's and its clients'.

use super::rule::{End, Rule};

/// What follows a value where lines were put into one.
const QUOTED: End = End::Quote(&["\" CONTEXT: ", "\" DETAIL: ", "\" LINE ", "\" at character "]);

pub(super) const RULES: &[Rule] = &[
    // Keys: unique, foreign and exclusion constraints. Of a server in another language, too.
    Rule::behind(
        "DETAIL:",
        ")=(",
        End::Sentence(&[
            ") already exists",
            ") is duplicated",
            ") is not present in table ",
            ") is still referenced from table ",
            ") conflicts with ",
            ") would be ",
        ]),
    ),
    // The second key of an exclusion constraint.
    Rule::behind("existing key (", ")=(", End::Sentence(&[])),
    Rule::of("DETAIL:  Failing row contains (", End::Sentence(&[])),
    Rule::behind("failing row contains (", ") = (", End::Sentence(&[])),
    // What a type takes, and the text it was given.
    Rule::behind("DETAIL:  Token ", "\"", End::Before(&["\" is invalid"])),
    Rule::behind("DETAIL:  ", ", but found \"", End::Before(&["\"."])),
    // XML.
    Rule::behind("DETAIL:  line ", ": ", End::Message),
    Rule::behind("invalid input syntax for type ", ": \"", QUOTED),
    Rule::behind("invalid input value for enum ", ": \"", QUOTED),
    Rule::behind("malformed ", " literal: \"", QUOTED),
    Rule::of("out of range: \"", QUOTED),
    Rule::of("in tsquery: \"", QUOTED),
    Rule::of("invalid cidr value: \"", QUOTED),
    Rule::of("invalid value \"", End::OnlyBefore(&["\" for \""])),
    Rule::of("value \"", End::OnlyBefore(&["\" is out of range for type "])),
    Rule::of(": \"", End::OnlyBefore(&["\" is out of range for type "])),
    Rule::of(":  \"", End::OnlyBefore(&["\" is out of range for type "])),
    // Where it happened.
    Rule::behind("CONTEXT:  COPY ", ": \"", QUOTED),
    Rule::behind("CONTEXT:  JSON data, line ", ": ", End::Message),
    Rule::of("with parameters: ", End::Message),
];
