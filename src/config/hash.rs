//! `hash.*`: password hashing.

use super::ConfigError;
use super::raw::Raw;
use std::time::Duration;

/// `hash.*`: password hashing.
#[derive(Debug, Clone)]
pub struct HashConfig {
    /// Threads that hash.
    pub threads: usize,
    /// Hashes that may wait.
    pub queue: usize,
    /// How long one may wait.
    pub deadline: Duration,
    /// Whether the fast implementation of Argon2id is tried at the start.
    pub fast: bool,
    /// Argon2id's memory, in KiB.
    pub memory_kib: u32,
    /// Argon2id's passes.
    pub iterations: u32,
    /// Argon2id's lanes.
    pub parallelism: u32,
}

#[expect(clippy::cast_possible_truncation, reason = "each key has a range far below the word size")]
pub(super) fn read(raw: &Raw) -> Result<HashConfig, ConfigError> {
    Ok(HashConfig {
        threads: raw.count("hash.threads")?.map_or_else(|| super::processors().min(1024), |count| count as usize),
        queue: raw.sure_count("hash.queue")?,
        deadline: raw.time("hash.deadline")?,
        fast: raw.choice("hash.kernel")? == 0,
        memory_kib: raw.sure_count("hash.memory_kib")?,
        iterations: raw.sure_count("hash.iterations")?,
        parallelism: raw.sure_count("hash.parallelism")?,
    })
}
