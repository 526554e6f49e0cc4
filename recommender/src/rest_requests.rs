//! What clients of REST ask for: JSON and query strings, as messages of the contract.

use std::fmt;

use proto::v1::{RecommendRequest, SearchSongsRequest};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::error::Category;
use tonic::Status;
use tonic_types::FieldViolation;

use crate::{
    status,
    validation::{Violations, quoted},
};

/// Reads the body of a request for a playlist. Fields that are not known are left alone, as the service of old did.
///
/// # Errors
///
/// INVALID_ARGUMENT with the field that is not of its type, or what is wrong with the JSON.
pub(crate) fn recommend(body: &[u8]) -> Result<RecommendRequest, Status> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let fields = Fields::deserialize(&mut reader).and_then(|fields| reader.end().map(|()| fields));
    let Fields { request, violations } = fields.map_err(|error| {
        let problem = match error.classify() {
            // The error itself would quote a text of any length.
            Category::Data => "it is another value".to_owned(),
            _ => error.to_string(),
        };
        status::invalid_body(format!(
            "the body is not a JSON object such as {{\"songs\": [\"a song\"]}}: {problem}"
        ))
    })?;
    violations.into_result()?;
    Ok(request)
}

/// Reads the query string of a search.
///
/// # Errors
///
/// INVALID_ARGUMENT if `page_size` is not a number.
pub(crate) fn search_songs(query: &str) -> Result<SearchSongsRequest, Status> {
    let mut request = SearchSongsRequest::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "query" => request.query = value.into_owned(),
            "page_token" => request.page_token = value.into_owned(),
            "page_size" if value.is_empty() => {}
            "page_size" => {
                request.page_size = value.parse().map_err(|_| {
                    let problem = format!("is {}, not a whole number from 0 to 4294967295", quoted(&value));
                    status::invalid_request(vec![FieldViolation::new("page_size", problem)], 1)
                })?;
            }
            _ => {}
        }
    }
    Ok(request)
}

/// The fields of a request, and those that are not of their type. It goes on at the next one, so that all are told at once.
#[derive(Default)]
struct Fields {
    request: RecommendRequest,
    violations: Violations,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        let Fields { request, violations } = &mut fields;
        while let Some(name) = map.next_key::<String>()? {
            match &*name {
                "songs" => request.songs = map.next_value::<Texts>()?.read(&name, violations),
                "exclude_songs" => request.exclude_songs = map.next_value::<Texts>()?.read(&name, violations),
                "limit" => request.limit = number(&mut map, &name, violations)?.unwrap_or_default(),
                "max_songs_per_artist" => {
                    request.max_songs_per_artist = number(&mut map, &name, violations)?.unwrap_or_default();
                }
                "max_rules_per_song" => {
                    request.max_rules_per_song = number(&mut map, &name, violations)?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(fields)
    }
}

/// A number, or nothing for `null`.
fn number<'de, A: MapAccess<'de>>(
    map: &mut A,
    name: &str,
    violations: &mut Violations,
) -> Result<Option<u32>, A::Error> {
    Ok(match map.next_value::<Item>()? {
        Item::Null => None,
        Item::Number(number) => Some(number),
        Item::Text(_) | Item::Other => {
            violations.add(name, || "is not a whole number from 0 to 4294967295".to_owned());
            None
        }
    })
}

/// A list of texts, or what stands in its place.
enum Texts {
    List { texts: Vec<String>, first_that_is_none: Option<usize> },
    Null,
    Other,
}

impl Texts {
    fn read(self, name: &str, violations: &mut Violations) -> Vec<String> {
        match self {
            Texts::List { texts, first_that_is_none: None } => return texts,
            Texts::List { first_that_is_none: Some(position), .. } => {
                violations.add(format!("{name}[{position}]"), || "is not a text".to_owned());
            }
            Texts::Null => {}
            Texts::Other => violations.add(name, || "is not a list of texts".to_owned()),
        }
        Vec::new()
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(AnyItem { lists: true })? {
            Found::List(texts) => Ok(texts),
            Found::Item(Item::Null) => Ok(Texts::Null),
            Found::Item(_) => Ok(Texts::Other),
        }
    }
}

/// A value that is no list or object, or that it is one.
enum Item {
    Null,
    Number(u32),
    Text(String),
    Other,
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(AnyItem { lists: false })? {
            Found::Item(item) => Ok(item),
            Found::List(_) => Ok(Item::Other),
        }
    }
}

enum Found {
    Item(Item),
    List(Texts),
}

/// Takes any value of JSON, and keeps of it what a field may be.
struct AnyItem {
    /// Whether the texts of a list are kept.
    lists: bool,
}

impl<'de> Visitor<'de> for AnyItem {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Found, E> {
        Ok(Found::Item(Item::Null))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Found, E> {
        Ok(Found::Item(Item::Other))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Found, E> {
        Ok(Found::Item(Item::Other))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Found, E> {
        Ok(Found::Item(u32::try_from(number).map_or(Item::Other, Item::Number)))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Found, E> {
        // JSON has but one kind of number, and some write 10 as 10.0.
        let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
        Ok(Found::Item(if is_whole { Item::Number(number as u32) } else { Item::Other }))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Found, E> {
        Ok(Found::Item(Item::Text(text.to_owned())))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Found, E> {
        Ok(Found::Item(Item::Text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Found, A::Error> {
        let (mut texts, mut first_that_is_none, mut position) = (Vec::new(), None, 0);
        if !self.lists {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Found::Item(Item::Other));
        }
        while let Some(item) = items.next_element::<Item>()? {
            match item {
                Item::Text(text) => texts.push(text),
                _ => first_that_is_none = first_that_is_none.or(Some(position)),
            }
            position += 1;
        }
        Ok(Found::List(Texts::List { texts, first_that_is_none }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Found::Item(Item::Other))
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;

    /// The fields that `body` is refused for.
    #[track_caller]
    fn violations(body: &str) -> Vec<String> {
        let status = recommend(body.as_bytes()).unwrap_err();
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        let violations = status.get_details_bad_request().map(|details| details.field_violations);
        violations.into_iter().flatten().map(|violation| violation.field).collect()
    }

    #[test]
    fn a_request_has_the_fields_of_the_contract_and_may_have_others() {
        let body =
            br#" {"songs": ["a", "\u00e9"], "limit": 5, "exclude_songs": ["b"], "max_songs_per_artist": 2.0,
            "max_rules_per_song": 0, "api_key": {"x": [1, {}]}} "#;
        let expected = RecommendRequest {
            songs: vec!["a".to_owned(), "é".to_owned()],
            limit: 5,
            exclude_songs: vec!["b".to_owned()],
            max_songs_per_artist: 2,
            max_rules_per_song: Some(0),
        };
        assert_eq!(recommend(body).unwrap(), expected);
        let empty = RecommendRequest::default();
        assert_eq!(recommend(b"{}").unwrap(), empty);
        let nulls = br#"{"songs": null, "limit": null, "exclude_songs": null, "max_rules_per_song": null}"#;
        assert_eq!(recommend(nulls).unwrap(), empty);
    }

    #[test]
    fn a_field_that_is_not_of_its_type_is_named() {
        for (body, fields) in [
            (r#"{"songs": "a"}"#, &["songs"][..]),
            (r#"{"songs": {"a": 1}}"#, &["songs"]),
            (r#"{"songs": ["a", 1985, true]}"#, &["songs[1]"]),
            (r#"{"songs": [["a"]]}"#, &["songs[0]"]),
            (r#"{"songs": ["a"], "limit": "5"}"#, &["limit"]),
            (r#"{"songs": ["a"], "limit": -1}"#, &["limit"]),
            (r#"{"songs": ["a"], "limit": 1.5}"#, &["limit"]),
            (r#"{"songs": ["a"], "limit": 4294967296}"#, &["limit"]),
            (r#"{"songs": ["a"], "limit": [5]}"#, &["limit"]),
            (r#"{"songs": 1, "limit": {}, "exclude_songs": false}"#, &["songs", "limit", "exclude_songs"]),
        ] {
            assert_eq!(violations(body), fields, "{body}");
        }
    }

    #[test]
    fn what_is_not_an_object_of_json_is_refused() {
        for body in [
            "",
            "null",
            "[]",
            "\"songs\"",
            "songs=a",
            "1",
            "{\"songs\": [\"a\"]",
            "{\"songs\": [\"a\"]} x",
            "{\"songs\": [\"\u{0}\"]}",
        ] {
            assert!(violations(body).is_empty(), "{body}");
        }
        let deep = format!("{{\"songs\": {}", "[".repeat(100_000));
        assert!(violations(&deep).is_empty());
        assert!(recommend(b"{\"songs\": [\"\xff\"]}").is_err());
    }

    #[test]
    fn a_search_is_a_query_string() {
        let request = search_songs("query=daft+punk%20%2B%C3%A9&page_size=5&page_token=a.b&other=1").unwrap();
        let expected = SearchSongsRequest {
            query: "daft punk +é".to_owned(),
            page_size: 5,
            page_token: "a.b".to_owned(),
        };
        assert_eq!(request, expected);
        assert_eq!(search_songs("").unwrap(), SearchSongsRequest::default());
        assert_eq!(search_songs("page_size=").unwrap(), SearchSongsRequest::default());
        for wrong in ["page_size=x", "page_size=-1", "page_size=1.5", "page_size=4294967296"] {
            assert_eq!(search_songs(wrong).unwrap_err().code(), tonic::Code::InvalidArgument, "{wrong}");
        }
    }
}
