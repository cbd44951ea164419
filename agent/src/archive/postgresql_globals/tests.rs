use super::*;
use crate::archive::fixtures::fixture;

const HEAD: &str = "--\n-- PostgreSQL database cluster dump\n--\n\n";
const TAIL: &str = "\n--\n-- PostgreSQL database cluster dump complete\n--\n\n";

/// Returns what is objected to, in pieces of any size.
fn vetted(archive: &[u8], piece: usize) -> Result<(), String> {
    let mut check = globals_vetting();
    for bytes in archive.chunks(piece) {
        check.feed(bytes);
    }
    check.finish().map(|_| ())
}

fn statements(statements: &str) -> Result<(), String> {
    vetted(format!("{HEAD}{statements}{TAIL}").as_bytes(), 5)
}

#[test]
fn what_pg_dumpall_writes_passes() {
    let archive = fixture("postgresql-globals.sql");
    for piece in [1, 7, archive.len()] {
        vetted(&archive, piece).unwrap();
    }
    statements(
        "SET standard_conforming_strings = off;\nSET escape_string_warning = off;\n\
         CREATE ROLE plain_2;\nCREATE ROLE \"we;ird\nrole \"\"x -- \\! \";\n\
         ALTER ROLE plain_2 WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS \
         CONNECTION LIMIT 7 PASSWORD 'SCRAM-SHA-256$4096:x==$a/b=:c=' VALID UNTIL '2099-01-01 00:00:00+00';\n\
         COMMENT ON ROLE plain_2 IS 'it''s\n\nALTER ROLE x; \"';\nCOMMENT ON ROLE plain_2 IS E'a\\\\b''';\n\
         SECURITY LABEL FOR selinux ON ROLE plain_2 IS 'x';\n\
         ALTER ROLE plain_2 SET search_path TO '$user', 'a,b', 'public';\nALTER ROLE plain_2 IN DATABASE \"x y\" SET \"my.own\" TO E'\\\\';\n\
         GRANT plain_2 TO \"all\";\nGRANT a TO b WITH ADMIN OPTION GRANTED BY postgres;\n\
         GRANT a TO b WITH ADMIN OPTION, INHERIT FALSE, SET FALSE GRANTED BY postgres;\nGRANT a TO b WITH INHERIT TRUE GRANTED BY c;\n\
         SET SESSION AUTHORIZATION plain_2;\nGRANT SET,ALTER SYSTEM ON PARAMETER log_statement TO a WITH GRANT OPTION;\nRESET SESSION AUTHORIZATION;\n\
         CREATE TABLESPACE \"spa ce\" OWNER a LOCATION '/srv/it''s';\n\
         ALTER TABLESPACE \"spa ce\" SET (random_page_cost=1.5, seq_page_cost=1);\n\
         REVOKE ALL ON TABLESPACE a FROM PUBLIC;\nGRANT CREATE ON TABLESPACE a TO PUBLIC;\nCOMMENT ON TABLESPACE a IS '';\n\
         SELECT pg_catalog.set_config('search_path', '', false);\n",
    )
    .unwrap();
}

#[test]
fn what_it_does_not_write_is_objected_to_by_its_line() {
    let objection =
        statements("CREATE ROLE a;\nALTER SYSTEM SET archive_command TO 'secret';\n").unwrap_err();
    assert_eq!(
        objection,
        "line 6: a statement that no archive of roles holds in this form: `ALTER SYSTEM SET ...`"
    );
    assert_eq!(statements("\\! id\n").unwrap_err(), "line 5: a command to psql");
    for line in [
        "CREATE ROLE a; CREATE ROLE b;\n",
        "CREATE ROLE a ;\n",
        "CREATE ROLE a -- x\n;\n",
        "CREATE ROLE a--x\n;\n",
        "CREATE  ROLE a;\n",
        "CREATE\tROLE a;\n",
        "CREATE ROLE a;\r\n",
        " CREATE ROLE a;\n",
        "CREATE ROLE A;\n",
        "CREATE ROLE 1a;\n",
        "CREATE ROLE \"\";\n",
        "CREATE ROLE \"a\"\"\n",
        "CREATE ROLE \"a\"b;\n",
        "CREATE ROLE a\"b\";\n",
        "CREATE ROLE $$a$$;\n",
        "CREATE ROLE :a;\n",
        "CREATE ROLE \u{fc};\n",
        "create role a;\n",
        "CREATE ROLE a SUPERUSER;\n",
        "ALTER ROLE a RENAME TO b;\n",
        "ALTER ROLE all SET x TO 'y';\n",
        "ALTER ROLE current_user WITH LOGIN;\n",
        "ALTER ROLE a SET x TO DEFAULT;\n",
        "ALTER ROLE a SET x = 'y';\n",
        "ALTER ROLE a WITH PASSWORD 'a' 'b';\n",
        "ALTER ROLE a WITH PASSWORD 'a'\n'b';\n",
        "ALTER ROLE a WITH PASSWORD 'a\\';\n",
        "ALTER ROLE a WITH PASSWORD E'a\\'';\n",
        "ALTER ROLE a WITH PASSWORD E'a\\x41';\n",
        "ALTER ROLE a WITH PASSWORD e'a';\n",
        "ALTER ROLE a WITH PASSWORD U&'a';\n",
        "ALTER ROLE a WITH PASSWORD B'1';\n",
        "SET client_encoding = 'SJIS';\n",
        "SET client_encoding = 'gbk';\n",
        "SET standard_conforming_strings = 'off';\n",
        "SET search_path = x;\n",
        "SELECT pg_catalog.set_config('log_statement', '', false);\n",
        "GRANT ALL ON DATABASE x TO y;\n",
        "GRANT a TO current_user;\n",
        "REVOKE a FROM b;\n",
        "DROP ROLE a;\n",
        "/* x */\n",
        "-- a\rCREATE ROLE a;\n",
        "- x\n",
        "\\restrict\n",
        "\\restrict a b\n",
        "\\restrict a\\! id\n",
        "\\connect postgres\n",
        "BEGIN;\n",
        "CREATE ROLE a\0;\n",
    ] {
        assert!(statements(line).is_err(), "{line}");
    }
    statements("CREATE ROLE \"a").unwrap_err();
    statements("COMMENT ON ROLE a IS 'x").unwrap_err();
}

#[test]
fn memory_is_bounded() {
    statements(&format!("CREATE ROLE \"{}\";\n", "x".repeat(5000))).unwrap_err();
    statements(&format!("CREATE ROLE {};\n", "x".repeat(5000))).unwrap_err();
    statements(&format!("ALTER ROLE a SET x TO {}'';\n", "'', ".repeat(20_000))).unwrap_err();
    statements(&format!("\\restrict {}\n", "x".repeat(500))).unwrap_err();
    statements(&format!("COMMENT ON ROLE a IS '{}';\n", "x".repeat(50_000))).unwrap();
}

/// Reads as psql does (psqlscan.l), with texts that have escapes by a backslash or not: what stands outside of quotes.
fn outside_of_quotes(archive: &[u8], has_escapes: bool) -> Vec<u8> {
    let mut outside = Vec::new();
    let mut bytes = archive.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'-' if bytes.peek() == Some(&b'-') => {
                while bytes.peek().is_some_and(|byte| !matches!(byte, b'\n' | b'\r')) {
                    bytes.next();
                }
            }
            b'\'' | b'"' => {
                let escapes = byte == b'\'' && (has_escapes || outside.last() == Some(&b'E'));
                while let Some(inner) = bytes.next() {
                    if inner == b'\\' && escapes {
                        bytes.next();
                    } else if inner == byte {
                        break;
                    }
                }
                outside.push(b'?');
            }
            byte => outside.push(byte),
        }
    }
    outside
}

/// Archives with something changed: whatever passes holds no command to psql, however its texts are read, and one statement in
/// each line that has one.
#[test]
fn whatever_passes_is_read_in_one_way() {
    let whole = fixture("postgresql-globals.sql");
    let end = whole
        .windows(15)
        .position(|bytes| bytes == b"ALTER ROLE read")
        .unwrap();
    let pieces: [&[u8]; 20] = [
        b"'",
        b"''",
        b"\"",
        b"\"\"",
        b"\\",
        b"\\\\",
        b"E'",
        b"\n",
        b";",
        b";\n",
        b"--",
        b"\\! id\n",
        b"$$",
        b"/*",
        b"*/",
        b" ",
        b"COMMENT ON ROLE a IS '",
        b"CREATE ROLE \"",
        b"COMMENT ON ROLE a IS E'",
        b"x",
    ];
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        usize::try_from(chance % below as u64).unwrap()
    };
    let mut passed = 0;
    for _ in 0..15_000 {
        let mut archive = whole[..end].to_vec();
        for _ in 0..next(8) {
            archive.extend_from_slice(pieces[next(pieces.len())]);
        }
        archive.extend_from_slice(&whole[end..]);
        if vetted(&archive, archive.len()).is_err() {
            continue;
        }
        passed += 1;
        for has_escapes in [false, true] {
            let outside = outside_of_quotes(&archive, has_escapes);
            for line in outside.split(|byte| *byte == b'\n') {
                let text = String::from_utf8_lossy(line);
                let is_guard = text.starts_with("\\restrict ") || text.starts_with("\\unrestrict ");
                assert!(is_guard || !text.contains('\\'), "{}", archive.escape_ascii());
                assert!(text.matches(';').count() <= 1, "{}", archive.escape_ascii());
            }
        }
    }
    assert!(passed > 100, "only {passed} passed");
}
