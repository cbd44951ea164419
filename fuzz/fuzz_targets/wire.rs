#![no_main]

// The first byte tells how many of the next are the lengths of the pieces.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let [cuts, rest @ ..] = bytes {
        let (cuts, stream) = rest.split_at(usize::from(cuts % 8).min(rest.len()));
        batt::fuzzing::wire(stream, cuts);
    }
});
