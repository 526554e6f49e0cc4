//! Compiles the contract with protox, so that a build needs no `protoc`.

use std::{env, error::Error, fs, path::Path};

use prost::Message as _;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};
use tonic_prost_build::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    const PROTO: &str = "playlist/v1/playlist.proto";
    println!("cargo:rerun-if-changed={PROTO}");

    // With its imports, for reflection must serve every transitive descriptor.
    let descriptors = protox::compile([PROTO], ["."])?;
    let out_dir = env::var("OUT_DIR")?;
    fs::write(Path::new(&out_dir).join("descriptors.bin"), descriptors.encode_to_vec())?;
    // Clients and servers get their channels and sockets from elsewhere.
    let mut builder = tonic_prost_build::configure().build_transport(false);
    if env::var_os("CARGO_FEATURE_JSON").is_some() {
        builder = written_as_json(builder, &descriptors);
    }
    builder.compile_fds(descriptors)?;
    Ok(())
}

/// Has messages implement `serde::Serialize`, in the names of the contract. What has no such name in Rust, times and
/// enumerations, is written by functions of `src/json.rs`.
fn written_as_json(mut builder: Builder, descriptors: &FileDescriptorSet) -> Builder {
    let ours = descriptors.file.iter().filter(|file| file.package() == "playlist.v1");
    for message in ours.flat_map(|file| &file.message_type) {
        builder = builder
            .message_attribute(format!(".playlist.v1.{}", message.name()), "#[derive(serde::Serialize)]");
        for field in &message.field {
            if let Some(function) = written_by(field) {
                let path = format!(".playlist.v1.{}.{}", DescriptorProto::name(message), field.name());
                builder = builder
                    .field_attribute(path, format!("#[serde(serialize_with = \"crate::json::{function}\")]"));
            }
        }
    }
    builder
}

/// The function that writes a field, if it is not serde's. There are no lists of either.
fn written_by(field: &FieldDescriptorProto) -> Option<String> {
    let is_time = field.type_name() == ".google.protobuf.Timestamp";
    let is_name = field.r#type() == Type::Enum;
    assert!(!(is_time || is_name) || field.label() != Label::Repeated, "{} is a list", field.name());
    let type_name = field.type_name().rsplit('.').next().unwrap_or_default();
    if is_time {
        Some("time".to_owned())
    } else if is_name {
        Some(format!("name::<crate::v1::{type_name}, _>"))
    } else {
        None
    }
}
