#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tolltap_fuzz::restore(bytes));
