//! How the values of a snapshot are laid out (`rdbLoadObject` in `rdb.c` of Redis): of each type, what follows the key.

/// A piece of a snapshot.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field {
    /// The first bytes: who wrote it.
    Header,
    /// What comes next: a key of some type, or a word about those that follow.
    Opcode,
    /// A length in one to nine bytes.
    Length(Meaning),
    /// The rest of a length, of this many bytes, behind the first bits of it.
    LengthRest(u8, u8, Meaning),
    /// Bytes to pass over.
    Bytes(u64),
    /// A number as text, behind one byte with its length.
    Score,
    /// The same fields, this many times.
    Repeated(u64, &'static [Field]),
}

/// What a length is the length of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning {
    /// A number that matters nothing here.
    Number,
    /// The database of the keys that follow.
    Database,
    /// A string; or a word in place of the length, which tells how the string is encoded.
    Text,
    /// The compressed form of a string. Its length when it is decompressed stands in between.
    Compressed,
    /// A list of these.
    Times(&'static [Field]),
    /// Not a length, but what comes next in the value of a module.
    ModulePart,
}

pub(super) const NUMBER: Field = Field::Length(Meaning::Number);
pub(super) const TEXT: Field = Field::Length(Meaning::Text);
pub(super) const MODULE_VALUE: Field = Field::Length(Meaning::ModulePart);
const TIME: Field = Field::Bytes(8);
/// The id of an entry of a stream, where it is not encoded.
const ENTRY: Field = Field::Bytes(16);

const fn list(of: &'static [Field]) -> Field {
    Field::Length(Meaning::Times(of))
}

const LIST: &[Field] = &[list(&[TEXT])];
const HASH: &[Field] = &[list(&[TEXT, TEXT])];
const SORTED: &[Field] = &[list(&[TEXT, Field::Bytes(8)])];
/// With scores as text.
const SORTED_OF_OLD: &[Field] = &[list(&[TEXT, Field::Score])];
/// Listpacks, each behind its form.
const QUICKLIST: &[Field] = &[list(&[NUMBER, TEXT])];
/// Behind the id of the module.
const MODULE: &[Field] = &[NUMBER, MODULE_VALUE];
const LISTPACKS: Field = list(&[TEXT, TEXT]);
/// Entries that were handed out and not acknowledged: which, when, how often.
const UNACKNOWLEDGED: Field = list(&[ENTRY, TIME, NUMBER]);
const OF_CONSUMER: Field = list(&[ENTRY]);
const STREAM: &[Field] = &[
    LISTPACKS,
    // The number of entries, and the last id.
    NUMBER,
    NUMBER,
    NUMBER,
    list(&[
        TEXT,
        NUMBER,
        NUMBER,
        UNACKNOWLEDGED,
        list(&[TEXT, TIME, OF_CONSUMER]),
    ]),
];
const STREAM_2: &[Field] = &[
    LISTPACKS,
    // Besides: the first id, the greatest deleted one, and how many were ever added.
    NUMBER,
    NUMBER,
    NUMBER,
    NUMBER,
    NUMBER,
    NUMBER,
    NUMBER,
    NUMBER,
    list(&[
        TEXT,
        NUMBER,
        NUMBER,
        NUMBER,
        UNACKNOWLEDGED,
        list(&[TEXT, TIME, OF_CONSUMER]),
    ]),
];
const STREAM_3: &[Field] = &[
    LISTPACKS,
    NUMBER,
    NUMBER,
    NUMBER,
    NUMBER,
    NUMBER,
    NUMBER,
    NUMBER,
    NUMBER,
    list(&[
        TEXT,
        NUMBER,
        NUMBER,
        NUMBER,
        UNACKNOWLEDGED,
        list(&[TEXT, TIME, TIME, OF_CONSUMER]),
    ]),
];

/// Whose snapshot it is: from type 22 on, Redis and Valkey have different ideas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    Redis,
    Valkey,
}

/// A hash whose fields end by themselves: of each when, counted from the first end of all.
const ENDING: &[Field] = &[TIME, list(&[NUMBER, TEXT, TEXT])];
const ENDING_LISTPACK: &[Field] = &[TIME, TEXT];
/// The same before the release of Redis 7.4.
const ENDING_OF_OLD: &[Field] = &[list(&[NUMBER, TEXT, TEXT])];
const ENDING_OF_VALKEY: &[Field] = &[list(&[TEXT, TEXT, TIME])];

/// Whether a value of this type is a hash whose fields end by themselves: it may be gone as a whole by then, or be a hash as any.
pub(super) fn has_ending_fields(kind: u8) -> bool {
    matches!(kind, 22..=25)
}

/// Returns the fields of a value of this type, or `None` for one that is not known.
///
/// Not known on purpose are the modules and functions of servers before their release (6, 246).
pub(super) fn value_of(kind: u8, maker: Maker) -> Option<&'static [Field]> {
    Some(match kind {
        22 if maker == Maker::Valkey => ENDING_OF_VALKEY,
        22 if maker == Maker::Redis => ENDING_OF_OLD,
        23 if maker == Maker::Redis => &[TEXT],
        24 if maker == Maker::Redis => ENDING,
        25 if maker == Maker::Redis => ENDING_LISTPACK,
        // A string, and what is kept as one: zipmap, ziplists, intset, listpacks.
        0 | 9..=13 | 16 | 17 | 20 => &[TEXT],
        // A list, a set, a list of ziplists.
        1 | 2 | 14 => LIST,
        3 => SORTED_OF_OLD,
        4 => HASH,
        5 => SORTED,
        7 => MODULE,
        15 => STREAM,
        18 => QUICKLIST,
        19 => STREAM_2,
        21 => STREAM_3,
        _ => return None,
    })
}
