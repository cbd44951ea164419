#![no_main]

// The first byte chooses the kind, the second how many of the next are the lengths of the pieces.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let [kind, cuts, rest @ ..] = bytes {
        let (cuts, stream) = rest.split_at(usize::from(cuts % 8).min(rest.len()));
        batt::fuzzing::archive_stream(usize::from(*kind), stream, cuts);
    }
});
