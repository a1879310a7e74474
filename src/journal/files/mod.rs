//! The log: how events lie in files, survive a power cut, and are known to be whole.
//!
//! This half knows files and nothing about what an event means. Bottom up: [`disk`] is the port to a directory of
//! files, [`real_disk`] and [`memory_disk`] stand behind it; [`frame`] and [`header`] are the lines of a segment,
//! [`merkle`] the tree over its entries, [`anchor`] the mark beside it. [`data_dir`] prepares the directory, [`start`]
//! opens what is in it, [`recovery`] decides what of it may be believed, [`segments`] appends, [`entries`] reads, and
//! [`reader`] reads from another process. [`backup`] and [`archive`] copy to other directories, [`dropped`] says what of the
//! oldest segments is gone for good.

pub mod anchor;
pub mod archive;
pub mod backup;
mod behind;
pub mod check;
mod closed;
pub mod copy;
pub mod data_dir;
pub mod diagnosis;
pub mod disk;
pub mod dropped;
pub mod entries;
pub mod error;
pub mod frame;
pub mod header;
pub mod heads;
pub mod index;
mod lines;
mod marker;
pub mod memory_disk;
pub mod mending;
pub mod merkle;
pub mod reader;
pub mod real_disk;
pub mod rebuild;
pub mod recovery;
pub mod room;
mod room_keeper;
pub mod salvage;
mod scan;
pub mod seal;
pub mod sealed;
pub mod segments;
pub mod source;
pub mod start;

#[cfg(test)]
mod tests;
