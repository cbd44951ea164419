use super::super::super::Kind;
use super::super::super::fixtures::check;
use super::super::header::BLOCK;
use super::*;

/// Returns the header of a member.
fn header(name: &str, kind: u8, size: usize) -> Vec<u8> {
    let mut block = vec![0u8; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000600\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[148..156].copy_from_slice(b"        ");
    block[156] = kind;
    block[257..263].copy_from_slice(b"ustar\0");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn sha256(bytes: &[u8]) -> String {
    let mut digest = Digest::default();
    digest.update(bytes);
    digest.hex()
}

/// Returns a base backup of these files, with a manifest as PostgreSQL writes it.
fn backup(files: &[(&str, &[u8])], listed: &[(&str, &[u8])]) -> Vec<u8> {
    let mut manifest = "{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [\n".to_owned();
    for (number, (name, content)) in listed.iter().enumerate() {
        let comma = if number + 1 < listed.len() { "," } else { "" };
        manifest += &format!(
            "{{ \"Path\": \"{name}\", \"Size\": {}, \"Last-Modified\": \"2026-11-24 17:00:33 GMT\", \
             \"Checksum-Algorithm\": \"SHA256\", \"Checksum\": \"{}\" }}{comma}\n",
            content.len(),
            sha256(content)
        );
    }
    manifest += "],\n\"WAL-Ranges\": [\n{ \"Timeline\": 1, \"Start-LSN\": \"0/2000028\", \"End-LSN\": \"0/2000100\" }\n],\n";
    let own = sha256(manifest.as_bytes());
    manifest += &format!("\"Manifest-Checksum\": \"{own}\"}}\n");
    tar(files, manifest.as_bytes())
}

fn tar(files: &[(&str, &[u8])], manifest: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    for (name, content) in files.iter().chain([&(MANIFEST, manifest)]) {
        let kind = if name.ends_with('/') { b'5' } else { b'0' };
        stream.extend(header(name, kind, content.len()));
        stream.extend_from_slice(content);
        stream.resize(stream.len().next_multiple_of(BLOCK), 0);
    }
    stream.resize(stream.len() + 2 * BLOCK, 0);
    stream
}

/// A power of two, as every size of such a file is.
const WAL: &[u8] = &[7; 1 << 20];
const SEGMENT: &str = "pg_wal/000000010000000000000020";
const FILES: &[(&str, &[u8])] = &[
    ("backup_label", b"START WAL LOCATION"),
    ("tablespace_map", b""),
    ("base/", b""),
    ("base/5/1259", &[1; 8192]),
    (SEGMENT, WAL),
];
const LISTED: &[(&str, &[u8])] = &[
    ("backup_label", b"START WAL LOCATION"),
    ("tablespace_map", b""),
    ("base/5/1259", &[1; 8192]),
];

fn refusal(stream: &[u8]) -> String {
    check(Kind::PostgresqlBase, stream).unwrap_err()
}

#[test]
fn what_its_manifest_names_is_whole() {
    let facts = check(Kind::PostgresqlBase, &backup(FILES, LISTED)).unwrap();
    assert_eq!(facts.get("files"), Some("4"));
    assert_eq!(facts.get("wal-end"), Some("0/2000100"));
}

#[test]
fn a_flipped_byte_a_missing_and_an_unlisted_file_are_named() {
    let mut flipped = backup(FILES, LISTED);
    let page = flipped.iter().rposition(|byte| *byte == 1).unwrap();
    flipped[page] = 3;
    assert!(refusal(&flipped).starts_with("`base/5/1259` is not what"));
    let missing = backup(&[FILES[0], FILES[1], FILES[4]], LISTED);
    assert_eq!(refusal(&missing), "`base/5/1259` is missing");
    let unlisted = backup(FILES, &LISTED[..2]);
    assert_eq!(refusal(&unlisted), "`base/5/1259` is not in `backup_manifest`");
    let shorter = backup(FILES, &[LISTED[0], LISTED[1], ("base/5/1259", &[1; 8191])]);
    assert_eq!(refusal(&shorter), "`base/5/1259` has 8192 bytes instead of 8191");
}

#[test]
fn a_base_backup_without_its_log_cannot_be_recovered() {
    assert!(refusal(&backup(&FILES[..4], LISTED)).contains("no write-ahead log"));
    let other = ("pg_wal/000000010000000000000021", WAL);
    let files = [FILES[0], FILES[1], FILES[3], other];
    assert!(refusal(&backup(&files, LISTED)).contains("`pg_wal/000000010000000000000020` is missing"));
}

#[test]
fn a_manifest_is_held_against_its_own_checksum() {
    let stream = backup(FILES, LISTED);
    let changed = |from: &[u8], to: &[u8]| {
        let place = stream
            .windows(from.len())
            .rposition(|bytes| bytes == from)
            .unwrap();
        let mut stream = stream.clone();
        stream[place..place + to.len()].copy_from_slice(to);
        refusal(&stream)
    };
    assert!(changed(b"17:00:33", b"17:00:34").contains("its own SHA-256 differs"));
    assert!(changed(b"SHA256", b"CRC32C").contains("it has no SHA-256 of"));
    assert!(refusal(&tar(FILES, b"{ \"Files\": [\n")).contains("its own checksum is missing"));
}

#[test]
fn links_names_that_lead_out_and_tablespaces_are_refused() {
    let one = |name: &str, kind: u8| {
        let mut stream = header(name, kind, 0);
        stream.resize(stream.len() + 2 * BLOCK, 0);
        refusal(&stream)
    };
    assert!(one("pg_tblspc/16400", b'2').contains("is a link"));
    assert!(one("base/../../etc/passwd", b'0').contains("no name of a file"));
    assert!(one("/etc/passwd", b'0').contains("no name of a file"));
    assert!(one("base/fifo", b'6').contains("of the type"));
    let files = [FILES[0], ("tablespace_map", b"16400 /srv/fast\n".as_slice())];
    assert!(refusal(&backup(&files, &files)).contains("tablespaces"));
}

#[test]
fn every_cut_is_noticed() {
    let stream = backup(FILES, LISTED);
    for cut in (0..stream.len()).step_by(509) {
        let mut check = Kind::PostgresqlBase.stream_check();
        check.feed(&stream[..cut]);
        assert!(check.finish().is_err(), "cut at {cut} of {}", stream.len());
    }
}
