//! REST as OpenAPI describes it. The routes are written down in `openapi.json`; what answers look like comes out of the contract, and so does not
//! differ from it.

use std::sync::LazyLock;

use bytes::Bytes;
use prost::Message as _;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};
use serde_json::{Map, Value, json};

/// The document: the same as long as the process lives.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| write().to_string().into());

/// The numbers of the fields in descriptors, by which comments name what they are on.
const MESSAGES: i32 = 4;
const FIELDS: i32 = 2;

pub(crate) fn document() -> Bytes {
    DOCUMENT.clone()
}

fn write() -> Value {
    // Tests read both.
    let mut document: Value = serde_json::from_str(include_str!("openapi.json")).unwrap_or_default();
    let contract = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap_or_default();
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    for file in contract.file.iter().filter(|file| file.package() == "playlist.v1") {
        for (position, message) in (0..).zip(&file.message_type) {
            document["components"]["schemas"][message.name()] = schema(file, message, position);
        }
    }
    adapt(&mut document["components"]["schemas"]);
    document
}

/// The schema of a message as answers have it: all fields are there.
fn schema(file: &FileDescriptorProto, message: &DescriptorProto, position: i32) -> Value {
    let mut properties = Map::new();
    for (number, field) in (0..).zip(&message.field) {
        let mut property = property(file, field);
        if let Some(comment) = comment(file, &[MESSAGES, position, FIELDS, number]) {
            property["description"] = comment.into();
        }
        properties.insert(field.name().to_owned(), property);
    }
    json!({
        "type": "object",
        "description": comment(file, &[MESSAGES, position]).unwrap_or_default(),
        "required": properties.keys().collect::<Vec<_>>(),
        "properties": properties,
    })
}

fn property(file: &FileDescriptorProto, field: &FieldDescriptorProto) -> Value {
    let name = field.type_name().rsplit('.').next().unwrap_or_default();
    let is_list = field.label() == Label::Repeated;
    let (value, may_be_null) = match field.r#type() {
        Type::String => (json!({ "type": "string" }), field.proto3_optional()),
        Type::Double => (json!({ "type": "number" }), field.proto3_optional()),
        Type::Uint32 => {
            (json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }), field.proto3_optional())
        }
        Type::Uint64 => (json!({ "type": "integer", "minimum": 0 }), field.proto3_optional()),
        Type::Enum => {
            let values = file.enum_type.iter().filter(|it| it.name() == name).flat_map(|it| &it.value);
            let names: Vec<_> = values.map(|value| value.name()).collect();
            (json!({ "type": "string", "enum": names }), false)
        }
        Type::Message if name == "Timestamp" => (json!({ "type": "string", "format": "date-time" }), true),
        Type::Message => (json!({ "$ref": format!("#/components/schemas/{name}") }), !is_list),
        // The contract has no others; a test would find that one is not described.
        _ => (json!({}), false),
    };
    match (is_list, may_be_null) {
        (true, _) => json!({ "type": "array", "items": value }),
        (false, true) => json!({ "anyOf": [value, { "type": "null" }] }),
        (false, false) => value,
    }
}

/// What the contract says of the message or field at `path`.
fn comment(file: &FileDescriptorProto, path: &[i32]) -> Option<String> {
    let location = file.source_code_info.as_ref()?.location.iter().find(|it| it.path == path)?;
    let lines: Vec<_> = location.leading_comments().lines().map(str::trim).collect();
    Some(lines.join("\n").trim().to_owned()).filter(|text| !text.is_empty())
}

/// Where REST differs from the contract: requests may leave out fields, and `songs` of a playlist are titles.
fn adapt(schemas: &mut Value) {
    let Some(schemas) = schemas.as_object_mut() else { return };
    // Not part of any answer or request of REST.
    for unused in ["SearchSongsRequest", "ModelInfoRequest", "WatchModelRequest", "WatchModelResponse"] {
        schemas.remove(unused);
    }
    let request = &mut schemas["RecommendRequest"];
    request["required"] = json!(["songs"]);
    let fields = &mut request["properties"];
    for (name, maximum) in [("limit", 500), ("max_rules_per_song", 100), ("max_songs_per_artist", u32::MAX)] {
        let description = fields[name]["description"].take();
        fields[name] = json!({
            "type": ["integer", "null"], "minimum": 0, "maximum": maximum, "description": description,
        });
    }
    let description = fields["exclude_songs"]["description"].take();
    fields["exclude_songs"] = json!({ "$ref": "#/components/schemas/Songs", "description": description });
    let songs = &mut fields["songs"];
    songs["minItems"] = 1.into();
    songs["maxItems"] = 1_000.into();
    songs["items"] = json!({ "type": "string", "minLength": 1, "maxLength": 1024 });

    let response = &mut schemas["RecommendResponse"];
    let recommendations = response["properties"]["songs"].take();
    response["properties"]["recommendations"] = recommendations;
    response["properties"]["songs"] = json!({
        "type": "array", "items": { "type": "string" }, "description": "The titles of `recommendations`, in their order.",
    });
    if let Some(required) = response["required"].as_array_mut() {
        required.push("recommendations".into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schemas() -> Map<String, Value> {
        write()["components"]["schemas"].as_object().unwrap().clone()
    }

    #[test]
    fn every_field_is_described_as_the_contract_does() {
        for (name, schema) in schemas() {
            for (field, property) in schema["properties"].as_object().into_iter().flatten() {
                let is_ours = !matches!(&*name, "Error");
                let text = property["description"].as_str().unwrap_or_default();
                assert!(!is_ours || text.ends_with('.'), "{name}.{field}: {property}");
                assert!(
                    ["type", "anyOf", "$ref"].iter().any(|key| property.get(key).is_some()),
                    "{name}.{field}: {property}"
                );
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = write();
        let mut found = 0;
        let mut values = vec![&document];
        while let Some(value) = values.pop() {
            match value {
                Value::Object(map) => {
                    if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                        let pointer = reference.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                        found += 1;
                    }
                    values.extend(map.values());
                }
                Value::Array(list) => values.extend(list),
                _ => {}
            }
        }
        assert!(found > 20, "{found}");
    }

    #[test]
    fn the_version_is_that_of_the_service() {
        assert_eq!(write()["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
