use super::*;

fn judged(staging: &Path, reread: bool) -> Result<Judged, Error> {
    judge(
        &staging.join("x"),
        Judging {
            ledger: &Ledger::read(staging),
            reread,
            cancellation: &Cancellation::never(),
            hide: &str::to_owned,
        },
    )
}

fn message(make: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let archives = folder.path().join("x");
    fs::create_dir(&archives).unwrap();
    make(&archives);
    judged(folder.path(), true).unwrap_err().message().to_owned()
}

#[test]
fn what_is_no_whole_regular_file_fails_the_backup_by_name() {
    assert_eq!(message(|_| {}), "the script wrote nothing");
    assert_eq!(
        message(|f| fs::write(f.join("a.sql"), "").unwrap()),
        "`a.sql` is empty"
    );
    assert_eq!(
        message(|f| std::os::unix::fs::symlink("/etc/shadow", f.join("a")).unwrap()),
        "`a` is a link; a backup holds only regular files"
    );
    assert!(
        message(|f| {
            fs::write(f.join("../out"), "x").unwrap();
            fs::hard_link(f.join("../out"), f.join("a")).unwrap();
        })
        .starts_with("`a` is a hard link")
    );
    assert!(message(|f| fs::write(f.join(MANIFEST), "x").unwrap()).ends_with("uses in a backup"));
    assert_eq!(
        message(|f| {
            rustix::fs::mknodat(
                rustix::fs::CWD,
                f.join("deep"),
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::RUSR,
                0,
            )
            .unwrap();
        }),
        "`deep` is a FIFO; a backup holds only regular files"
    );
}

#[test]
fn a_gzip_of_nothing_and_a_cut_gzip_are_no_backup() {
    use std::io::Write;
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let empty = gzip(b"");
    assert!(message(|f| fs::write(f.join("a.sql.gz"), &empty).unwrap()).starts_with("`a.sql.gz`: "));
    let whole = gzip(&[7; 5000]);
    assert!(
        message(|f| fs::write(f.join("a.gz"), &whole[..whole.len() - 1]).unwrap()).starts_with("`a.gz`: ")
    );
}

#[test]
fn what_is_whole_is_hashed_and_made_private() {
    let folder = tempfile::tempdir().unwrap();
    let archives = folder.path().join("x");
    fs::create_dir_all(archives.join("deep")).unwrap();
    fs::write(archives.join("deep/a"), "abc").unwrap();
    fs::set_permissions(archives.join("deep/a"), fs::Permissions::from_mode(0o666)).unwrap();
    let judged = judged(folder.path(), true).unwrap();
    assert_eq!(judged.archives[0].file, "deep/a");
    assert_eq!(
        judged.archives[0].sha256,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    let mode = fs::metadata(archives.join("deep/a"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(judged.folders, [archives.join("deep"), archives]);
}

#[test]
fn what_was_stored_is_known_by_its_length_where_it_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let archives = folder.path().join("x");
    fs::create_dir(&archives).unwrap();
    fs::write(archives.join("a.zst"), "abc").unwrap();
    fs::write(
        folder.path().join("record.jsonl"),
        concat!(
            r#"{"record":"store-began","name":"a","file":"a.zst"}"#,
            "\n",
            r#"{"record":"fact","of":"a","key":"rows.t","value":"7"}"#,
            "\n",
            r#"{"record":"store-ended","name":"a","file":"a.zst","check":null,"raw_bytes":9,"bytes":3,"sha256":"s","raw_sha256":"r","seconds":0.5}"#,
            "\n"
        ),
    )
    .unwrap();
    let known = judged(folder.path(), false).unwrap();
    assert!(!known.verified);
    assert_eq!(
        (known.archives[0].raw_bytes, known.archives[0].sha256.as_str()),
        (9, "s")
    );
    assert_eq!(known.archives[0].content["rows.t"], "7");
    // Read again, it is not what was written.
    judged(folder.path(), true).unwrap_err();
    fs::write(archives.join("a.zst"), "abcd").unwrap();
    let error = judged(folder.path(), false).unwrap_err();
    assert_eq!(
        error.message(),
        "`a.zst` reads back otherwise than it was written"
    );
    // What the script wrote by itself is always read.
    fs::write(archives.join("a.zst"), "abc").unwrap();
    fs::write(archives.join("b.gz"), "no gzip").unwrap();
    assert!(
        judged(folder.path(), false)
            .unwrap_err()
            .message()
            .starts_with("`b.gz`")
    );
}
