//! The rules of refresh tokens whose session is archived: nothing is granted, and what is worth knowing is recorded.

use super::event::EvidenceEvent;
use super::state::{Evidence, Past};
use crate::domain::Decision;
use crate::domain::context::Context;
use crate::domain::denial::Denial;
use crate::domain::ids::{ClientId, Generation};
use crate::domain::session::Asked;
use crate::domain::tally::{Seen, Shown};

/// What is asked with the refresh token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// To redeem it.
    Refresh,
    /// To revoke it (RFC 7009).
    Revoke,
    /// To introspect it (RFC 7662).
    Show,
}

/// A refresh token whose tag is right, of an archived session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// What is asked.
    pub door: Door,
    /// The client that asks; `None` at a door that authenticates none.
    pub client: Option<ClientId>,
    /// The generation in the token.
    pub presented: Generation,
}

impl Ask {
    /// The class under which it is counted; `None` where it is nothing to be recorded: a revocation of what is over, and the
    /// introspection of what is not superseded or not one's own.
    pub fn class(&self, past: &Past) -> Option<Denial> {
        if self.client.as_ref().is_some_and(|client| *client != past.client) {
            return (self.door != Door::Show).then_some(Denial::ClientMismatch);
        }
        match self.door {
            Door::Refresh | Door::Revoke if self.presented > past.generation => Some(Denial::AheadOfJournal),
            Door::Refresh => Some(Denial::Closed),
            Door::Show if self.presented < past.generation => Some(Denial::Superseded),
            Door::Revoke | Door::Show => None,
        }
    }
}

/// Decides what is recorded and answered, by the same rules as for a session that is over and still in the store. `Ok` grants
/// nothing: it says that a revocation is done, or that a token is not active.
pub fn refuse(
    evidence: &Evidence,
    ask: &Ask,
    past: &Past,
    context: &Context,
    unrecorded: &Seen<Denial>,
) -> Decision<EvidenceEvent, ()> {
    let Some(class) = ask.class(past) else { return Decision { events: Vec::new(), outcome: Ok(()) } };
    let presented = ask.presented;
    let (n, recorded) = evidence.refusals.next(class, unrecorded, &Shown::new(Some(presented), context));
    let of = past.told();
    let event = match (class, ask.door) {
        (Denial::AheadOfJournal, _) => EvidenceEvent::AheadOfJournal { presented, current: past.generation, n, of },
        (_, Door::Show) => EvidenceEvent::SupersededShown { presented, n, of },
        (_, Door::Refresh) => EvidenceEvent::Refused { asked: Asked::Refresh, class, n, presented, of },
        (_, Door::Revoke) => EvidenceEvent::Refused { asked: Asked::Revoke, class, n, presented, of },
    };
    let denied = ask.door == Door::Refresh || class == Denial::ClientMismatch;
    Decision {
        events: if recorded { vec![event] } else { Vec::new() },
        outcome: if denied { Err(class) } else { Ok(()) },
    }
}
