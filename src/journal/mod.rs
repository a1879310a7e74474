//! The journal: the one record of everything that was decided, and all state is a fold of it.
//!
//! [`files`] knows bytes, syncs and recovery and nothing about what an event means; [`schema`] is the only serde of events;
//! [`Journal`] chains, folds and projects commits and has an [`engine`] write them; the [`store`] beside the segments answers
//! look-ups, through a [`Reader`].

pub mod backup;
mod base;
mod catch_up;
pub mod checked_store;
mod drop;
pub mod engine;
pub mod files;
mod fold;
mod history;
#[expect(clippy::module_inception, reason = "the thing itself, in a file of its own")]
mod journal;
mod keeper;
mod key_file;
pub mod key_repair;
mod keys;
mod local_engine;
mod memory_store;
pub mod packed_lines;
mod reader;
pub mod repair;
mod rewrap;
pub mod schema;
mod shed;
mod sled_store;
mod state_format_2;
pub mod store;
mod write_behind;

pub use base::{BaseError, check_base, check_stand_in};
pub use drop::{DropError, drop_history, droppable};
pub use engine::{Batch, Engine, EngineError, StoredEntries, StoredEntry};
pub use fold::Folded;
pub use history::{History, NoHistory};
pub use journal::{AppendError, Appended, CaughtUp, Commit, Journal};
pub use keeper::{Keeper, Scrubbed};
pub use key_file::{KeyFile, Keys, KeysError};
pub use local_engine::{EngineOpenError, Found, LocalEngine, StoreHome};
pub use memory_store::MemoryStore;
pub use reader::{Reader, Versioned};
pub use rewrap::{opens_keys, rewrap_keys};
pub use sled_store::{SledHome, SledStore};
pub use store::{Store, StoreError, StoreRead};
