//! The names of things. Every id is its own type, so that a session can never be looked up by an account's id.

use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// An id that could not be read, with what was expected of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub String);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            /// Reads the hyphenated lower-case form only, so that one id has one spelling.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                match Uuid::try_parse(text) {
                    Ok(id) if id.to_string() == text => Ok(Self(id)),
                    _ => Err(InvalidId(format!("{text:?} is not a lower-case hyphenated UUID"))),
                }
            }
        }
    };
}

uuid_id!(
    /// A person who can log in (UUIDv7).
    AccountId
);
uuid_id!(
    /// One login of one account at one client: the `sid` claim (UUIDv7).
    SessionId
);
uuid_id!(
    /// All entries of one commit carry the same id (UUIDv7).
    CommitId
);
uuid_id!(
    /// The `jti` claim of an access token (RFC 7519 section 4.1.7).
    TokenId
);
uuid_id!(
    /// One HTTP request; stands in its events, its diagnostics and its error body.
    RequestId
);

/// The instant in a UUIDv7; `None` where it is none.
fn drawn_at(id: Uuid) -> Option<Timestamp> {
    let (high, _) = id.as_u64_pair();
    (id.get_version_num() == 7).then(|| Timestamp(i64::try_from(high >> 16).unwrap_or(i64::MAX)))
}

impl SessionId {
    /// When the id was drawn, which is when the session began; `None` where it is no UUIDv7 and does not tell.
    pub fn drawn_at(&self) -> Option<Timestamp> {
        drawn_at(self.0)
    }
}

impl AccountId {
    /// When the id was drawn, which is when the account was made here; `None` where it was made elsewhere and does not tell.
    pub fn drawn_at(&self) -> Option<Timestamp> {
        drawn_at(self.0)
    }
}

/// An OAuth client's id: 1 to 64 of `[A-Za-z0-9._~-]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ClientId(String);

impl ClientId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for ClientId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
        if (1..=64).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text))
        } else {
            Err(InvalidId("a client id is 1 to 64 characters of A-Z a-z 0-9 . _ ~ -".to_owned()))
        }
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

macro_rules! hex_bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                decode_hex::<$len>(text).map(Self).ok_or_else(|| {
                    InvalidId(format!("expected {} lower-case hexadecimal digits", $len * 2))
                })
            }
        }
    };
}

hex_bytes!(
    /// The RFC 6962 leaf hash of an entry's bytes, or an inner node of the tree over them.
    Hash,
    32
);
hex_bytes!(
    /// HMAC of a normalised login id: the same login always has the same `NameHash`, and nobody without the key can guess one.
    NameHash,
    32
);
hex_bytes!(
    /// HMAC of a network, user agent or device under its owner's key: tells "the same again" and nothing else.
    Tag,
    8
);

/// Lower-case hexadecimal only, so that one value has one spelling.
fn decode_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    let mut out = [0; N];
    if text.len() != N * 2 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

/// The number of a refresh token inside its session: 0 at login, one more at every rotation.
pub type Generation = u32;
/// An event's place in the whole journal: 1, 2, 3 … without gaps.
pub type Position = u64;
/// How many events a stream has; the first event has version 1.
pub type Version = u64;
/// The number of a refresh-token key, as it stands in the token.
pub type RefreshKeyId = u16;

/// The events of one thing, in order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StreamId {
    /// The server itself: starts, keys, API keys, the clock.
    System,
    /// Login results and profile of an account: what traffic writes.
    Account(AccountId),
    /// Who may have sessions: what administration writes about an account.
    Gate(AccountId),
    /// A client's settings, state and brakes: what administration writes about a client.
    Client(ClientId),
    /// What a client does: tokens issued and listed, refused authentication.
    Use(ClientId),
    /// One session.
    Session(SessionId),
    /// What is shown of a session after it was archived.
    Evidence(SessionId),
    /// Which account a login id belongs to.
    Name(NameHash),
    /// What ends more than one account's or one client's sessions, and whether people may log in.
    Brakes,
}

impl StreamId {
    /// The word before the colon.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Account(_) => "account",
            Self::Gate(_) => "gate",
            Self::Client(_) => "client",
            Self::Use(_) => "use",
            Self::Session(_) => "session",
            Self::Evidence(_) => "evidence",
            Self::Name(_) => "name",
            Self::Brakes => "brakes",
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System | Self::Brakes => f.write_str(self.kind()),
            Self::Account(id) | Self::Gate(id) => write!(f, "{}:{id}", self.kind()),
            Self::Client(id) | Self::Use(id) => write!(f, "{}:{id}", self.kind()),
            Self::Session(id) | Self::Evidence(id) => write!(f, "{}:{id}", self.kind()),
            Self::Name(hash) => write!(f, "name:{hash}"),
        }
    }
}

impl FromStr for StreamId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text {
            "system" => return Ok(Self::System),
            "brakes" => return Ok(Self::Brakes),
            _ => {}
        }
        match text.split_once(':') {
            Some(("account", id)) => Ok(Self::Account(id.parse()?)),
            Some(("gate", id)) => Ok(Self::Gate(id.parse()?)),
            Some(("client", id)) => Ok(Self::Client(id.parse()?)),
            Some(("use", id)) => Ok(Self::Use(id.parse()?)),
            Some(("session", id)) => Ok(Self::Session(id.parse()?)),
            Some(("evidence", id)) => Ok(Self::Evidence(id.parse()?)),
            Some(("name", hash)) => Ok(Self::Name(hash.parse()?)),
            _ => Err(InvalidId(format!("{text:?} is not a stream"))),
        }
    }
}

/// Whose data key seals a value, and so whose erasure makes it unreadable.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Owner {
    /// The server itself.
    System,
    /// An account: its logins, addresses, user agents, devices.
    Account(AccountId),
    /// A client: the addresses from which it was used.
    Client(ClientId),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Account(id) => write!(f, "account:{id}"),
            Self::Client(id) => write!(f, "client:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_reads_back_as_it_is_written() {
        let id = Uuid::from_u128(7);
        for stream in [
            StreamId::System,
            StreamId::Account(AccountId(id)),
            StreamId::Gate(AccountId(id)),
            StreamId::Client("store".parse().unwrap()),
            StreamId::Use("store".parse().unwrap()),
            StreamId::Session(SessionId(id)),
            StreamId::Evidence(SessionId(id)),
            StreamId::Name(NameHash([9; 32])),
            StreamId::Brakes,
        ] {
            assert_eq!(stream.to_string().parse(), Ok(stream));
        }
    }

    #[test]
    fn a_session_id_tells_when_it_was_drawn() {
        let id: SessionId = "019c133d-4000-7000-8000-00000000000a".parse().unwrap();
        assert_eq!(id.drawn_at(), Some(Timestamp(0x019c_133d_4000)));
        assert_eq!(SessionId(Uuid::from_u128(7)).drawn_at(), None);
    }

    #[test]
    fn an_id_has_one_spelling() {
        let upper = "0190C0DE-0000-7000-8000-00000000000A";
        assert!(upper.parse::<SessionId>().is_err());
        assert!(upper.to_lowercase().parse::<SessionId>().is_ok());
        assert!("AB00000000000000".parse::<Tag>().is_err());
        for bad in ["", "a b", "ä", "a:b", &"x".repeat(65)] {
            assert!(bad.parse::<ClientId>().is_err(), "{bad}");
        }
    }
}
