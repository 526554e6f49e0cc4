//! The corpus is replayed without a fuzzer: what was found stays found, and every target has seeds.
#![cfg(test)]

use std::{fs, path::Path};

use fuzz::TARGETS;

#[test]
fn every_input_of_the_corpus_keeps_its_targets_promise() {
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for input in &inputs {
            println!("{}", input.display());
            target(&fs::read(input).unwrap());
        }
        target(b"");
    }
}
