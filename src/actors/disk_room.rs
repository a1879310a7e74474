//! How the disk stands, for whoever must know before asking the writer; and what an operator is told of it.

use crate::journal::files::room::{Bytes, Headroom, RoomSeen};
use crate::metrics::{Metrics, whole};
use std::sync::{Arc, Mutex, PoisonError};

/// Shared by the writer, which looks at the disk, and everybody else. Cheap to clone.
#[derive(Clone, Default)]
pub struct DiskRoom(Arc<Mutex<Option<RoomSeen>>>);

impl DiskRoom {
    /// Whether only what closes something is written.
    pub fn is_low(&self) -> bool {
        self.low(|_| ()).is_some()
    }

    /// What to do about it, where only what closes something is written.
    pub fn advice(&self) -> Option<String> {
        self.low(ToString::to_string)
    }

    fn low<T>(&self, tell: impl FnOnce(&RoomSeen) -> T) -> Option<T> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.as_ref().filter(|seen| seen.headroom != Headroom::Plenty).map(tell)
    }

    /// Takes over what was seen, and tells what has changed.
    pub(super) fn show(&self, seen: &RoomSeen, metrics: &Metrics) {
        metrics.disk_free_bytes.set(whole(seen.room.free));
        metrics.disk_low.set(i64::from(seen.headroom != Headroom::Plenty));
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = |seen: &RoomSeen| (seen.headroom, seen.refused.is_some());
        let before = shown.as_ref().map_or((Headroom::Plenty, false), kind);
        *shown = Some(seen.clone());
        drop(shown);
        if before != kind(seen) {
            tell(seen);
        }
    }
}

fn tell(seen: &RoomSeen) {
    let (free, size, to_free) = (Bytes(seen.room.free), Bytes(seen.room.size), Bytes(seen.to_free()));
    match seen.headroom {
        Headroom::Plenty => tracing::info!(%free, %size, "the disk has room again: everything is written"),
        Headroom::ClosingOnly if seen.refused.is_some() => tracing::error!(
            to_do = %seen,
            "the disk refuses room, although it shows enough: logins, refreshes and whatever else opens or changes something are \
             refused with 503 `disk`, revoking goes on; everything goes on by itself when there are inodes and quota again"
        ),
        Headroom::Nothing if seen.refused.is_some() => tracing::error!(
            to_do = %seen,
            "the disk refuses all room, although it shows some: nothing is written, and sessions that should end are held closed \
             in memory only; see to its inodes and quotas, and do not restart before"
        ),
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
