//! Replicas as processes, a proxy before them that does them ill, clients that ask all the while, and frames by hand.
#![allow(dead_code, reason = "no test file uses all of it")]

pub(crate) mod crowd;
pub(crate) mod frames;
pub(crate) mod proxy;
pub(crate) mod replica;

/// How many rounds of a fault to go through: `FAULT_ROUNDS`, or fewer where it is not set.
pub(crate) fn rounds(default: usize) -> usize {
    match std::env::var("FAULT_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("FAULT_ROUNDS is a number"),
        Err(_) => default,
    }
}
