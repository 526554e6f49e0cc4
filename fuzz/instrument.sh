#!/bin/sh
# Cargo's RUSTC_WRAPPER: builds our crates and those that read files with the counters that libFuzzer steers by. They are those of
# `cargo fuzz`, and stable; crates that are not named are built as always, so that build scripts and macros link.
for argument; do
    case $last$argument in
    --crate-namefuzz | --crate-namemodel | --crate-nametrainer | --crate-nameranking | --crate-namerecommender | --crate-nameproto | \
        --crate-nameclient_lib | --crate-nameparquet | --crate-namecsv_core | --crate-namecsv_rows | --crate-namedataset | \
        --crate-namemanifest | --crate-namesongs | --crate-nameartists | --crate-namerules | --crate-nameartist_rules | \
        --crate-namecurrent | --crate-nameseeds | --crate-namerequests | --crate-namerest | --crate-namegrpc_web_text | \
        --crate-namestatus_details)
        exec "$@" --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
            -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
            -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=16
        ;;
    esac
    last=$argument
done
exec "$@"
