//! `config show`: the configuration in force, with where each value came from.

use super::keys::{KEYS, Kind, Standard};
use super::{Config, Given, MASTER_KEY_VARIABLE, MasterKeySource, Raw, Source};

/// One key in force.
#[derive(Debug, Clone)]
pub(super) struct Effective {
    name: &'static str,
    /// As TOML; `None` where it is known only later or must not be shown.
    value: Option<String>,
    source: String,
}

/// All keys in force, in the order of the list.
pub(super) fn effective(raw: &Raw, config: &Config) -> Vec<Effective> {
    let one = |key: &super::keys::Key| {
        let given = raw.value(key);
        let value = match (key.name, &config.master_key) {
            ("hash.threads", _) => Some(config.hash.threads.to_string()),
            ("http.workers", _) => Some(config.http.workers.to_string()),
            ("master_key", MasterKeySource::File(path)) => Some(quote(&path.to_string_lossy())),
            _ => given.as_ref().map(|(given, _)| toml(&key.kind, given)),
        };
        let source = match (key.name, &config.master_key, given) {
            ("master_key", MasterKeySource::Text(_), _) => format!("environment {MASTER_KEY_VARIABLE}, not shown"),
            (_, _, Some((_, source))) => source.to_string(),
            (_, _, None) => match key.default {
                Standard::Derived(words) => format!("{}: {words}", Source::Default),
                Standard::Fixed(_) => Source::Default.to_string(),
            },
        };
        Effective { name: key.name, value, source }
    };
    KEYS.iter().map(one).collect()
}

fn toml(kind: &Kind, given: &Given) -> String {
    match (kind, given) {
        (Kind::Count(..) | Kind::Flag, Given::One(text)) => text.clone(),
        (Kind::Networks, Given::One(text)) => format!("[{}]", quote(text)),
        (_, Given::One(text)) => quote(text),
        (_, Given::Many(texts)) => {
            format!("[{}]", texts.iter().map(|text| quote(text)).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(char))),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

impl Config {
    /// The configuration in force as TOML, each value with its source. It can be used as a configuration file. It holds
    /// no secret.
    pub fn show(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        for Effective { name, value, source } in &self.effective {
            let (its_section, key) = name.rsplit_once('.').unwrap_or(("", name));
            if its_section != section {
                section = its_section;
                text.push_str(&format!("\n[{section}]\n"));
            }
            match value {
                Some(value) => text.push_str(&format!("{key} = {value}  # {source}\n")),
                None => text.push_str(&format!("# {key}  # {source}\n")),
            }
        }
        text
    }
}
