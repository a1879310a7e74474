//! What FusionAuth's clients send: JSON bodies with more fields than anybody reads, and queries in which what is not there is called
//! `null`, `undefined` or nothing at all.

use crate::http::Doors;
use crate::http::error::{Faults, Why};
use crate::http::form::decode;
use crate::http::transport::{headers, query, read_body};
use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Payload;
use serde_json::{Map, Value};
use std::str::FromStr;

/// Bytes of a query at most.
const QUERY_MAX: usize = 8192;
/// Parameters in a query at most.
const PARAMETERS: usize = 256;

/// Reads a body: an object; nothing is an empty one, whatever type it says to be of.
///
/// # Errors
/// It is too large or too slow, or no JSON object.
pub async fn object(request: &HttpRequest, payload: Payload, doors: &Doors) -> Result<Value, Why> {
    let settings = &doors.settings;
    let body = read_body(request, payload, settings.max_body, settings.body_timeout).await.map_err(Why::Body)?;
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let headers = headers(request);
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !named.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        let advice = "send the body as Content-Type: application/json";
        return Err(Faults::general("InvalidContentType", advice).into());
    }
    match serde_json::from_slice::<Value>(&body) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err(Faults::general("invalidJSON", "the body must be a JSON object").into()),
        Err(error) => Err(Faults::general("invalidJSON", &format!("the body is not JSON: {error}")).into()),
    }
}

/// The fields of a body, read one by one; what is wrong with them is gathered.
pub struct Fields<'a> {
    value: &'a Value,
    faults: &'a mut Faults,
    /// What stands before a field's name where it is told.
    prefix: &'static str,
}

impl<'a> Fields<'a> {
    /// Of a whole body.
    pub fn of(value: &'a Value, faults: &'a mut Faults) -> Self {
        Self { value, faults, prefix: "" }
    }

    /// Of an object in a body, whose fields are told with `prefix` before their names, such as `user.`.
    pub fn within(value: &'a Value, prefix: &'static str, faults: &'a mut Faults) -> Self {
        Self { value, faults, prefix }
    }

    /// A field as it stands there; `null` is not there.
    pub fn any(&self, name: &str) -> Option<&'a Value> {
        self.value.get(name).filter(|value| !value.is_null())
    }

    /// A text; an empty one is not there.
    pub fn text(&mut self, name: &str) -> Option<&'a str> {
        let value = self.any(name)?;
        let text = value.as_str();
        if text.is_none() {
            self.wrong(name, "couldNotConvert", "this must be a string");
        }
        text.filter(|text| !text.is_empty())
    }

    /// A text that must be there.
    pub fn need(&mut self, name: &str) -> Option<&'a str> {
        let text = self.text(name);
        if text.is_none() && self.any(name).is_none_or(Value::is_string) {
            self.wrong(name, "blank", "this is missing");
        }
        text
    }

    /// A text that is read as something else, such as a UUID.
    pub fn parsed<T: FromStr>(&mut self, name: &str, what: &str) -> Option<T> {
        let text = self.text(name)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.wrong(name, "couldNotConvert", &format!("this must be {what}"));
        }
        parsed
    }

    /// A flag; some clients send it as a text.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.any(name)?;
        let flag = match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        if flag.is_none() {
            self.wrong(name, "couldNotConvert", "this must be true or false");
        }
        flag
    }

    /// A whole number.
    pub fn number(&mut self, name: &str) -> Option<i64> {
        let value = self.any(name)?;
        let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        if number.is_none() {
            self.wrong(name, "couldNotConvert", "this must be a whole number");
        }
        number
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &str) -> Option<Vec<&'a str>> {
        let value = self.any(name)?;
        let texts = value.as_array().and_then(|values| values.iter().map(Value::as_str).collect());
        if texts.is_none() {
            self.wrong(name, "couldNotConvert", "this must be a list of strings");
        }
        texts
    }

    /// Says what is wrong with a field: a word of FusionAuth's, and what to do.
    pub fn wrong(&mut self, name: &str, word: &str, advice: &str) {
        self.faults.add(&format!("{}{name}", self.prefix), word, advice);
    }
}

/// The parameters of a query.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads them. A parameter that is empty, `null` or `undefined` is not there: so the clients send what their callers left out.
    ///
    /// # Errors
    /// The query is too long, or not UTF-8.
    pub fn of(request: &HttpRequest) -> Result<Self, Why> {
        let text = query(request);
        let text = text.as_deref().unwrap_or_default();
        if text.len() > QUERY_MAX {
            return Err(Faults::general("invalid", &format!("the query has more than {QUERY_MAX} bytes")).into());
        }
        let mut given = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()).take(PARAMETERS) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let read = |part: &str| decode(part.as_bytes()).map(|text| text.to_string());
            let (Some(name), Some(value)) = (read(name), read(value)) else {
                return Err(Faults::general("invalid", "the query is not UTF-8").into());
            };
            if !["", "null", "undefined"].contains(&value.as_str()) {
                given.push((name, value));
            }
        }
        Ok(Self(given))
    }

    /// A parameter; of several the last.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// All parameters of a name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str()).collect()
    }

    /// A parameter that is read as something else.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn parsed<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, Why> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = |_| Faults::of(name, "couldNotConvert", &format!("this must be {what}")).into();
        text.parse().map(Some).map_err(wrong)
    }
}
