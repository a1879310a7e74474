//! One entry of the bootstrap file, or one body of administration over HTTP, read field by field. What was not asked for is unknown.

use super::super::raw::{Given, given};
use super::super::values::{line_of, nearest};
use super::super::{ConfigError, Secret};
use super::json::object;
use figment::value::{Dict, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

/// The greatest secret file that is read; any key or password is smaller.
const SECRET_FILE_MAX: u64 = 64 * 1024;

/// What entries need from their surroundings.
pub(super) struct Around<'a> {
    /// The file's text, for line numbers only.
    pub(super) text: &'a str,
    /// The file's directory, from which `…_file` paths go.
    pub(super) directory: PathBuf,
    /// The environment.
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
}

/// The fields of one entry.
pub struct Fields<'a> {
    /// None of a body: its secrets stand in it, and nothing is looked up for it.
    around: Option<&'a Around<'a>>,
    /// `clients[1]`.
    place: String,
    /// `clients[1] "store"`, as soon as the name is known.
    title: String,
    dict: Dict,
    asked: Vec<String>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(around: &'a Around<'a>, place: String, value: Value) -> Result<Self, ConfigError> {
        match value {
            Value::Dict(_, dict) => {
                Ok(Self { around: Some(around), title: place.clone(), place, dict, asked: Vec::new() })
            }
            _ => Err(ConfigError(format!("{place}: it must be a table of fields"))),
        }
    }

    /// The fields of a body: one JSON object.
    ///
    /// # Errors
    /// It is none, or a field stands in it twice.
    pub fn of_json(body: &[u8]) -> Result<Self, ConfigError> {
        let place = "the body".to_owned();
        Ok(Self { around: None, title: place.clone(), place, dict: object(body)?, asked: Vec::new() })
    }

    /// Whether a field was given at all, `null` included.
    pub fn has(&mut self, field: &str) -> bool {
        self.ask(field);
        self.dict.contains_key(field)
    }

    /// Whether a field was given as `null`. It is then taken as given nothing.
    pub fn is_null(&mut self, field: &str) -> bool {
        let null = matches!(self.dict.get(field), Some(Value::Empty(..)));
        if null {
            self.dict.remove(field);
        }
        self.ask(field);
        null
    }

    /// Reads the field that names the entry, so that later messages can.
    pub fn title(&mut self, field: &str) -> Result<String, ConfigError> {
        let text = self.need(field)?;
        self.title = format!("{} {text:?}", self.place);
        Ok(text)
    }

    /// A text that must be there.
    pub fn need(&mut self, field: &str) -> Result<String, ConfigError> {
        self.text(field)?.ok_or_else(|| self.error(format!("`{field}` is missing")))
    }

    /// A message about this entry.
    pub fn error(&self, message: impl AsRef<str>) -> ConfigError {
        ConfigError(format!("{}: {}", self.title, message.as_ref()))
    }

    /// Remembers that there is such a field.
    fn ask(&mut self, field: &str) {
        if !self.asked.iter().any(|asked| asked == field) {
            self.asked.push(field.to_owned());
        }
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        self.ask(field);
        self.dict.remove(field)
    }

    /// A text, where there is one. Messages do not show what stands there instead, since it may be a secret.
    pub fn text(&mut self, field: &str) -> Result<Option<String>, ConfigError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(_, text)) => Ok(Some(text)),
            Some(Value::Char(_, char)) => Ok(Some(char.to_string())),
            Some(_) => Err(self.error(format!("`{field}` must be a text in quotes"))),
        }
    }

    /// `true` or `false`, where it is given.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn flag(&mut self, field: &str) -> Result<Option<bool>, ConfigError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Bool(_, flag)) => Ok(Some(flag)),
            Some(_) => Err(self.error(format!("`{field}` must be true or false"))),
        }
    }

    /// An integer within bounds, where it is given.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn count(&mut self, field: &str, min: u32, max: u32) -> Result<Option<u32>, ConfigError> {
        let Some(value) = self.take(field) else { return Ok(None) };
        let number = match value {
            Value::Num(_, number) => number.to_i128().and_then(|number| u32::try_from(number).ok()),
            _ => None,
        };
        match number {
            Some(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ => Err(self.error(format!("`{field}` must be an integer from {min} to {max}"))),
        }
    }

    /// A list of texts, where it is given.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn list(&mut self, field: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(value) = self.take(field) else { return Ok(None) };
        match given(&value) {
            Some(Given::Many(texts)) => Ok(Some(texts)),
            _ => Err(self.error(format!("`{field}` must be a list of texts, such as [\"a\", \"b\"]"))),
        }
    }

    /// Lists of texts by name, where they are given.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn lists(&mut self, field: &str) -> Result<Option<BTreeMap<String, Vec<String>>>, ConfigError> {
        let Some(value) = self.take(field) else { return Ok(None) };
        let Value::Dict(_, dict) = value else {
            return Err(self.error(format!("`{field}` must have names with lists of texts")));
        };
        let lists = dict.into_iter().map(|(name, value)| match given(&value) {
            Some(Given::Many(texts)) => Ok((name, texts)),
            _ => Err(self.error(format!("`{field}`: {name:?} must be a list of texts, such as [\"a\", \"b\"]"))),
        });
        lists.collect::<Result<_, _>>().map(Some)
    }

    /// An object, as JSON, where one is given.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn object(&mut self, field: &str) -> Result<Option<String>, ConfigError> {
        match self.take(field) {
            None => Ok(None),
            Some(value @ Value::Dict(..)) => Ok(Some(json(&value).to_string())),
            Some(_) => Err(self.error(format!("`{field}` must be an object"))),
        }
    }

    /// A text that is read by its type.
    pub fn parsed<T: FromStr>(&mut self, field: &str) -> Result<Option<T>, ConfigError>
    where
        T::Err: std::fmt::Display,
    {
        let Some(text) = self.text(field)? else { return Ok(None) };
        text.parse().map(Some).map_err(|why| self.error(format!("`{field}`: {why}")))
    }

    /// A list whose items are read by a function.
    pub fn parsed_list<T, E: std::fmt::Display>(
        &mut self,
        field: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        let Some(texts) = self.list(field)? else { return Ok(None) };
        let items: Result<Vec<T>, E> = texts.iter().map(|text| read(text)).collect();
        items.map(Some).map_err(|why| self.error(format!("`{field}`: {why}")))
    }

    /// One of some words.
    pub fn choice<T: Copy>(&mut self, field: &str, words: &[(&str, T)]) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let words: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
                Err(self.error(format!("`{field}` is {text:?}; it must be {}", words.join(" or "))))
            }
        }
    }

    /// A secret: the field itself, a file that holds it, or a variable that does; at most one of them.
    pub fn secret(&mut self, field: &str) -> Result<Option<Secret>, ConfigError> {
        let Some(around) = self.around else { return Ok(self.text(field)?.map(Secret::new)) };
        let (file_field, env_field) = (format!("{field}_file"), format!("{field}_env"));
        let (here, file, env) = (self.text(field)?, self.text(&file_field)?, self.text(&env_field)?);
        match (here, file, env) {
            (None, None, None) => Ok(None),
            (Some(text), None, None) => Ok(Some(Secret::new(text))),
            (None, Some(path), None) => self.secret_file(around, &file_field, &path).map(Some),
            (None, None, Some(name)) => match (around.env)(&name) {
                Some(text) => Ok(Some(Secret::new(text))),
                None => Err(self.error(format!("`{env_field}` names {name}, which is not set: set it to the secret"))),
            },
            _ => Err(self.error(format!("give exactly one of `{field}`, `{file_field}` and `{env_field}`"))),
        }
    }

    fn secret_file(&self, around: &Around<'_>, field: &str, path: &str) -> Result<Secret, ConfigError> {
        let path = around.directory.join(path);
        let error = |why: String| self.error(format!("`{field}`: cannot read {}: {why}", path.display()));
        let size = std::fs::metadata(&path).map_err(|why| error(why.to_string()))?.len();
        if size > SECRET_FILE_MAX {
            return Err(error("it has more than 64 KiB, which no secret needs".to_owned()));
        }
        let mut text = std::fs::read_to_string(&path).map_err(|why| error(why.to_string()))?;
        // Editors and `echo` end a file with a line feed that nobody means.
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(Secret::new(text))
    }

    /// Refuses what was not asked for. Called before anything is said to be missing: it may only be mistyped.
    pub fn finish(&self) -> Result<(), ConfigError> {
        let Some(unknown) = self.dict.keys().next() else { return Ok(()) };
        let line = self.around.and_then(|around| line_of(around.text, &format!("{}.{unknown}", self.place)));
        let line = line.map(|line| format!(" on line {line}")).unwrap_or_default();
        let hint = match nearest(unknown, self.asked.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", self.asked.join(", ")),
        };
        Err(self.error(format!("unknown field `{unknown}`{line}; {hint}")))
    }
}

/// A value as JSON.
fn json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::String(_, text) => Json::from(text.as_str()),
        Value::Char(_, char) => Json::from(char.to_string()),
        Value::Bool(_, flag) => Json::from(*flag),
        Value::Num(_, number) => match (number.to_i128(), number.to_f64()) {
            (Some(whole), _) => i64::try_from(whole).map(Json::from).or_else(|_| u64::try_from(whole).map(Json::from)),
            (None, Some(float)) => Ok(Json::from(float)),
            (None, None) => Ok(Json::Null),
        }
        .unwrap_or(Json::Null),
        Value::Empty(..) => Json::Null,
        Value::Dict(_, dict) => dict.iter().map(|(name, value)| (name.clone(), json(value))).collect(),
        Value::Array(_, items) => items.iter().map(json).collect(),
    }
}
