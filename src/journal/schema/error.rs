//! What can be wrong with an entry, said so that an auditor finds the place.

use super::MAX_EVENT_BYTES;
use crate::domain::ids::Position;
use std::fmt;

/// Why an entry cannot be written, or what was read cannot be believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SchemaError {
    /// Too long to be stored.
    #[error("{event_type} would take {bytes} bytes; an event has at most {MAX_EVENT_BYTES}")]
    EventTooLong {
        /// The event's type.
        event_type: &'static str,
        /// What it would take.
        bytes: usize,
    },
    /// Something in it has no stored form.
    #[error("{event_type} cannot be written: {why}")]
    Unwritable {
        /// The event's type.
        event_type: &'static str,
        /// What has none.
        why: String,
    },
    /// Not an entry at all, or a wrong field outside its data and command.
    #[error("{}the entry cannot be read: {why}", at(*.position))]
    Envelope {
        /// Where it claims to stand, as far as that could be read.
        position: Option<Position>,
        /// What is wrong.
        why: String,
    },
    /// A type that this program has never heard of.
    #[error("position {position}: unknown event type {event_type:?}")]
    UnknownType {
        /// Where.
        position: Position,
        /// The type.
        event_type: String,
    },
    /// A shape of a type that this program is too old for.
    #[error(
        "position {position}: {event_type} has schema {schema}, written by a newer version; newest known is {newest}"
    )]
    NewerSchema {
        /// Where.
        position: Position,
        /// The type.
        event_type: String,
        /// The version of its shape.
        schema: u32,
        /// The newest version that this program knows.
        newest: u32,
    },
    /// A shape of a type that never was.
    #[error("position {position}: {event_type} never had a schema {schema}")]
    UnknownSchema {
        /// Where.
        position: Position,
        /// The type.
        event_type: String,
        /// The version of its shape.
        schema: u32,
    },
    /// A type in a stream of another kind.
    #[error("position {position}: {event_type} does not belong in stream {stream}")]
    WrongStream {
        /// Where.
        position: Position,
        /// The type.
        event_type: String,
        /// The stream.
        stream: String,
    },
    /// A wrong field in `data`.
    #[error("position {position}: data of {event_type}: {why}")]
    Data {
        /// Where.
        position: Position,
        /// The type.
        event_type: String,
        /// What is wrong.
        why: String,
    },
    /// A wrong field in `cmd`.
    #[error("position {position}: cmd of {event_type}: {why}")]
    Command {
        /// Where.
        position: Position,
        /// The type.
        event_type: String,
        /// What is wrong.
        why: String,
    },
    /// It can be read, but nobody who kept to the format wrote it so.
    #[error("position {position}: {event_type} is spelled in another way than it would be written")]
    Spelling {
        /// Where.
        position: Position,
        /// The type.
        event_type: String,
    },
}

fn at(position: Option<Position>) -> impl fmt::Display {
    position.map_or_else(String::new, |position| format!("position {position}: "))
}
