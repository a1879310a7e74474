//! Folding what was recorded of an archived session.

use super::event::EvidenceEvent;
use super::state::Evidence;
use crate::domain::Recorded;
use crate::domain::denial::Denial;
use crate::domain::tally::Shown;

/// The state after `event`, which is the one that `recorded` wraps. A stream of evidence has no first event of its own: any
/// may begin it, and begin it again after it was archived.
pub fn apply(state: Option<Evidence>, event: &EvidenceEvent, recorded: &Recorded) -> Evidence {
    let mut evidence = state.unwrap_or_default();
    let (class, n, presented) = match event {
        EvidenceEvent::Refused { class, n, presented, .. } => (*class, *n, *presented),
        EvidenceEvent::SupersededShown { presented, n, .. } => (Denial::Superseded, *n, *presented),
        EvidenceEvent::AheadOfJournal { presented, n, .. } => (Denial::AheadOfJournal, *n, *presented),
    };
    evidence.refusals.record(class, n, Shown::new(Some(presented), &recorded.context));
    evidence
}
