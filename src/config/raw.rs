//! From files, environment and flags to one value per key, each with where it came from.

use super::keys::{KEYS, Key, Kind, Standard};
use super::values::{byte_size, line_of, nearest, network, url};
use super::{ConfigError, Flags};
use crate::domain::time::Span;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// What environment variables begin with.
pub(super) const ENV_PREFIX: &str = "COUNTERSIGN__";

/// Where a value came from. The later ones win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// The environment variable of this name.
    Environment(String),
    /// The command line.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value as written. Numbers and flags are kept as text, so that every source is read the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    One(String),
    Many(Vec<String>),
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(text) => write!(f, "{text:?}"),
            Self::Many(texts) => write!(f, "{texts:?}"),
        }
    }
}

/// All values that were given, by the name of their key.
pub(super) struct Raw {
    given: BTreeMap<&'static str, (Given, Source)>,
}

impl Raw {
    pub(super) fn gather(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        flags: &Flags,
    ) -> Result<Self, ConfigError> {
        let mut given = BTreeMap::new();
        if let Some(path) = file {
            given.extend(read_file(path)?);
        }
        given.extend(read_env(env)?);
        given.extend(read_flags(flags));
        Ok(Self { given })
    }

    pub(super) fn given(&self, name: &str) -> Option<&(Given, Source)> {
        self.given.get(name)
    }

    /// Takes a key's value back, as if nobody had said anything.
    pub(super) fn forget(&mut self, name: &str) {
        self.given.remove(name);
    }

    /// The value of a key, or its fixed default.
    pub(super) fn value(&self, key: &Key) -> Option<(Given, Source)> {
        self.given.get(key.name).cloned().or_else(|| match key.default {
            Standard::Fixed("[]") => Some((Given::Many(vec![]), Source::Default)),
            Standard::Fixed(text) => Some((Given::One(text.to_owned()), Source::Default)),
            Standard::Derived(_) => None,
        })
    }

    fn read<T>(&self, name: &str, read: impl Fn(&Kind, &str) -> Result<T, String>) -> Result<Option<T>, ConfigError> {
        let key = find(name);
        let Some((given, source)) = self.value(key) else { return Ok(None) };
        let problem = |why: String| {
            let why = if why.is_empty() { String::new() } else { format!("; {why}") };
            ConfigError(format!("`{name}` is {given} ({source}); it must be {}{why}", key.kind.allowed()))
        };
        let Given::One(text) = &given else { return Err(problem(String::new())) };
        read(&key.kind, text).map(Some).map_err(problem)
    }

    /// A value that has a fixed default.
    fn sure<T>(&self, name: &str, read: impl Fn(&Kind, &str) -> Result<T, String>) -> Result<T, ConfigError> {
        Ok(self.read(name, read)?.unwrap_or_else(|| unreachable!("`{name}` has no fixed default")))
    }

    pub(super) fn path(&self, name: &str) -> Result<Option<PathBuf>, ConfigError> {
        self.read(name, |_, text| match text {
            "" => Err("it is empty".to_owned()),
            text => Ok(PathBuf::from(text)),
        })
    }

    pub(super) fn url(&self, name: &str) -> Result<Option<String>, ConfigError> {
        self.read(name, |_, text| url(text).map(|()| text.to_owned()))
    }

    pub(super) fn uuid(&self, name: &str) -> Result<Uuid, ConfigError> {
        self.sure(name, |_, text| Uuid::try_parse(text).map_err(|_| String::new()))
    }

    pub(super) fn socket(&self, name: &str) -> Result<Option<SocketAddr>, ConfigError> {
        self.read(name, |_, text| text.parse().map_err(|_| String::new()))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, ConfigError> {
        self.sure(name, |_, text| text.parse().map_err(|_| String::new()))
    }

    pub(super) fn count(&self, name: &str) -> Result<Option<u64>, ConfigError> {
        self.read(name, |kind, text| match (kind, text.parse::<u64>()) {
            (Kind::Count(min, max, _), Ok(count)) if (*min..=*max).contains(&count) => Ok(count),
            _ => Err(String::new()),
        })
    }

    /// A count that has a fixed default. Every bound of the list is below 2^32.
    pub(super) fn sure_count<T: TryFrom<u64>>(&self, name: &str) -> Result<T, ConfigError> {
        let count = self.count(name)?.unwrap_or_else(|| unreachable!("`{name}` has no fixed default"));
        T::try_from(count).map_err(|_| ConfigError(format!("`{name}` is {count}; that is too large")))
    }

    pub(super) fn span(&self, name: &str) -> Result<Span, ConfigError> {
        self.sure(name, |kind, text| {
            let span: Span =
                text.parse().map_err(|_| "write an integer and s, m, h or d, such as \"30s\"".to_owned())?;
            match kind {
                Kind::Time(min, max) if (*min..=*max).contains(&span) => Ok(span),
                _ => Err(String::new()),
            }
        })
    }

    pub(super) fn time(&self, name: &str) -> Result<Duration, ConfigError> {
        // No key's least value is negative.
        Ok(Duration::from_millis(self.span(name)?.0.unsigned_abs()))
    }

    pub(super) fn size(&self, name: &str) -> Result<u64, ConfigError> {
        self.sure(name, |kind, text| {
            let size = byte_size(text)?;
            match kind {
                Kind::Size(min, max) if (*min..=*max).contains(&size) => Ok(size),
                _ => Err(String::new()),
            }
        })
    }

    /// The place of the chosen word in the key's list.
    pub(super) fn choice(&self, name: &str) -> Result<usize, ConfigError> {
        self.sure(name, |kind, text| match kind {
            Kind::Choice(words) => words.iter().position(|word| *word == text).ok_or_else(String::new),
            _ => Err(String::new()),
        })
    }

    pub(super) fn networks(&self, name: &str) -> Result<Vec<IpNet>, ConfigError> {
        let Some((given, source)) = self.value(find(name)) else { return Ok(vec![]) };
        let texts = match given {
            Given::Many(texts) => texts,
            Given::One(text) => vec![text],
        };
        let read = |text: &String| network(text).map_err(|why| ConfigError(format!("`{name}` ({source}): {why}")));
        texts.iter().map(read).collect()
    }
}

fn find(name: &str) -> &'static Key {
    // Names are literals in this module's parent, and a test reads every one of them.
    KEYS.iter().find(|key| key.name == name).unwrap_or_else(|| unreachable!("`{name}` is not in the list of keys"))
}

type Layer = BTreeMap<&'static str, (Given, Source)>;

fn read_file(path: &Path) -> Result<Layer, ConfigError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError(format!("cannot read the configuration file {shown}: {error}")))?;
    let dict = parse_toml(&text).map_err(|why| ConfigError(format!("{shown}: {why}")))?;
    let mut values = Vec::new();
    flatten("", dict, &mut values);
    let mut layer = Layer::new();
    for (name, value) in values {
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            let line = line_of(&text, &name).map(|line| format!(" line {line}")).unwrap_or_default();
            return Err(unknown(&name, &format!("{shown}{line}"), &name));
        };
        let value = given(&value).ok_or_else(|| {
            ConfigError(format!("`{name}` in {shown} is of a wrong type; it must be {}", key.kind.allowed()))
        })?;
        layer.insert(key.name, (value, Source::File(path.to_owned())));
    }
    Ok(layer)
}

/// Reads TOML. The message names the line but does not show it, since a secret may stand there.
pub(super) fn parse_toml(text: &str) -> Result<Dict, String> {
    Toml::from_str::<Dict>(text).map_err(|error| {
        let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
        let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{line}not valid TOML: {}", error.message().trim().replace('\n', "; "))
    })
}

/// Lists the leaves of nested tables under their full names. An empty table of a known section is no leaf.
fn flatten(prefix: &str, dict: Dict, into: &mut Vec<(String, Value)>) {
    for (key, value) in dict {
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        let section = format!("{name}.");
        match value {
            Value::Dict(_, inner) if KEYS.iter().any(|key| key.name.starts_with(&section)) => {
                flatten(&name, inner, into);
            }
            // A table that is no section of ours is one unknown key, whatever it holds.
            value => into.push((name, value)),
        }
    }
}

/// A TOML value as text, or as a list of texts.
pub(super) fn given(value: &Value) -> Option<Given> {
    match value {
        Value::Array(_, values) => values.iter().map(scalar).collect::<Option<Vec<_>>>().map(Given::Many),
        value => scalar(value).map(Given::One),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Char(_, char) => Some(char.to_string()),
        Value::Bool(_, flag) => Some(flag.to_string()),
        Value::Num(_, number) => number.to_i128().map(|n| n.to_string()).or_else(|| Some(number.to_f64()?.to_string())),
        Value::Dict(..) | Value::Array(..) | Value::Empty(..) => None,
    }
}

fn read_env(env: impl Iterator<Item = (String, String)>) -> Result<Layer, ConfigError> {
    let mut layer = Layer::new();
    for (variable, text) in env {
        let Some(rest) = variable.strip_prefix(ENV_PREFIX) else {
            if variable.strip_prefix("COUNTERSIGN_").is_some_and(|rest| rest.contains("__")) {
                return Err(unknown(&variable, "the environment", &variable.replacen('_', "__", 1)));
            }
            continue;
        };
        let name = rest.to_lowercase().replace("__", ".");
        let Some(key) = KEYS.iter().find(|key| key.name == name && key.env() == variable) else {
            return Err(unknown(&variable, "the environment", &variable));
        };
        let given = match key.kind {
            Kind::Networks => Given::Many(split_list(&text)),
            _ => Given::One(text),
        };
        layer.insert(key.name, (given, Source::Environment(variable)));
    }
    Ok(layer)
}

/// A list in one variable: separated by commas, with or without TOML's brackets and quotes.
fn split_list(text: &str) -> Vec<String> {
    let text = text.trim();
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let items = text.split(',').map(|item| item.trim().trim_matches('"').to_owned());
    items.filter(|item| !item.is_empty()).collect()
}

fn read_flags(flags: &Flags) -> Layer {
    let path = |path: &PathBuf| path.to_string_lossy().into_owned();
    let all = [
        ("data_dir", "--data-dir", flags.data_dir.as_ref().map(path)),
        ("http.listen", "--listen", flags.listen.clone()),
        ("master_key", "--master-key", flags.master_key.as_ref().map(path)),
    ];
    let some = |(name, flag, text): (_, _, Option<String>)| Some((name, (Given::One(text?), Source::Flag(flag))));
    all.into_iter().filter_map(some).collect()
}

/// An unknown name, with the known one that is nearest. Variables are compared with variables.
fn unknown(name: &str, place: &str, like: &str) -> ConfigError {
    let variables: Vec<String> = KEYS.iter().map(Key::env).collect();
    let meant = if name.starts_with("COUNTERSIGN_") {
        nearest(like, variables.iter().map(String::as_str))
    } else {
        nearest(like, KEYS.iter().map(|key| key.name))
    };
    let hint = match meant {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => "; remove it, or see docs/CONFIG.md for the keys there are".to_owned(),
    };
    ConfigError(format!("unknown key `{name}` in {place}{hint}"))
}
