//! Messages of Redis and Valkey that tell keys and values. SQLite tells none: tables and columns, and numbers of rows.

use super::rule::{End, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule::of("RDB has duplicated key '", End::Before(&["' in DB "])),
    Rule::of("Reading key '", End::Quoted(&[])),
    Rule::of("with args beginning with: ", End::Line),
    // What a server that crashes says of the command that it runs.
    Rule::behind("argv[", "]: ", End::Line),
];
