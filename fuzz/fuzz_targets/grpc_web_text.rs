#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::report_panics(), |data| fuzz::grpc_web_text(data));
