//! Looks for secrets in bytes, in all the forms in which they may have got there.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use std::collections::HashMap;

/// Bytes by which needles are told apart; no needle is shorter.
const KEY: usize = 6;

/// One form of one secret.
struct Needle {
    /// What it is, for the report; not the secret itself.
    name: String,
    bytes: Vec<u8>,
}

/// Needles by their first bytes.
#[derive(Default)]
struct Needles {
    all: HashMap<[u8; KEY], Vec<Needle>>,
    /// Whether one begins with these two bytes: hardly any place has to be looked at closer. Empty while there are none.
    starts: Vec<bool>,
}

impl Needles {
    fn add(&mut self, name: String, bytes: Vec<u8>) {
        assert!(bytes.len() >= KEY, "{name} is too short to be looked for");
        let key: [u8; KEY] = bytes[..KEY].try_into().unwrap();
        self.starts.resize(1 << 16, false);
        self.starts[usize::from(u16::from_be_bytes([key[0], key[1]]))] = true;
        self.all.entry(key).or_default().push(Needle { name, bytes });
    }

    fn found_in<'a>(&'a self, haystack: &'a [u8]) -> impl Iterator<Item = &'a str> {
        let at = haystack.windows(KEY).enumerate();
        let starts = |window: &[u8]| self.starts.get(usize::from(u16::from_be_bytes([window[0], window[1]])));
        at.filter(move |(_, window)| starts(window) == Some(&true))
            .filter_map(|(at, window)| Some((at, self.all.get(window)?)))
            .flat_map(move |(at, needles)| {
                needles.iter().filter(move |needle| haystack[at..].starts_with(&needle.bytes))
            })
            .map(|needle| needle.name.as_str())
    }
}

/// Secrets to look for.
#[derive(Default)]
pub struct Search {
    exact: Needles,
    /// In lower case; the haystack is too.
    any_case: Needles,
}

impl Search {
    /// Adds a secret that is text, in all its forms.
    pub fn text(&mut self, name: &str, secret: &str) {
        let json = serde_json::to_string(secret).unwrap();
        let debug = format!("{secret:?}");
        let url = percent_encode(secret.as_bytes(), NON_ALPHANUMERIC).to_string();
        let ascii: String = secret.chars().map(|letter| escaped(letter, |code| format!("\\u{code:04x}"))).collect();
        let rust: String = secret.chars().map(|letter| escaped(letter, |code| format!("\\u{{{code:x}}}"))).collect();
        let bytes: String = secret.bytes().map(|byte| byte.escape_ascii().to_string()).collect();
        for (form, text) in [
            ("JSON", &json[1..json.len() - 1]),
            ("debug", &debug[1..debug.len() - 1]),
            ("URL", &url),
            ("form", &url.replace("%20", "+")),
            ("ASCII JSON", &ascii),
            ("ASCII debug", &rust),
            ("bytes", &bytes),
        ] {
            self.any_case.add(format!("{name} as {form}"), text.to_lowercase().into_bytes());
        }
        self.bytes(name, secret.as_bytes());
        let lower = secret.to_lowercase();
        if lower != secret {
            self.bytes(&format!("{name} in lower case"), lower.as_bytes());
        }
    }

    /// Adds a secret that is bytes: as they are, as hex, base64 and a list of numbers.
    pub fn bytes(&mut self, name: &str, secret: &[u8]) {
        self.exact.add(format!("{name} as it is"), secret.to_vec());
        if let Ok(text) = std::str::from_utf8(secret) {
            self.any_case.add(format!("{name} in any case"), text.to_lowercase().into_bytes());
        }
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        self.any_case.add(format!("{name} as hex"), hex.into_bytes());
        let numbers = |between| secret.iter().map(u8::to_string).collect::<Vec<_>>().join(between);
        self.exact.add(format!("{name} as numbers"), numbers(", ").into_bytes());
        self.exact.add(format!("{name} as dense numbers"), numbers(",").into_bytes());
        for before in 0..3 {
            let padded = [vec![0; before], secret.to_vec()].concat();
            // Only characters that stand for nothing but the secret.
            let certain = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
            for (form, engine) in [("base64", &STANDARD_NO_PAD), ("base64url", &URL_SAFE_NO_PAD)] {
                let text = engine.encode(&padded)[certain.clone()].to_owned();
                self.exact.add(format!("{name} as {form} after {before} bytes"), text.into_bytes());
            }
        }
    }

    /// What of the secrets is in there.
    pub fn found_in(&self, haystack: &[u8]) -> Vec<String> {
        // ASCII and what UTF-8 makes of other letters; bytes that are no text stay as they are.
        let lower = haystack.utf8_chunks().flat_map(|chunk| {
            let mut bytes = chunk.valid().to_lowercase().into_bytes();
            bytes.extend_from_slice(chunk.invalid());
            bytes
        });
        let lower: Vec<u8> = lower.collect();
        let mut found: Vec<_> =
            self.exact.found_in(haystack).chain(self.any_case.found_in(&lower)).map(str::to_owned).collect();
        found.sort();
        found.dedup();
        found
    }
}

fn escaped(letter: char, escape: impl Fn(u32) -> String) -> String {
    match letter {
        '"' | '\\' => format!("\\{letter}"),
        ' '..='~' => letter.to_string(),
        other => escape(u32::from(other)),
    }
}

#[test]
fn a_secret_is_found_in_every_form_and_nowhere_else() {
    let secret = "Zq9 \"käse\"\\+/§";
    let mut search = Search::default();
    search.text("the secret", secret);
    let base64 = |before: &str| STANDARD_NO_PAD.encode(format!("{before}{secret} and more"));
    for hidden in [
        secret.to_owned(),
        secret.to_uppercase(),
        serde_json::to_string(&[secret]).unwrap(),
        format!("{:?}", Some(secret)),
        format!("{:?}", secret.as_bytes()),
        format!("{:x?}", secret.as_bytes()).replace(['[', ']', ',', ' '], ""),
        "password=Zq9+%22k%C3%A4se%22%5C%2B%2F%C2%A7&x=1".to_owned(),
        "/x?p=Zq9%20%22k%c3%a4se%22%5c%2b%2f%c2%a7".to_owned(),
        r#"{"p":"Zq9 \"k\u00e4se\"\\+/\u00a7"}"#.to_owned(),
        r#"Zq9 \"k\xc3\xa4se\"\\+/\xc2\xa7"#.to_owned(),
        base64(""),
        base64("a"),
        base64("ab"),
        base64("store:").replace('+', "-").replace('/', "_"),
    ] {
        let bytes = [b"\xff\x00 before".as_slice(), hidden.as_bytes(), b"\xc3 after"].concat();
        assert!(!search.found_in(&bytes).is_empty(), "{hidden}");
    }
    for other in ["", "Zq9", &secret[1..], &base64("")[1..12], "Zq9 käse"] {
        assert_eq!(search.found_in(other.as_bytes()), Vec::<String>::new(), "{other}");
    }
}
