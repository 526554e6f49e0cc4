//! Compiles the contract with protox, so that a build needs no `protoc`.

use std::{env, error::Error, fs, path::Path};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    const PROTO: &str = "playlist/v1/playlist.proto";
    println!("cargo:rerun-if-changed={PROTO}");

    // With its imports, for reflection must serve every transitive descriptor.
    let descriptors = protox::compile([PROTO], ["."])?;
    let out_dir = env::var("OUT_DIR")?;
    fs::write(Path::new(&out_dir).join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // Clients and servers get their channels and sockets from elsewhere.
        .build_transport(false)
        .compile_fds(descriptors)?;
    Ok(())
}
