//! The lines of entries that the store keeps of segments that are not sealed: several in one value, compressed. Text of events comes
//! to a fifth of its length, and the store keeps what it reads in memory.

use super::store::StoreError;
use std::cell::RefCell;
use zstd::bulk::{Compressor, decompress};

/// Text of lines kept under one key of the store, in bytes: larger values cost sled more than they save.
pub const LINES_PER_VALUE: usize = 32 * 1024;
/// A value of lines is as long as so many small entries of the store.
pub(super) const ENTRIES_IN_LINES: usize = LINES_PER_VALUE / 1024;
/// No value has more text: one line too long for the others stands alone.
const MOST: usize = 4 * LINES_PER_VALUE;
/// The quickest level: the next ones save nothing on so little text.
const LEVEL: i32 = 1;

thread_local! {
    /// Its memory is as large as many batches: it is made once for the thread that writes.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// The value of lines, each of which ends with a newline.
///
/// # Panics
/// Never: compressing from memory to memory cannot fail.
pub fn pack(lines: &[u8]) -> Vec<u8> {
    COMPRESSOR.with_borrow_mut(|made| {
        let compressor = made.get_or_insert_with(|| Compressor::new(LEVEL).expect("there is such a level"));
        compressor.compress(lines).expect("there is room for whatever comes out")
    })
}

/// The lines of a value.
///
/// # Errors
/// Where it is none that [`pack`] made.
pub fn unpack(value: &[u8]) -> Result<Vec<u8>, StoreError> {
    decompress(value, MOST).map_err(|error| StoreError(format!("lines of entries cannot be decompressed: {error}")))
}
