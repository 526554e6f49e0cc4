//! What a call is named by in its answer, in the log and in its trace.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The metadata that carries the id, in requests and in answers.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client, in bytes.
const MAX_LENGTH: usize = 128;

/// The client's id, if it is of visible ASCII and not too long, for it gets into logs; or else a new one.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    let mut id =
        headers.get(HEADER).filter(|id| is_usable(id.as_bytes())).map_or_else(new, HeaderValue::clone);
    // An id comes once: HPACK must not make room for it in the tables of the connection.
    id.set_sensitive(true);
    id
}

fn is_usable(id: &[u8]) -> bool {
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

/// 128 random bits in hexadecimal digits. They tell calls apart and keep no secret.
fn new() -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut bits = fastrand::u128(..);
    let digits: [u8; 32] = std::array::from_fn(|_| {
        let digit = DIGITS[(bits & 0xf) as usize];
        bits >>= 4;
        digit
    });
    HeaderValue::from_bytes(&digits).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_visible_ascii_is_kept_and_any_other_is_replaced() {
        let of = |id: &[u8]| of(&HeaderMap::from_iter([(HEADER, HeaderValue::from_bytes(id).unwrap())]));
        for kept in ["a", "0123-abc!~", &"x".repeat(128)] {
            assert_eq!(of(kept.as_bytes()), kept);
        }
        for replaced in ["", "a b", "tab\t", &"x".repeat(129), "ü"] {
            let id = of(replaced.as_bytes());
            assert_eq!(id.len(), 32, "{replaced:?}: {id:?}");
        }
    }

    #[test]
    fn new_ids_differ() {
        let ids: std::collections::HashSet<_> = (0..1_000).map(|_| of(&HeaderMap::new())).collect();
        assert_eq!(ids.len(), 1_000);
    }
}
