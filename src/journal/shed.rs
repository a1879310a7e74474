//! Which records of the store are of no use any more: those of archived streams, and the lines of segments that are sealed. That
//! they count as absent is decided by events; this only frees the room, a few at a time.

use super::keys;
use super::reader::read_folded;
use super::store::{StoreError, StoreRead, Update};
use crate::domain::ids::Position;

/// Up to where what is kept is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Bounds {
    /// Streams that are over are archived where their last entry stands at or before this position.
    pub archived_through: Position,
    /// Lines of entries below this position are kept by sealed segments.
    pub lines_below: Position,
}

/// One step.
pub(super) struct Step {
    /// What is taken out.
    pub updates: Vec<Update>,
    /// Whether there may be more.
    pub more: bool,
}

/// The next step, of about so many entries of the store.
pub(super) fn step(store: &dyn StoreRead, bounds: Bounds, limit: usize) -> Result<Step, StoreError> {
    let mut step = Step { updates: Vec::new(), more: false };
    streams(store, bounds.archived_through, limit.max(1), &mut step)?;
    // A value of lines is as long as many records.
    lines(store, bounds.lines_below, (limit / 32).max(1), &mut step)?;
    Ok(step)
}

fn streams(store: &dyn StoreRead, through: Position, limit: usize, step: &mut Step) -> Result<(), StoreError> {
    let page = store.scan(keys::OVER, None, limit)?;
    let full = page.len() == limit;
    for (key, _) in page {
        let named = keys::parse_over(&key).ok_or_else(|| StoreError("a look-up names no stream".to_owned()))?;
        let (last, stream) = named;
        if last > through {
            return Ok(());
        }
        step.updates.push((key, None));
        // A stream of evidence may have begun again since: then the record is of its new life.
        if read_folded(store, &stream)?.is_some_and(|folded| folded.position == last) {
            step.updates.push((keys::state(&stream), None));
        }
    }
    step.more |= full;
    Ok(())
}

/// A value of lines ends where the next one begins, and goes only if all of it lies below the bound.
fn lines(store: &dyn StoreRead, below: Position, limit: usize, step: &mut Step) -> Result<(), StoreError> {
    if below <= 1 {
        return Ok(());
    }
    let page = store.scan(keys::LINES, None, limit + 1)?;
    for pair in page.windows(2) {
        let next = keys::parse_lines(&pair[1].0).ok_or_else(|| StoreError("a key names no position".to_owned()))?;
        if next > below {
            return Ok(());
        }
        step.updates.push((pair[0].0.clone(), None));
    }
    step.more |= page.len() > limit;
    Ok(())
}
