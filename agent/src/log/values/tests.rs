use super::{KEPT_LIMIT, Values, without_values};

/// Messages with `canary` in each value, and how they are shown.
const MESSAGES: [(&str, &str); 42] = [
    (
        "ERROR 1062 (23000) at line 45: Duplicate entry 'canary' for key 'mail'\n",
        "ERROR 1062 (23000) at line 45: Duplicate entry '…' for key 'mail'\n",
    ),
    (
        "ERROR 1062 (23000): Duplicate entry 'the canary' for key 'x' of 1' for key 't.mail'\nmore\n",
        "ERROR 1062 (23000): Duplicate entry '…' for key 't.mail'\nmore\n",
    ),
    (
        "ERROR 1062 (23000): Duplicate entry 'canary\nand\ncanary' for key 'mail'\nmore\n",
        "ERROR 1062 (23000): Duplicate entry '…' for key 'mail'\nmore\n",
    ),
    // Somebody kept its first line alone.
    (
        "ERROR 1062 (23000): Duplicate entry 'canary\nrestore-mysql: `d` could not be restored\n",
        "ERROR 1062 (23000): Duplicate entry '…\nrestore-mysql: `d` could not be restored\n",
    ),
    (
        "ERROR 1569 (HY000): ALTER TABLE causes auto_increment resequencing, resulting in duplicate entry 'canary' for key 'PRIMARY'\n",
        "ERROR 1569 (HY000): ALTER TABLE causes auto_increment resequencing, resulting in duplicate entry '…' for key 'PRIMARY'\n",
    ),
    (
        "ERROR 1761 (23000): Foreign key constraint for table 'p', record 'canary' would lead to a duplicate entry in table 'c', key 'k'\n",
        "ERROR 1761 (23000): Foreign key constraint for table 'p', record '…' would lead to a duplicate entry in table 'c', key 'k'\n",
    ),
    (
        "ERROR 1366 (22007) at line 3: Incorrect integer value: 'canary' for column `d`.`t`.`c` at row 7\n",
        "ERROR 1366 (22007) at line 3: Incorrect integer value: '…' for column `d`.`t`.`c` at row 7\n",
    ),
    (
        "ERROR 1292 (22007): Truncated incorrect DOUBLE value: 'canary'\n",
        "ERROR 1292 (22007): Truncated incorrect DOUBLE value: '…'\n",
    ),
    (
        "ERROR 1411 (HY000): Incorrect datetime value: 'canary' for function str_to_date\n",
        "ERROR 1411 (HY000): Incorrect datetime value: '…' for function str_to_date\n",
    ),
    (
        "ERROR 1690 (22003): BIGINT UNSIGNED value is out of range in '(canary - `d`.`t`.`a`)'\n",
        "ERROR 1690 (22003): BIGINT UNSIGNED value is out of range in '…'\n",
    ),
    (
        "ERROR 1300 (HY000): Invalid utf8mb4 character string: 'canary'\n",
        "ERROR 1300 (HY000): Invalid utf8mb4 character string: '…'\n",
    ),
    (
        "ERROR 3854 (HY000): Cannot convert string 'canary' from utf8mb4 to latin1\n",
        "ERROR 3854 (HY000): Cannot convert string '…' from utf8mb4 to latin1\n",
    ),
    (
        "ERROR 1918 (22007): Encountered illegal value 'canary' when converting to DECIMAL\n",
        "ERROR 1918 (22007): Encountered illegal value '…' when converting to DECIMAL\n",
    ),
    (
        "ERROR 1526 (HY000) at line 8: Table has no partition for value canary\nmore\n",
        "ERROR 1526 (HY000) at line 8: Table has no partition for value …\nmore\n",
    ),
    (
        "ERROR 1064 (42000) at line 9: You have an error in your SQL syntax; check the manual for the right syntax to use near 'VECTOR(3) DEFAULT 'canary',\"canary\" 0x11 'canary' at line 2\n",
        "ERROR 1064 (42000) at line 9: You have an error in your SQL syntax; check the manual for the right syntax to use near 'VECTOR(…) DEFAULT …,… … …' at line 2\n",
    ),
    (
        "ERROR 1064 (42000): You have an error; the right syntax to use near ''canary',\n  'canary')' at line 2\nmore\n",
        "ERROR 1064 (42000): You have an error; the right syntax to use near '…,…' at line 2\nmore\n",
    ),
    (
        "ERROR:  duplicate key value violates unique constraint \"t_mail_key\"\nDETAIL:  Key (mail)=(canary) already exists.\nmore\n",
        "ERROR:  duplicate key value violates unique constraint \"t_mail_key\"\nDETAIL:  Key (mail)=(…) already exists.\nmore\n",
    ),
    (
        "pg_restore: error: could not execute query: ERROR:  could not create unique index \"i\"\nDETAIL:  Key (lower(mail))=(canary\ncanary) is duplicated.\nCommand was: x\n",
        "pg_restore: error: could not execute query: ERROR:  could not create unique index \"i\"\nDETAIL:  Key (lower(mail))=(…) is duplicated.\nCommand was: x\n",
    ),
    (
        "DETAIL:  Key (a, b)=(1, canary) is not present in table \"p\".\n",
        "DETAIL:  Key (a, b)=(…) is not present in table \"p\".\n",
    ),
    (
        "DETAIL:  Key (r)=([canary,2)) conflicts with existing key (r)=([canary,3)).\n",
        "DETAIL:  Key (r)=(…) conflicts with existing key (r)=(…).\n",
    ),
    (
        "DETAIL:  Schlüssel »(mail)=(canary)« existiert bereits.\nCONTEXT:  COPY t, line 1\n",
        "DETAIL:  Schlüssel »(mail)=(…\nCONTEXT:  COPY t, line 1\n",
    ),
    (
        "ERROR:  null value in column \"a\" of relation \"t\" violates not-null constraint\nDETAIL:  Failing row contains (null, canary, (x)=(canary)).\n",
        "ERROR:  null value in column \"a\" of relation \"t\" violates not-null constraint\nDETAIL:  Failing row contains (…).\n",
    ),
    (
        "ERROR:  no partition of relation \"t\" found for row\nDETAIL:  Partition key of the failing row contains (a) = (canary).\n",
        "ERROR:  no partition of relation \"t\" found for row\nDETAIL:  Partition key of the failing row contains (a) = (…).\n",
    ),
    (
        "CONTEXT:  COPY t, line 3, column x: \"canary\"\nmore\n",
        "CONTEXT:  COPY t, line 3, column x: \"…\"\nmore\n",
    ),
    (
        "CONTEXT:  COPY t, line 3: \"1\tthe \"canary\"\"\nmore\n",
        "CONTEXT:  COPY t, line 3: \"…\"\nmore\n",
    ),
    (
        "CONTEXT:  COPY t, line 3, column x: \"a \"canary\"\nand canary\"\npg_restore: more\n",
        "CONTEXT:  COPY t, line 3, column x: \"…\"\npg_restore: more\n",
    ),
    (
        "CONTEXT:  COPY t, line 3, column x: null input\n",
        "CONTEXT:  COPY t, line 3, column x: null input\n",
    ),
    (
        "pg_restore: error: COPY failed for table \"t\": ERROR:  invalid input syntax for type integer: \"canary\"\nCONTEXT:  COPY t, line 1, column a: \"canary\"\n",
        "pg_restore: error: COPY failed for table \"t\": ERROR:  invalid input syntax for type integer: \"…\"\nCONTEXT:  COPY t, line 1, column a: \"…\"\n",
    ),
    // Lines that a script has put into one, or cut.
    (
        "not dumped: ERROR:  invalid input syntax for type integer: \"canary\" CONTEXT:  COPY t, line 1, column a: \"cana",
        "not dumped: ERROR:  invalid input syntax for type integer: \"…\" CONTEXT:  COPY t, line 1, column a: \"…",
    ),
    (
        "restore-postgresql: not restored: the rows of t: value \"1canary\" is out of range for type integer\n",
        "restore-postgresql: not restored: the rows of t: value \"…\" is out of range for type integer\n",
    ),
    (
        "ERROR:  \"1canary\" is out of range for type double precision\n",
        "ERROR:  \"…\" is out of range for type double precision\n",
    ),
    (
        "ERROR:  date/time field value out of range: \"canary\"\nLINE 1: x\n",
        "ERROR:  date/time field value out of range: \"…\"\nLINE 1: x\n",
    ),
    (
        "ERROR:  invalid input value for enum mood: \"canary\" at character 8\n",
        "ERROR:  invalid input value for enum mood: \"…\" at character 8\n",
    ),
    (
        "ERROR:  malformed array literal: \"{canary\"\nDETAIL:  Unexpected end of input.\n",
        "ERROR:  malformed array literal: \"…\"\nDETAIL:  Unexpected end of input.\n",
    ),
    (
        "ERROR:  invalid value \"canary\" for \"YYYY\"\n",
        "ERROR:  invalid value \"…\" for \"YYYY\"\n",
    ),
    (
        "ERROR:  invalid input syntax for type json\nDETAIL:  Token \"canary\" is invalid.\nCONTEXT:  JSON data, line 1: {canary\ncanary...\nCOPY t, line 1\npg_restore: error: more\n",
        "ERROR:  invalid input syntax for type json\nDETAIL:  Token \"…\" is invalid.\nCONTEXT:  JSON data, line 1: …\npg_restore: error: more\n",
    ),
    (
        "ERROR:  invalid XML content\nDETAIL:  line 1: tag mismatch\n<a>canary\n   ^\nCONTEXT:  COPY t, line 1\n",
        "ERROR:  invalid XML content\nDETAIL:  line 1: …\nCONTEXT:  COPY t, line 1\n",
    ),
    (
        "1:M 02 Jan 2026 03:04:05.678 # RDB has duplicated key 'canary' in DB 0\n",
        "1:M 02 Jan 2026 03:04:05.678 # RDB has duplicated key '…' in DB 0\n",
    ),
    (
        "[additional info] Reading key 'canary'\n[additional info] Reading type 4\n",
        "[additional info] Reading key '…'\n[additional info] Reading type 4\n",
    ),
    (
        "ERR unknown command 'X', with args beginning with: 'canary' 'canary' \nmore\n",
        "ERR unknown command 'X', with args beginning with: …\nmore\n",
    ),
    (
        "argv[1]: 'canary'\nargv[2]: \"canary\"\n",
        "argv[1]: …\nargv[2]: …\n",
    ),
    (
        "FATAL:  invalid value for parameter \"TimeZone\": \"Mars\"\nRuntime error: UNIQUE constraint failed: t.mail (19)\n",
        "FATAL:  invalid value for parameter \"TimeZone\": \"Mars\"\nRuntime error: UNIQUE constraint failed: t.mail (19)\n",
    ),
];

#[test]
fn values_are_hidden_wherever_the_stream_is_cut() {
    for (message, shown) in MESSAGES {
        assert_eq!(without_values(message.to_owned()), shown);
        for size in 1..message.len() {
            let mut values = Values::default();
            let mut told = Vec::new();
            let text = ["before\n", message].concat();
            for piece in text.as_bytes().chunks(size) {
                told.extend(values.feed(piece));
            }
            told.extend(values.finish());
            assert_eq!(
                String::from_utf8(told).unwrap(),
                ["before\n", shown].concat(),
                "pieces of {size}"
            );
        }
    }
}

#[test]
fn what_begins_no_message_passes_at_once() {
    let mut values = Values::default();
    assert_eq!(values.feed(b"one\nlax"), b"one\nlax");
    assert_eq!(values.feed(b" and DETAI"), b" and ");
    assert_eq!(values.feed(b"N\n"), b"DETAIN\n");
    assert_eq!(values.feed(b"\x00\xff"), b"\x00\xff");
}

/// A value of any length is hidden, in bounded memory, and hides nothing for ever.
#[test]
fn a_value_without_an_end_hides_as_much_as_a_message_may_have() {
    let mut values = Values::default();
    let mut shown = values.feed(b"CONTEXT:  COPY t, line 1: \"");
    for _ in 0..100 {
        shown.extend(values.feed(&[b'x'; 10_000]));
        assert!(values.held.len() <= 200_000);
    }
    shown.extend(values.feed(b"\n"));
    for _ in 0..10_000 {
        shown.extend(values.feed(b"another line\n"));
    }
    let shown = String::from_utf8(shown).unwrap();
    assert!(
        shown.starts_with("CONTEXT:  COPY t, line 1: \"…\nanother line\n"),
        "{shown:.100}"
    );
    assert!(shown.len() > 10_000 * 13 - (70 << 10), "{}", shown.len());
}

/// Values of several lines, with lines that look like something else, and how they are shown.
const OF_SEVERAL_LINES: [(&str, &str); 15] = [
    (
        "DETAIL:  Failing row contains (1, first\n2026-01-02 CANARY1\nERROR CANARY\nnote: CANARY2\nplain CANARY3).\nmore\n",
        "DETAIL:  Failing row contains (…).\nmore\n",
    ),
    (
        "ERROR 1062 (23000): Duplicate entry 'a\nbatt CANARY4\nmysql CANARY\nWarning CANARY' for key 'k'\nmore\n",
        "ERROR 1062 (23000): Duplicate entry '…' for key 'k'\nmore\n",
    ),
    (
        "CONTEXT:  COPY t, line 3, column x: \"a\npg_restore: CANARY\npsql: CANARY\nERROR 1062 CANARY\nLINE 1: CANARY\"\nmore\n",
        "CONTEXT:  COPY t, line 3, column x: \"…\"\nmore\n",
    ),
    (
        "DETAIL:  Key (mail)=(a\nERROR:  CANARY\nrestore-mysql: CANARY\nhint: CANARY) already exists.\nmore\n",
        "DETAIL:  Key (mail)=(…) already exists.\nmore\n",
    ),
    // A sentence, or a quote, within the value.
    (
        "DETAIL:  Failing row contains (1, one (two). CANARY\nit's CANARY).\nmore\n",
        "DETAIL:  Failing row contains (…).\nmore\n",
    ),
    (
        "ERROR 1292 (22007): Truncated incorrect DOUBLE value: 'it's CANARY\nit's CANARY'\nmore\n",
        "ERROR 1292 (22007): Truncated incorrect DOUBLE value: '…'\nmore\n",
    ),
    // Joined, or within the parentheses of a script.
    (
        "not restored: DETAIL:  Failing row contains (CANARY). CONTEXT:  COPY t, line 1\n",
        "not restored: DETAIL:  Failing row contains (…). CONTEXT:  COPY t, line 1\n",
    ),
    (
        "restore-mysql: refused (ERROR 1292 (22007): Truncated incorrect DOUBLE value: 'CANARY')\nhint: more\n",
        "restore-mysql: refused (ERROR 1292 (22007): Truncated incorrect DOUBLE value: '…')\nhint: more\n",
    ),
    // Without the end: until the next message of an engine.
    (
        "ERROR 1062 (23000): Duplicate entry 'a\n2026-01-02 CANARY\nERROR 1146 (42S02) at line 5: Table 'd.t' doesn't exist\nmore\n",
        "ERROR 1062 (23000): Duplicate entry '…\nERROR 1146 (42S02) at line 5: Table 'd.t' doesn't exist\nmore\n",
    ),
    (
        "DETAIL:  Failing row contains (a\nnote: CANARY\npsql:<stdin>:12: ERROR:  relation \"t\" already exists\n",
        "DETAIL:  Failing row contains (…\npsql:<stdin>:12: ERROR:  relation \"t\" already exists\n",
    ),
    // What an engine says next of the same message.
    (
        "DETAIL:  line 1: tag\nrestore-mysql: CANARY\nCANARY\nCommand was: INSERT INTO t\nmore\n",
        "DETAIL:  line 1: …\nCommand was: INSERT INTO t\nmore\n",
    ),
    // Messages of which a script has kept the first line alone.
    (
        "restore-mysql: x: Duplicate entry 'CANARY\nrestore-mysql: y: Duplicate entry 'CANARY' for key 'k'\nmore\n",
        "restore-mysql: x: Duplicate entry '…\nrestore-mysql: y: Duplicate entry '…' for key 'k'\nmore\n",
    ),
    (
        "Duplicate entry 'CANARY\nrestore-mysql: one\nhint: two\nDuplicate entry 'CANARY\nnote: CANARY\nrestore-mysql: three\n",
        "Duplicate entry '…\nrestore-mysql: one\nhint: two\nDuplicate entry '…\nrestore-mysql: three\n",
    ),
    (
        "Duplicate entry 'CANARY\nrestore-mysql: one\npg_restore: error: two\nthree\n",
        "Duplicate entry '…\nrestore-mysql: one\npg_restore: error: two\nthree\n",
    ),
    (
        "argv[1]: 'CANARY'\n2026-01-02 more\n",
        "argv[1]: …\n2026-01-02 more\n",
    ),
];

fn in_pieces(text: &str, size: usize) -> String {
    let mut values = Values::default();
    let mut told = Vec::new();
    for piece in text.as_bytes().chunks(size) {
        told.extend(values.feed(piece));
    }
    told.extend(values.finish());
    String::from_utf8(told).unwrap()
}

#[test]
fn a_value_of_several_lines_is_hidden_up_to_its_end() {
    for (message, shown) in OF_SEVERAL_LINES {
        for size in 1..=message.len() {
            assert_eq!(in_pieces(message, size), shown, "pieces of {size}");
        }
    }
}

/// Whatever is left of a message, and whatever lines follow it, within what it may have.
#[test]
fn nothing_is_shown_of_a_value_that_ends_too_early() {
    let values = [
        "DETAIL:  Failing row contains (1, first\n2026-01-02 CANARY1\nERROR CANARY\nnote: CANARY2\nplain CANARY3).\n",
        "ERROR 1062 (23000): Duplicate entry 'a\nbatt CANARY4\nmysql CANARY\nWarning CANARY' for key 'k'\n",
        "CONTEXT:  COPY t, line 3: \"a\npg_restore: CANARY\nbackup CANARY\nERROR 1062 CANARY\"\n",
    ];
    for text in values {
        for length in 1..=text.len() {
            let shown = in_pieces(&text[..length], 7);
            assert!(!shown.contains("CANARY"), "{length}: {shown}");
        }
    }
}

#[test]
fn a_value_without_an_end_hides_lines_up_to_what_it_may_have() {
    let line = "2026-01-02 CANARY and so on, of which the value has as many as it may have\n";
    let text = ["Duplicate entry 'a\n", &line.repeat(200)].concat();
    let shown = in_pieces(&text, 100);
    assert!(shown.starts_with("Duplicate entry '…\n2026-"), "{shown:.100}");
    let hidden = text.len() - shown.len();
    assert!((1 << 10..(1 << 10) + line.len()).contains(&hidden), "{hidden}");

    // What a script says is shown when the end does not come.
    let text = [
        "Duplicate entry 'a\nCANARY\nrestore-mysql: one\n",
        &"more\n".repeat(1_000),
    ]
    .concat();
    let shown = in_pieces(&text, 100);
    assert_eq!(shown, text.replace("'a\nCANARY", "'…"));
}

/// Whoever writes the values decides on what may be a message and what may be a value.
#[test]
fn what_may_be_a_message_is_looked_at_few_times() {
    let lines = "restore-x: \nin tsquery: \"x\n".repeat(400);
    let text = ["CONTEXT:  COPY t, line 3: \"a\n", &lines].concat();
    let mut values = Values::default();
    let mut shown = Vec::new();
    for piece in text.as_bytes().chunks(1_000) {
        shown.extend(values.feed(piece));
        let kept = values.open.as_ref().map_or(0, |open| open.kept.len());
        assert!(kept <= KEPT_LIMIT, "{kept}");
    }
    shown.extend(values.finish());
    let shown = String::from_utf8(shown).unwrap();
    assert!(!shown.contains("\"x"));
    assert_eq!(shown.matches("restore-x: \n").count(), 400);
}
