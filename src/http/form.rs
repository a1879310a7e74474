//! Reading `application/x-www-form-urlencoded` bodies as RFC 6749 section 3.2 wants them: a parameter without a value was not
//! sent, and none may be sent twice.

use super::error::Why;
use percent_encoding::percent_decode;
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// Bytes of a scope at most: it stands in the event of what was asked, and an event has its limit.
const SCOPE_LIMIT: usize = 512;
/// Parameters in one body at most.
const PARAMETERS: usize = 64;

/// The parameters of a body. Wiped when dropped: passwords and secrets are among them.
pub struct Form(Vec<(Zeroizing<String>, Zeroizing<String>)>);

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// What is malformed, in a sentence.
    pub fn parse(content_type: Option<&str>, body: &[u8]) -> Result<Self, Why> {
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Why::Malformed(
                "send the parameters as application/x-www-form-urlencoded in the body".to_owned(),
            ));
        }
        let body = str::from_utf8(body).map_err(|_| not_utf8())?;
        let mut form: Vec<(Zeroizing<String>, Zeroizing<String>)> = Vec::new();
        for (number, pair) in body.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            if number == PARAMETERS {
                return Err(Why::Malformed(format!("more than {PARAMETERS} parameters")));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name.as_bytes()).ok_or_else(not_utf8)?;
            let value = decode(value.as_bytes()).ok_or_else(not_utf8)?;
            if form.iter().any(|(other, _)| *other == name) {
                return Err(Why::Malformed("a parameter stands twice in the body".to_owned()));
            }
            form.push((name, value));
        }
        Ok(Self(form))
    }

    /// A parameter that was sent with a value.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(other, _)| other.as_str() == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// A parameter that must have been sent, of at most `limit` bytes.
    ///
    /// # Errors
    /// That it is missing or too long.
    pub fn need(&self, name: &str, limit: usize) -> Result<&str, Why> {
        let value = self.get(name).ok_or_else(|| Why::Malformed(format!("the parameter {name} is missing")))?;
        if value.len() > limit {
            return Err(Why::Malformed(format!("the parameter {name} has more than {limit} bytes")));
        }
        Ok(value)
    }

    /// The scope asked for (RFC 6749 section 3.3), where one was.
    ///
    /// # Errors
    /// Where it is malformed.
    pub fn scope(&self) -> Result<Option<BTreeSet<String>>, Why> {
        let Some(text) = self.get("scope") else { return Ok(None) };
        if text.len() > SCOPE_LIMIT {
            return Err(Why::BadScope(format!("the scope has more than {SCOPE_LIMIT} bytes")));
        }
        let legal = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let mut scope = BTreeSet::new();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            if !token.bytes().all(legal) {
                return Err(Why::BadScope("the scope has characters that no scope may have".to_owned()));
            }
            scope.insert(token.to_owned());
        }
        Ok(Some(scope))
    }
}

fn not_utf8() -> Why {
    Why::Malformed("the body is not UTF-8".to_owned())
}

/// Decodes one name or value; `None` where it is not UTF-8.
pub fn decode(text: &[u8]) -> Option<Zeroizing<String>> {
    let decoded: Vec<u8> = if text.contains(&b'+') || text.contains(&b'%') {
        let spaced: Zeroizing<Vec<u8>> =
            Zeroizing::new(text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect());
        percent_decode(&spaced).collect()
    } else {
        text.to_vec()
    };
    String::from_utf8(decoded).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=UTF-8");

    #[test]
    fn values_are_decoded_and_empty_ones_were_not_sent() {
        let form = Form::parse(FORM, b"username=a%40b.c&password=p%26%2B+%25&scope=&x").unwrap();
        assert_eq!(form.get("username"), Some("a@b.c"));
        assert_eq!(form.get("password"), Some("p&+ %"));
        assert_eq!(form.get("scope"), None);
        assert_eq!(form.get("x"), None);
        assert!(form.need("x", 10).is_err());
        assert!(form.need("username", 4).is_err());
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for body in [&b"a=1&a=2"[..], b"a=%ff", b"a=\xff", b"a=&a=", "x=1&".repeat(65).as_bytes()] {
            assert!(Form::parse(FORM, body).is_err(), "{body:?}");
        }
        for other in [None, Some("application/json"), Some("text/plain")] {
            assert!(Form::parse(other, b"a=1").is_err(), "{other:?}");
        }
        assert!(Form::parse(FORM, b"scope=a%22b").unwrap().scope().is_err());
    }

    #[test]
    fn a_scope_is_a_set() {
        let scope = Form::parse(FORM, b"scope=cart++openid+cart").unwrap().scope().unwrap().unwrap();
        assert_eq!(scope.into_iter().collect::<Vec<_>>(), ["cart", "openid"]);
    }
}
