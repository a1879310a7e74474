//! Looking up what the store knows nothing of any more: sessions that are archived.

use super::files::disk::Disk;
use super::files::header::{index_path, sealed_path};
use super::files::index::{Extent, Index, Section};
use super::files::sealed::SealedSegments;
use super::schema;
use super::store::StoreError;
use crate::domain::evidence::{Past, Trace};
use crate::domain::ids::{Generation, Position, SessionId, StreamId};
use crate::domain::time::Timestamp;
use std::sync::Arc;

/// Where archived sessions are looked up. It may read files: call it where waiting is allowed.
pub trait History: Send + Sync {
    /// What an archived session was, and when the presented generation of its refresh token was redeemed; `None` where nothing
    /// is known of such a session, or not how it began.
    ///
    /// # Errors
    /// Where what is kept cannot be read.
    fn past(&self, id: SessionId, presented: Generation) -> Result<Option<Past>, StoreError>;

    /// Only when the presented generation was redeemed, for a session of which the rest is known.
    ///
    /// # Errors
    /// Where what is kept cannot be read.
    fn redeemed_at(&self, id: SessionId, presented: Generation) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.past(id, presented)?.and_then(|past| past.redeemed_at))
    }
}

/// A place where nothing is looked up, for a journal that archives nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHistory;

impl History for NoHistory {
    fn past(&self, _: SessionId, _: Generation) -> Result<Option<Past>, StoreError> {
        Ok(None)
    }
}

/// Every entry names its stream among its first bytes.
const HEAD: usize = 256;

/// What is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Start, redemption and end.
    Past,
    /// Only the redemption.
    Redemption,
}

impl<D: Disk + Sync> History for SealedSegments<D> {
    /// Reads where the session began, where the presented generation was redeemed, and where the session ended; what lies between
    /// may be months, and is left out.
    fn past(&self, id: SessionId, presented: Generation) -> Result<Option<Past>, StoreError> {
        let (trace, last) = self.trace(id, presented, Wanted::Past)?;
        Ok(trace.past().map(|past| Past { last, ..past }))
    }

    fn redeemed_at(&self, id: SessionId, presented: Generation) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.trace(id, presented, Wanted::Redemption)?.0.redeemed_at())
    }
}

impl<D: Disk> SealedSegments<D> {
    /// What the entries tell that are read for it, and the position of the session's last entry.
    fn trace(&self, id: SessionId, presented: Generation, wanted: Wanted) -> Result<(Trace, Position), StoreError> {
        let found = self.find(Section::Sessions, id.0).map_err(|error| StoreError(error.to_string()))?;
        let issued = |wanted: Generation| found.iter().position(|(_, extent)| extent.issued >= Some(wanted));
        // It ended behind the last generation that was issued, and was redeemed where the next one was, or before that.
        let last_issued = found.iter().rposition(|(_, extent)| extent.issued.is_some()).unwrap_or(0);
        let shown = issued(presented).unwrap_or(last_issued);
        let redeemed = presented.checked_add(1).and_then(issued).unwrap_or(last_issued);
        let mut trace = Trace::new(presented);
        for (number, (index, extent)) in found.iter().enumerate() {
            let searched = (shown..=redeemed).contains(&number);
            let more = |trace: &Trace| {
                let redemption = searched && trace.redeemed_at().is_none() && !trace.is_over();
                match wanted {
                    Wanted::Redemption => redemption,
                    // The first entry is the start, or the start was dropped: then the rest is of no use.
                    Wanted::Past if !trace.is_started() => trace.is_empty(),
                    Wanted::Past => redemption || (number >= last_issued && !trace.is_over()),
                }
            };
            self.follow(&mut trace, id, (index, extent), more)?;
        }
        Ok((trace, found.last().map_or(0, |(_, extent)| extent.last)))
    }

    /// Reads entries for as long as there is `more` to be known.
    fn follow(
        &self,
        trace: &mut Trace,
        id: SessionId,
        (index, extent): (&Arc<Index>, &Extent),
        more: impl Fn(&Trace) -> bool,
    ) -> Result<(), StoreError> {
        if !more(trace) {
            return Ok(());
        }
        let failed = |error: &dyn std::fmt::Display| StoreError(error.to_string());
        let stream = format!("\"stream\":\"{}\"", StreamId::Session(id)).into_bytes();
        let mut entries = self.entries(index, extent).map_err(|error| failed(&error))?;
        while let Some(entry) = entries.next_entry().map_err(|error| failed(&error))? {
            let head = &entry.event[..entry.event.len().min(HEAD)];
            if head.windows(stream.len()).any(|bytes| bytes == stream) {
                trace.add(&schema::decode(&entry.event).map_err(|error| failed(&error))?.recorded);
                if !more(trace) {
                    return Ok(());
                }
            }
        }
        if entries.is_complete() {
            return Ok(());
        }
        Err(StoreError(format!(
            "{} does not hold what {} says; run `countersign journal repair`: it says what helps",
            sealed_path(index.first()),
            index_path(index.first())
        )))
    }
}
