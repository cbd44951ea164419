#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| batt::fuzzing::journal(bytes));
