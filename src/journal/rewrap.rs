//! Exchanging the master key: every key of `keys/keys` wrapped anew, by a file that takes the old one's place at once.

use super::files::disk::{Disk, DiskFile, put_whole};
use super::key_file::{KEYS, KeysError, damaged, fixed_key, read};
use crate::crypto::sealing::KeyRecordError;
use crate::crypto::{KeyRecord, MasterKey, UnwrapError};
use crate::entropy::Entropy;

/// Whether this master key opens the keys.
///
/// # Errors
/// [`KeysError`] where no master key would.
pub fn opens_keys<D: Disk>(disk: &D, master: &MasterKey) -> Result<bool, KeysError> {
    let bytes = read(disk)?;
    match fixed_key(bytes.as_chunks().0, 0, master) {
        Ok(_) => Ok(true),
        Err(KeysError::Unwrap(UnwrapError::WrongMasterKey)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Wraps every key by `to` instead of `from`, and says how many. At any moment, a crash included, exactly one of the two opens
/// the file. For a file whose journal is closed in good order: records that a crash left behind are settled before.
///
/// # Errors
/// [`KeysError`]: where it came before the file was exchanged, nothing was changed.
pub fn rewrap_keys<D: Disk>(
    disk: &D,
    from: &MasterKey,
    to: &MasterKey,
    entropy: &dyn Entropy,
) -> Result<usize, KeysError> {
    let bytes = read(disk)?;
    let (chunks, rest) = bytes.as_chunks::<{ KeyRecord::LEN }>();
    for number in 0..2 {
        fixed_key(chunks, number, from)?;
    }
    if !rest.is_empty() {
        return Err(damaged(chunks.len(), &KeyRecordError::Checksum));
    }
    let (mut wrapped, mut live) = (Vec::with_capacity(bytes.len()), 0);
    for (number, chunk) in chunks.iter().enumerate() {
        let record = KeyRecord::decode(chunk).map_err(|error| damaged(number, &error))?;
        live += usize::from(!record.is_erased());
        wrapped.extend_from_slice(&record.rewrap(from, to, entropy)?.encode());
    }
    put_whole(disk, KEYS, |file| file.write_at(0, &wrapped))?;
    Ok(live)
}
