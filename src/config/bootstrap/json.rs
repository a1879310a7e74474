//! A JSON object as the readers of the bootstrap file want it, so that a client or an account means the same in a file and over
//! HTTP.

use super::super::ConfigError;
use figment::value::{Dict, Empty, Num, Tag, Value};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Reads one object. Refuses a field that stands twice: two readers might take two different ones.
pub(super) fn object(text: &[u8]) -> Result<Dict, ConfigError> {
    match serde_json::from_slice::<Strict>(text) {
        Ok(Strict(Value::Dict(_, dict))) => Ok(dict),
        Ok(_) => Err(ConfigError("the body must be a JSON object: {\"field\": value, …}".to_owned())),
        // What stands there is not shown: it may be a secret.
        Err(error) if error.is_syntax() || error.is_eof() => Err(ConfigError(format!(
            "the body is no JSON: it breaks off or goes wrong at line {}, column {}",
            error.line(),
            error.column()
        ))),
        Err(error) => Err(ConfigError(format!("the body: {error}"))),
    }
}

/// Any JSON value, without fields that stand twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Strict)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(Tag::Default, value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Num(Tag::Default, Num::I64(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        // As TOML has them: figment reads an unsigned number as no signed one, however small it is.
        let number = i64::try_from(value).map_or(Num::U64(value), Num::I64);
        Ok(Value::Num(Tag::Default, number))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Num(Tag::Default, Num::F64(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(Tag::Default, value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Empty(Tag::Default, Empty::None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(Tag::Default, values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut dict = Dict::new();
        while let Some((name, Strict(value))) = fields.next_entry::<String, Strict>()? {
            if dict.insert(name, value).is_some() {
                return Err(A::Error::custom("a field stands twice in the body"));
            }
        }
        Ok(Value::Dict(Tag::Default, dict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_stands_twice_is_refused_and_nothing_of_it_is_shown() {
        let error = object(br#"{"secret":"hunter2","secret":"hunter3"}"#).unwrap_err().to_string();
        assert!(error.contains("twice") && !error.contains("hunter"), "{error}");
        for bad in [&b"{\"secret\":\"hunter2"[..], b"[1]", b"\"hunter2\"", b"{\"a\":hunter2}", b"", b"\xff"] {
            let error = object(bad).unwrap_err().to_string();
            assert!(!error.contains("hunter"), "{error}");
        }
    }

    #[test]
    fn a_number_is_read_as_in_the_file() {
        let read = |text: &str| match object(text.as_bytes()).unwrap().remove("n") {
            Some(Value::Num(_, number)) => number.to_i128(),
            other => panic!("{other:?}"),
        };
        assert_eq!(read(r#"{"n": 7}"#), Some(7));
        assert_eq!(read(r#"{"n": -7}"#), Some(-7));
        assert_eq!(read(r#"{"n": 7.0}"#), None);
        assert_eq!(read(r#"{"n": 18446744073709551615}"#), None);
    }

    #[test]
    fn a_deep_body_is_no_danger() {
        let deep = "[".repeat(100_000);
        assert!(object(deep.as_bytes()).is_err());
    }
}
