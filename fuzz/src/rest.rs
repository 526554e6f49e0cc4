use std::fmt;

use proto::v1::{RecommendRequest, SearchSongsRequest};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;
use tonic::{Code, Status};

use crate::rest_requests::{recommend, search_songs};

/// A body and a query string are read as what they say, or refused with INVALID_ARGUMENT. The first byte chooses which of the two.
pub fn rest(data: &[u8]) {
    match data.split_first() {
        None => {}
        Some((choice, body)) if choice.is_multiple_of(2) => check_body(body),
        Some((_, query)) => check_query(&String::from_utf8_lossy(query)),
    }
}

fn check_body(body: &[u8]) {
    let read = recommend(body).inspect_err(check_refusal).ok();
    // What is in fields that nobody knows may be wrong, or nested more deeply than the reference goes.
    if let Ok(Pairs(pairs)) = serde_json::from_slice(body) {
        assert_eq!(read, request_of(&pairs));
    } else if serde_json::from_slice::<Value>(body).is_ok() {
        assert_eq!(read, None, "this is no object");
    }
}

/// The request that an object stands for; `None` if a field is not of its type. The last field of a name counts.
fn request_of(pairs: &[(String, Value)]) -> Option<RecommendRequest> {
    let mut request = RecommendRequest::default();
    for (name, value) in pairs {
        match &**name {
            "songs" => request.songs = texts(value)?,
            "exclude_songs" => request.exclude_songs = texts(value)?,
            "limit" => request.limit = number(value)?.unwrap_or(0),
            "max_songs_per_artist" => request.max_songs_per_artist = number(value)?.unwrap_or(0),
            "max_rules_per_song" => request.max_rules_per_song = number(value)?,
            _ => {}
        }
    }
    Some(request)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn number(value: &Value) -> Option<Option<u32>> {
    match value {
        Value::Null => Some(None),
        Value::Number(number) => {
            let number = number.as_f64()?;
            (f64::from(number as u32) == number).then_some(Some(number as u32))
        }
        _ => None,
    }
}

/// An object with all its fields, also those of one name.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

fn check_query(query: &str) {
    let read = search_songs(query).inspect_err(check_refusal).ok();
    assert_eq!(read, search_of(query), "{query:?}");
}

/// The search that a query string stands for; `None` if `page_size` is not a number.
fn search_of(query: &str) -> Option<SearchSongsRequest> {
    let mut request = SearchSongsRequest::default();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        match &*decoded(name) {
            "query" => request.query = value,
            "page_token" => request.page_token = value,
            "page_size" if !value.is_empty() => request.page_size = value.parse().ok()?,
            _ => {}
        }
    }
    Some(request)
}

/// What `text` stands for in a query string, as the URL Standard has it.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        rest = after;
        bytes.push(match (first, digits) {
            (b'%', Some(digits)) => {
                rest = &after[2..];
                u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap()
            }
            (b'+', _) => b' ',
            _ => first,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// It says what is wrong in few words: some clients refuse more than 8 KiB of metadata.
fn check_refusal(status: &Status) {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(!status.message().is_empty());
    assert!(status.message().len() + status.details().len() < 8 * 1024, "{status:?}");
}
