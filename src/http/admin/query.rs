//! The parameters of a list: `?limit=&after=&filter…`. One that is unknown, or stands twice, is refused.

use crate::http::error::Why;
use crate::http::form::decode;
use crate::http::transport::query;
use actix_web::HttpRequest;
use std::collections::BTreeMap;
use std::str::FromStr;

/// Items of a list where nobody says how many.
const LIMIT: usize = 50;
/// Items of a list at most.
pub const LIMIT_MAX: usize = 200;
/// Bytes of a query at most.
const QUERY_MAX: usize = 2048;

/// The parameters that were not taken yet.
pub struct Query {
    given: BTreeMap<String, String>,
    asked: Vec<&'static str>,
}

impl Query {
    /// Reads them.
    ///
    /// # Errors
    /// What is malformed, in a sentence.
    pub fn of(request: &HttpRequest) -> Result<Self, Why> {
        let text = query(request);
        let text = text.as_deref().unwrap_or_default();
        if text.len() > QUERY_MAX {
            return Err(Why::Malformed(format!("the query has more than {QUERY_MAX} bytes")));
        }
        let mut given = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let read = |part: &str| decode(part.as_bytes()).map(|text| text.to_string());
            let (Some(name), Some(value)) = (read(name), read(value)) else {
                return Err(Why::Malformed("the query is not UTF-8".to_owned()));
            };
            if given.insert(name, value).is_some() {
                return Err(Why::Malformed("a parameter stands twice in the query".to_owned()));
            }
        }
        Ok(Self { given, asked: Vec::new() })
    }

    /// A parameter, where it was given with a value.
    pub fn take(&mut self, name: &'static str) -> Option<String> {
        self.asked.push(name);
        self.given.remove(name).filter(|value| !value.is_empty())
    }

    /// A parameter that is read by its type.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn parsed<T: FromStr>(&mut self, name: &'static str) -> Result<Option<T>, Why>
    where
        T::Err: std::fmt::Display,
    {
        let Some(text) = self.take(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|why| Why::Malformed(format!("the parameter {name}: {why}")))
    }

    /// How many items are wanted.
    ///
    /// # Errors
    /// It is no number, or not within bounds.
    pub fn limit(&mut self) -> Result<usize, Why> {
        let limit = match self.take("limit") {
            None => Some(LIMIT),
            Some(text) => text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)),
        };
        limit.ok_or_else(|| Why::Malformed(format!("limit must be an integer from 1 to {LIMIT_MAX}")))
    }

    /// Refuses what was not asked for.
    ///
    /// # Errors
    /// A parameter is unknown here.
    pub fn finish(&self) -> Result<(), Why> {
        match self.given.keys().next() {
            None => Ok(()),
            Some(_) if self.asked.is_empty() => Err(Why::Malformed("there are no parameters here".to_owned())),
            Some(_) => Err(Why::Malformed(format!("there is an unknown parameter: use {}", self.asked.join(", ")))),
        }
    }
}
