//! The stored schema: how an entry of the journal is written as JSON, and read back. The only serde of events.
//!
//! The stored shape is apart from the domain's types: the domain may be renamed and rearranged, but the bytes of an entry are
//! hashed and signed, and can never change. So every entry has exactly one spelling ([`decode`] refuses any other), golden
//! files pin the bytes, and a shape that had to change is still read (see `upcast.rs`).
//!
//! An entry, in this order of its fields:
//!
//! | field | what it is |
//! |---|---|
//! | `position` | its place in the whole journal: 1, 2, 3 … |
//! | `commit` | all entries of one commit carry the same |
//! | `number` | its place in that commit, from 0; sealed values are bound to commit, number and field |
//! | `stream` | what it is about: `session:ID`, `gate:ID` … |
//! | `version` | its place in that stream, from 1 |
//! | `type` | what happened: `session.refreshed` … |
//! | `at` | when: RFC 3339 with milliseconds, UTC |
//! | `node` | which server decided |
//! | `context` | who asked, sealed or as in an earlier entry of the session; what is not known is absent |
//! | `schema` | the version of the type's shape |
//! | `cmd` | what was asked; on the first entry of each decision, else absent |
//! | `data` | what the event says |
//! | `prev` | RFC 6962 leaf hash of the stream's entry before; null for the first |

mod account;
mod attempt;
mod brakes;
mod client;
mod command;
mod error;
mod evidence;
mod gate;
mod meaning;
mod session;
mod system;
mod text;
mod told;
mod types;
mod upcast;

pub use error::SchemaError;
pub use meaning::{EVENTS, Meaning};
pub use types::{EVENT_TYPES, type_name};

use crate::domain::context::{Context, InFull, Sealed, ToldBy};
use crate::domain::ids::{CommitId, Hash, Position, RequestId, StreamId, Tag, Version};
use crate::domain::time::Timestamp;
use crate::domain::{Event, Recorded};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use text::Text;
use types::Stored;

/// The most bytes that an entry may have.
pub const MAX_EVENT_BYTES: usize = 4096;

/// Bytes that most entries fit into. A vector that grows is copied, and its old place wiped, each time.
const MOST_ENTRIES: usize = 1024;

/// An entry of the journal.
#[derive(Clone, PartialEq, Debug)]
pub struct Envelope {
    /// What was recorded.
    pub recorded: Recorded,
    /// Its place in its commit, from 0.
    pub number: u16,
    /// The server that decided it.
    pub node: String,
    /// The leaf hash of the entry before it in its stream.
    pub prev: Option<Hash>,
}

/// The fields of an entry in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a, C, D> {
    position: Position,
    commit: Text<CommitId>,
    number: u16,
    stream: Text<StreamId>,
    version: Version,
    #[serde(rename = "type")]
    event_type: Cow<'a, str>,
    at: Text<Timestamp>,
    node: Cow<'a, str>,
    context: StoredContext,
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmd: Option<C>,
    data: D,
    // Named so that a missing `prev` is an error, and not the same as null.
    #[serde(deserialize_with = "Option::deserialize")]
    prev: Option<Text<Hash>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredContext {
    request_id: Text<RequestId>,
    told_by: Text<ToldBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    net: Option<Text<Tag>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ua: Option<Text<Tag>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dev: Option<Text<Tag>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<Text<Tag>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed_at: Option<Version>,
}

impl From<&Context> for StoredContext {
    fn from(context: &Context) -> Self {
        let (who, sealed, sealed_at) = match &context.sealed {
            Some(InFull::Sealed { who, sealed }) => (who.map(Text), Some(sealed.0.clone()), None),
            Some(InFull::At(version)) => (None, None, Some(*version)),
            None => (None, None, None),
        };
        Self {
            request_id: Text(context.request_id),
            told_by: Text(context.told_by),
            api_key: context.api_key.clone(),
            net: context.net.map(Text),
            ua: context.ua.map(Text),
            dev: context.dev.map(Text),
            who,
            sealed,
            sealed_at,
        }
    }
}

impl TryFrom<StoredContext> for Context {
    type Error = String;

    fn try_from(stored: StoredContext) -> Result<Self, String> {
        let sealed = match (stored.who, stored.sealed, stored.sealed_at) {
            (who, Some(sealed), None) => Some(InFull::Sealed { who: who.map(|tag| tag.0), sealed: Sealed(sealed) }),
            (None, None, at) => at.map(InFull::At),
            _ => return Err("who stands beside sealed only, and sealed_at in its place".to_owned()),
        };
        Ok(Self {
            request_id: stored.request_id.0,
            told_by: stored.told_by.0,
            api_key: stored.api_key,
            net: stored.net.map(|tag| tag.0),
            ua: stored.ua.map(|tag| tag.0),
            dev: stored.dev.map(|tag| tag.0),
            sealed,
        })
    }
}

/// The bytes of an entry: compact JSON, exactly as it is hashed.
///
/// # Errors
/// [`SchemaError::EventTooLong`]; [`SchemaError::WrongStream`]; [`SchemaError::Unwritable`] for an instant outside the years
/// 0000 to 9999, and for a command that is not the one its event tells.
pub fn encode(envelope: &Envelope) -> Result<Vec<u8>, SchemaError> {
    let recorded = &envelope.recorded;
    let data = Stored::from(&recorded.event);
    let event_type = data.type_name();
    belongs(recorded.position, event_type, &recorded.stream)?;
    let unwritable = |why: String| SchemaError::Unwritable { event_type, why };
    let cmd = recorded.command.as_ref().map(|command| command::Stored::of(command, &recorded.event));
    let entry = Entry {
        position: recorded.position,
        commit: Text(recorded.commit),
        number: envelope.number,
        stream: Text(recorded.stream.clone()),
        version: recorded.version,
        event_type: Cow::Borrowed(event_type),
        at: Text(recorded.at),
        node: Cow::Borrowed(&envelope.node),
        context: (&recorded.context).into(),
        schema: upcast::newest(event_type),
        cmd: cmd.transpose().map_err(unwritable)?,
        data,
        prev: envelope.prev.map(Text),
    };
    let mut bytes = Vec::with_capacity(MOST_ENTRIES);
    serde_json::to_writer(&mut bytes, &entry).map_err(|why| unwritable(why.to_string()))?;
    if bytes.len() > MAX_EVENT_BYTES {
        return Err(SchemaError::EventTooLong { event_type, bytes: bytes.len() });
    }
    Ok(bytes)
}

/// The entry of these bytes.
///
/// Bytes that [`encode`] would not have written are refused: a field that this program does not know, but also another
/// order, a space or an escape more than needed. What is hashed must mean what we think it means, to every reader.
/// (An entry in an older shape is not written any more, so only its fields are checked.)
///
/// # Errors
/// Every [`SchemaError`] but those of [`encode`].
pub fn decode(bytes: &[u8]) -> Result<Envelope, SchemaError> {
    let unreadable = |why| SchemaError::Envelope { position: claimed_position(bytes), why };
    if bytes.len() > MAX_EVENT_BYTES {
        return Err(unreadable(format!("it has {} bytes, more than {MAX_EVENT_BYTES}", bytes.len())));
    }
    let entry: Entry<&RawValue, &RawValue> =
        serde_json::from_slice(bytes).map_err(|why| unreadable(why.to_string()))?;
    let position = entry.position;
    let event_type = entry.event_type.into_owned();
    belongs(position, &event_type, &entry.stream.0)?;
    let event = read_event(position, &event_type, entry.schema, entry.data)?;
    let wrong_command = |why| SchemaError::Command { position, event_type: event_type.clone(), why };
    let command = match entry.cmd {
        None => None,
        Some(cmd) => {
            let stored: command::Stored =
                serde_json::from_str(cmd.get()).map_err(|why| wrong_command(why.to_string()))?;
            Some(stored.into_command(&event).map_err(wrong_command)?)
        }
    };
    let envelope = Envelope {
        recorded: Recorded {
            position,
            commit: entry.commit.0,
            stream: entry.stream.0,
            version: entry.version,
            at: entry.at.0,
            context: entry.context.try_into().map_err(unreadable)?,
            event,
            command,
        },
        number: entry.number,
        node: entry.node.into_owned(),
        prev: entry.prev.map(|prev| prev.0),
    };
    let is_newest = entry.schema == upcast::newest(&event_type);
    if is_newest && encode(&envelope).as_deref() != Ok(bytes) {
        return Err(SchemaError::Spelling { position, event_type });
    }
    Ok(envelope)
}

/// Reads `data` of any version of its type.
fn read_event(position: Position, event_type: &str, schema: u32, data: &RawValue) -> Result<Event, SchemaError> {
    let event_type = event_type.to_owned();
    let data = match upcast::upcast(&event_type, schema, data.get()) {
        Ok(data) => data,
        Err(upcast::Refused::Newer { newest }) => {
            return Err(SchemaError::NewerSchema { position, event_type, schema, newest });
        }
        Err(upcast::Refused::Unknown) => return Err(SchemaError::UnknownSchema { position, event_type, schema }),
        Err(upcast::Refused::Data(why)) => return Err(SchemaError::Data { position, event_type, why }),
    };
    match Stored::read(&event_type, &data) {
        None => Err(SchemaError::UnknownType { position, event_type }),
        Some(Err(why)) => Err(SchemaError::Data { position, event_type, why: why.to_string() }),
        Some(Ok(stored)) => stored.try_into().map_err(|why| SchemaError::Data { position, event_type, why }),
    }
}

/// Whether a type is known and belongs to this kind of stream.
fn belongs(position: Position, event_type: &str, stream: &StreamId) -> Result<(), SchemaError> {
    match types::kind_of(event_type) {
        Some(kind) if kind == stream.kind() => Ok(()),
        Some(_) => {
            let stream = stream.to_string();
            Err(SchemaError::WrongStream { position, event_type: event_type.to_owned(), stream })
        }
        None => Err(SchemaError::UnknownType { position, event_type: event_type.to_owned() }),
    }
}

/// The position that an unreadable entry begins with, if it does: torn lines have one too.
fn claimed_position(bytes: &[u8]) -> Option<Position> {
    let rest = bytes.strip_prefix(br#"{"position":"#)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}
