//! How single values are written: sizes, networks, addresses on the web.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr};

/// Reads a size: an integer and `KiB`, `MiB` or `GiB`, with or without a space between. In bytes.
pub(super) fn byte_size(text: &str) -> Result<u64, String> {
    let error = || "write an integer and KiB, MiB or GiB, such as \"64KiB\"".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.strip_prefix(' ').unwrap_or(unit) {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(error()),
    };
    let number: u64 = number.parse().map_err(|_| error())?;
    number.checked_mul(1 << shift).ok_or_else(error)
}

/// Writes a size as [`byte_size`] reads it, in the largest unit that has no fraction.
pub(super) fn show_size(bytes: u64) -> String {
    let (number, unit) = [(30, "GiB"), (20, "MiB")]
        .into_iter()
        .find(|(shift, _)| bytes > 0 && bytes.is_multiple_of(1 << shift))
        .map_or((bytes >> 10, "KiB"), |(shift, unit)| (bytes >> shift, unit));
    format!("{number}{unit}")
}

/// Reads a network such as `10.0.0.0/8`, or a single address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let one = |text: &str| text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse::<IpNet>().ok().map(|net| net.trunc()).or_else(|| one(text)).ok_or_else(|| {
        format!(
            "{text:?} is not a network: write an address and a prefix length, such as \"10.0.0.0/8\" or \"fd00::/8\""
        )
    })
}

/// The parts of an absolute URL that name a place: no user, query or fragment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) scheme: &'a str,
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    /// Empty, or from the first slash on.
    pub(super) path: &'a str,
}

/// Reads a URL; `None` where it has anything but scheme, host, port and path.
pub(super) fn place(url: &str) -> Option<Place<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+.-".contains(&b);
    if !scheme.starts_with(|c: char| c.is_ascii_lowercase()) || !scheme.bytes().all(scheme_byte) {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path_byte = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&b);
    if !path.bytes().all(path_byte) {
        return None;
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = match port {
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Some(port.parse::<u16>().ok()?),
        Some(_) => return None,
        None => None,
    };
    is_host(host).then_some(Place { scheme, host, port, path })
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)),
    }
}

impl Place<'_> {
    /// Whether the host is this machine itself.
    pub(super) fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Checks an address to which paths are appended, such as the `iss` of our tokens (RFC 8414 section 2: a URL without query and
/// fragment).
pub(super) fn url(text: &str) -> Result<(), String> {
    match place(text) {
        Some(place) if !matches!(place.scheme, "http" | "https") => {
            Err("it must begin with https:// or http://".into())
        }
        Some(place) if place.path.ends_with('/') => Err("it must not end with a slash".into()),
        Some(_) => Ok(()),
        None => Err("write an address without user, query and fragment, such as \"https://auth.example.com\"".into()),
    }
}

/// Checks an origin (RFC 6454) as browsers send it, since it is compared byte by byte.
pub fn origin(text: &str) -> Result<(), String> {
    let error = |text: &str| {
        Err(format!(
            "{text:?} is not an origin: write scheme, host and port as browsers send them, such as \"https://app.example.com\""
        ))
    };
    let Some(place) = place(text) else { return error(text) };
    if !place.path.is_empty() || place.host.bytes().any(|b| b.is_ascii_uppercase()) {
        return error(text);
    }
    if matches!((place.scheme, place.port), ("https", Some(443)) | ("http", Some(80))) {
        return Err(format!("{text:?} names the usual port: leave it out, as browsers do"));
    }
    Ok(())
}

/// The known word that was probably meant, if any is near.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let last = |name: &str| name.rsplit('.').next().map(str::to_owned);
    known
        .into_iter()
        .map(|name| (if last(name) == last(word) { 1 } else { distance(word, name) }, name))
        .filter(|(distance, _)| *distance <= 3)
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be put in, taken out or changed to make one word of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The line of a TOML text on which a key stands, counted from 1. Tables of an array are named `clients[0]`. A best
/// guess for messages: it does not see keys inside inline tables.
pub(super) fn line_of(text: &str, name: &str) -> Option<usize> {
    let mut counts = std::collections::HashMap::<&str, usize>::new();
    let mut table = String::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix("[[").and_then(|rest| rest.split("]]").next()) {
            let header = header.trim();
            let count = counts.entry(header).or_default();
            table = format!("{header}[{count}].");
            *count += 1;
        } else if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            table = format!("{}.", header.trim());
        } else if let Some((key, _)) = line.split_once('=')
            && format!("{table}{}", key.trim()) == name
        {
            return Some(number + 1);
        }
        if table.trim_end_matches('.') == name {
            return Some(number + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_back_as_they_are_written() {
        for text in ["1KiB", "64KiB", "64MiB", "3GiB", "1025KiB"] {
            assert_eq!(show_size(byte_size(text).unwrap()), text);
        }
        assert_eq!(byte_size("64 KiB"), Ok(65536));
        for bad in ["", "64", "KiB", "64kb", "-1KiB", "64  KiB", "1.5MiB", "99999999999GiB", "18446744073709551616KiB"]
        {
            assert!(byte_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_network_may_be_a_single_address() {
        assert_eq!(network("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(network("::1").unwrap().to_string(), "::1/128");
        assert!(network("10.0.0.0/33").is_err());
        assert!(network("localhost").is_err());
    }

    #[test]
    fn an_issuer_is_a_plain_address() {
        for good in ["https://auth.example.com", "http://127.0.0.1:8080", "http://[::1]:80", "https://a.b/tenant/x"] {
            assert_eq!(url(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "auth.example.com",
            "ftp://a",
            "https://a/",
            "https://a/b/",
            "https://a?x=1",
            "https://a#x",
            "https://u@a",
            "https://",
            "https://a:x",
            "https://a:99999",
            "https://a b",
            "https://[::g]",
            "HTTPS://a",
            "https://a:",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_as_browsers_send_it() {
        for good in ["https://app.example.com", "http://localhost:5173", "capacitor://localhost"] {
            assert_eq!(origin(good), Ok(()), "{good}");
        }
        for bad in ["*", "null", "https://a/", "https://A.com", "https://a:443", "http://a:80", "a.com", "https://a/b"]
        {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let known = ["http.listen", "http.max_body", "data_dir"];
        assert_eq!(nearest("http.lissten", known), Some("http.listen"));
        assert_eq!(nearest("listen", known), Some("http.listen"));
        assert_eq!(nearest("datadir", known), Some("data_dir"));
        assert_eq!(nearest("something.else", known), None);
    }

    #[test]
    fn the_line_of_a_key_is_found() {
        let text = "a = 1\n[http]\nlisten = 2\n[[clients]]\nid = 3\n[[clients]]\nid = 4\nfoo = 5\n";
        assert_eq!(line_of(text, "a"), Some(1));
        assert_eq!(line_of(text, "http.listen"), Some(3));
        assert_eq!(line_of(text, "clients[1].foo"), Some(8));
        assert_eq!(line_of(text, "clients[0].foo"), None);
    }
}
