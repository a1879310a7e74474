//! How the disk stands, for whoever must know before asking the writer; and what an operator is told of it.

use crate::journal::files::room::{Bytes, Headroom, RoomSeen};
use crate::metrics::Metrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Shared by the writer, which looks at the disk, and everybody else. Cheap to clone.
#[derive(Clone, Default)]
pub struct DiskRoom(Arc<AtomicU8>);

impl DiskRoom {
    /// Whether only what closes something is written.
    pub fn is_low(&self) -> bool {
        self.0.load(Ordering::Relaxed) != Headroom::Plenty as u8
    }

    /// Takes over what was seen, and tells what has changed.
    pub(super) fn show(&self, seen: &RoomSeen, metrics: &Metrics) {
        metrics.disk_free_bytes.set(i64::try_from(seen.room.free).unwrap_or(i64::MAX));
        metrics.disk_low.set(i64::from(seen.headroom != Headroom::Plenty));
        let before = self.0.swap(seen.headroom as u8, Ordering::Relaxed);
        if before != seen.headroom as u8 {
            tell(seen);
        }
    }
}

fn tell(seen: &RoomSeen) {
    let (free, size, to_free) = (Bytes(seen.room.free), Bytes(seen.room.size), Bytes(seen.to_free()));
    match seen.headroom {
        Headroom::Plenty => tracing::info!(%free, %size, "the disk has room again: everything is written"),
        Headroom::ClosingOnly => tracing::warn!(
            %free, %size, %to_free,
            "the disk is nearly full: logins, refreshes and whatever else opens or changes something are refused with 503 `disk`, \
             revoking goes on; free at least that much, and everything goes on by itself"
        ),
        Headroom::Nothing => tracing::error!(
            %free, %size, %to_free,
            "the disk is full: nothing is written, and sessions that should end are held closed in memory only; free at least \
             that much, and do not restart before"
        ),
    }
}
