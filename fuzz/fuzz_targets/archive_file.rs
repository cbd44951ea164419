#![no_main]

// The first byte chooses the file's name.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let [name, file @ ..] = bytes {
        batt::fuzzing::archive_file(usize::from(*name), file);
    }
});
