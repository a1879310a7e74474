//! Opens the anchor and the segments in the one order that is safe, or makes them where there is no journal yet.

use super::anchor::{Anchor, AnchorState, Mark};
use super::disk::Disk;
use super::error::OpenError;
use super::recovery::{Marks, Recovered};
use super::segments::Segments;
use std::io;

/// An open journal, ready for appending.
pub struct Started<D: Disk> {
    /// The segments.
    pub segments: Segments<D>,
    /// The anchor. It says already that the journal was not stopped in order, so nothing may be forgotten.
    pub anchor: Anchor<D>,
    /// What was found; `None` if the journal was made just now.
    pub recovered: Option<Recovered>,
}

/// Opens the journal on `disk`, or makes one named `origin`. `store` is how far the store has applied it, if the store
/// was found whole.
///
/// The anchor is made before the first segment, so that segments without an anchor are always damage; and its clean
/// flag is cleared durably before anything can be appended. A crash at any point is taken up by the next start.
pub fn start<D: Disk>(disk: &D, origin: &str, store: Option<Mark>) -> Result<Started<D>, OpenError> {
    let (anchor, state) = Anchor::open(disk)?;
    let (segments, recovered) = match Segments::open(disk.clone(), &Marks { anchor: state, store }) {
        Ok((segments, recovered)) => (segments, Some(recovered)),
        Err(OpenError::Empty) => {
            if state == AnchorState::Missing {
                Anchor::create(disk)?;
            }
            (Segments::create(disk.clone(), origin)?, None)
        }
        Err(error) => return Err(error),
    };
    let mut anchor = match anchor {
        Some(anchor) => anchor,
        None => Anchor::open(disk)?.0.ok_or_else(|| io::Error::other("the anchor just made cannot be read"))?,
    };
    anchor.write(segments.mark(), false)?;
    Ok(Started { segments, anchor, recovered })
}

impl<D: Disk> Started<D> {
    /// Writes the anchor for an orderly stop. Nothing may be appended behind it.
    pub fn stop(mut self) -> io::Result<()> {
        self.anchor.write(self.segments.mark(), true)
    }
}
