#![no_main]

// The first byte tells how many of the next are steps; the rest comes in the middle of them.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let [steps, rest @ ..] = bytes {
        let (steps, damage) = rest.split_at(usize::from(steps % 24).min(rest.len()));
        batt::fuzzing::session(steps, damage);
    }
});
