//! How single values are spelled: one text for each, whatever the domain's own serde does.

use crate::domain::account::{LoginHow, PasswordVerdict};
use crate::domain::client::{ClientType, Grant, Introspect, LateRetry, Profile, Rotation};
use crate::domain::context::ToldBy;
use crate::domain::denial::Denial;
use crate::domain::evidence::{Door, Ended};
use crate::domain::gate::PasswordHow;
use crate::domain::ids::{AccountId, ClientId, CommitId, Hash, NameHash, RequestId, SessionId, StreamId, Tag, TokenId};
use crate::domain::keys::SigningAlg;
use crate::domain::session::{Asked, RefreshDoor, RevokeReason};
use crate::domain::system::RepairedFrom;
use crate::domain::time::{Span, Timestamp};
use ipnet::IpNet;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

/// A value that stands in an entry as text.
pub(super) trait Spelled: Sized {
    /// The text, if the value has one.
    fn spell(&self) -> Result<Cow<'_, str>, String>;
    /// The value of a text.
    fn read(text: &str) -> Result<Self, String>;
}

/// A field that is stored as text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Text<T>(pub T);

impl<T: Spelled> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.spell().map_err(S::Error::custom)?)
    }
}

impl<'de, T: Spelled> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads<T>(PhantomData<T>);
        impl<T: Spelled> Visitor<'_> for Reads<T> {
            type Value = Text<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::read(text).map(Text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Reads(PhantomData))
    }
}

/// A word that is left out where it is the usual one.
pub(super) fn other_than_default<T: Default + PartialEq>(value: T) -> Option<Text<T>> {
    (value != T::default()).then_some(Text(value))
}

/// Values in the order of their texts, so that the order in which the domain declares its words may change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Words<T: Ord>(pub BTreeSet<T>);

impl<T: Spelled + Ord> Serialize for Words<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let words = self.0.iter().map(Spelled::spell).collect::<Result<BTreeSet<_>, _>>();
        serializer.collect_seq(words.map_err(S::Error::custom)?)
    }
}

impl<'de, T: Spelled + Ord> Deserialize<'de> for Words<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<Text<T>>::deserialize(deserializer)?;
        let count = words.len();
        let set: BTreeSet<T> = words.into_iter().map(|word| word.0).collect();
        if set.len() == count { Ok(Self(set)) } else { Err(D::Error::custom("the same word stands there twice")) }
    }
}

/// Spelled as they are shown.
macro_rules! as_displayed {
    ($($type:ty),+) => {$(
        impl Spelled for $type {
            fn spell(&self) -> Result<Cow<'_, str>, String> {
                Ok(Cow::Owned(self.to_string()))
            }
            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|why| format!("{why}"))
            }
        }
    )+};
}

as_displayed!(AccountId, SessionId, CommitId, TokenId, RequestId, Hash, NameHash, Tag, StreamId, IpNet);

impl Spelled for ClientId {
    fn spell(&self) -> Result<Cow<'_, str>, String> {
        Ok(Cow::Borrowed(self.as_str()))
    }
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|why| format!("{why}"))
    }
}

impl Spelled for SigningAlg {
    fn spell(&self) -> Result<Cow<'_, str>, String> {
        Ok(Cow::Borrowed(self.as_str()))
    }
    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

/// Spelled by the stable code that metrics and diagnostics use too.
macro_rules! as_code {
    ($($type:ident),+) => {$(
        impl Spelled for $type {
            fn spell(&self) -> Result<Cow<'_, str>, String> {
                Ok(Cow::Borrowed(self.code()))
            }
            fn read(text: &str) -> Result<Self, String> {
                let named = Self::ALL.iter().find(|code| code.code() == text);
                named.copied().ok_or_else(|| format!("{text:?} is not one of the codes of a {}", stringify!($type)))
            }
        }
    )+};
}

as_code!(Denial, RevokeReason, LoginHow);

impl Spelled for Ended {
    fn spell(&self) -> Result<Cow<'_, str>, String> {
        Ok(Cow::Borrowed(self.code()))
    }
    fn read(text: &str) -> Result<Self, String> {
        Self::from_code(text).ok_or_else(|| format!("{text:?} is not how a session ends"))
    }
}

/// Spelled by words that stand here, so that no renaming in the domain changes what is stored.
macro_rules! as_word {
    ($($type:ident { $($variant:ident => $word:literal),+ })+) => {$(
        impl Spelled for $type {
            fn spell(&self) -> Result<Cow<'_, str>, String> {
                Ok(Cow::Borrowed(match self { $(Self::$variant => $word,)+ }))
            }
            fn read(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("{text:?} is none of {}", [$($word),+].join(", "))),
                }
            }
        }
    )+};
}

as_word! {
    ToldBy {
        Peer => "peer", Client => "client", ApiKey => "api_key", Backend => "backend", Nobody => "nobody",
        Server => "server", CommandLine => "command_line"
    }
    PasswordHow { Given => "given", Changed => "changed", Reset => "reset" }
    PasswordVerdict { Right => "right", Wrong => "wrong", Throttled => "throttled", Vouched => "vouched" }
    RefreshDoor { Token => "token", JwtRefresh => "jwt_refresh" }
    Asked { Refresh => "refresh", Revoke => "revoke" }
    ClientType { Confidential => "confidential", Public => "public" }
    Profile { Standard => "standard", Fusionauth => "fusionauth", Gateway => "gateway" }
    Grant { Password => "password", RefreshToken => "refresh_token", ClientCredentials => "client_credentials" }
    Rotation { Always => "always", Never => "never" }
    LateRetry { Revoke => "revoke", Reissue => "reissue" }
    Introspect { Own => "own", All => "all" }
    Door { Refresh => "refresh", Revoke => "revoke", Show => "show" }
    RepairedFrom { Store => "store", Backup => "backup" }
}

/// The instants that RFC 3339 has a form for: the years 0000 to 9999.
const WRITABLE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

impl Spelled for Timestamp {
    fn spell(&self) -> Result<Cow<'_, str>, String> {
        if WRITABLE.contains(&self.0) {
            Ok(Cow::Owned(self.to_string()))
        } else {
            Err(format!("the instant {} ms lies outside the years 0000 to 9999", self.0))
        }
    }
    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

impl Spelled for Span {
    fn spell(&self) -> Result<Cow<'_, str>, String> {
        Ok(Cow::Owned(self.to_string()))
    }

    /// Besides what a person may configure: milliseconds and negative spans, because recorded spans are measured or drawn.
    fn read(text: &str) -> Result<Self, String> {
        let error = || format!("{text:?} is not a span such as \"30s\", \"14d\" or \"1500ms\"");
        let digits = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(error)?;
        let (number, unit) = text.split_at(digits);
        let unit = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(error()),
        };
        number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit)).map(Self).ok_or_else(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reads_back_as_it_is_written() {
        for ms in [0, 1, 999, 1000, 1500, 60_000, 90_000, 86_400_000, -1, -5000, i64::MIN, i64::MAX] {
            let text = Span(ms).spell().unwrap().into_owned();
            assert_eq!(Span::read(&text), Ok(Span(ms)), "{text}");
        }
        for bad in ["", "s", "5", "5 m", "1.5h", "5w", "ä", "99999999999999999999d", "9223372036854775807d", "5S"] {
            assert!(Span::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_instant_that_rfc_3339_cannot_write_is_refused() {
        for (ms, writable) in [(*WRITABLE.start(), true), (*WRITABLE.end(), true), (WRITABLE.end() + 1, false)] {
            let text = Timestamp(ms).spell().map(Cow::into_owned);
            assert_eq!(text.is_ok(), writable, "{ms}");
            if let Ok(text) = text {
                assert_eq!(Timestamp::read(&text), Ok(Timestamp(ms)));
            }
        }
        assert!(Timestamp(i64::MIN).spell().is_err());
    }

    #[test]
    fn every_code_reads_back() {
        for denial in Denial::ALL {
            assert_eq!(Denial::read(denial.code()), Ok(*denial));
        }
        for reason in RevokeReason::ALL {
            assert_eq!(RevokeReason::read(reason.code()), Ok(*reason));
        }
        assert!(Denial::read("nonsense").is_err());
    }
}
