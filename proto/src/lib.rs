//! The wire contract of the playlist recommender: the types generated from `playlist/v1/playlist.proto`, and no logic. With the feature `json`, they are also written as JSON.
//!
//! The comments on the messages and fields are those of the contract.

#[cfg(feature = "json")]
pub mod json;

/// Package `playlist.v1`.
#[allow(clippy::all, missing_docs, unreachable_pub, reason = "generated code has its own style")]
pub mod v1 {
    tonic::include_proto!("playlist.v1");
}

pub mod standard;

/// The encoded `FileDescriptorSet` of the contract with everything that it imports, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
