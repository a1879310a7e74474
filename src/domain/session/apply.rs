//! Folding a session's events into its state.

use super::event::{Refreshed, Retried, SessionEvent, Started};
use super::state::{Session, Status};
use crate::domain::context::{InFull, LastInFull, SealedAt};
use crate::domain::denial::Denial;
use crate::domain::tally::{Shown, Tallies};
use crate::domain::{Impossible, Recorded};

/// The state after `event`, which is the one that `recorded` wraps.
///
/// # Errors
/// [`Impossible`] where the event cannot follow the state: the history is not one that the rules could have made.
pub fn apply(state: Option<Session>, event: &SessionEvent, recorded: &Recorded) -> Result<Session, Impossible> {
    let last_in_full = last_in_full(state.as_ref(), recorded)?;
    let session = match (state, event) {
        (None, SessionEvent::Started(started)) => start(started, recorded),
        (None, _) => return Err(recorded.impossible("the session has not started")),
        (Some(_), SessionEvent::Started(_)) => return Err(recorded.impossible("the session has started before")),
        (Some(mut session), event) => {
            fold(&mut session, event, recorded)?;
            session
        }
    };
    Ok(told(Session { last_in_full, ..session }, event, recorded))
}

/// The session with who used it last, in full: whoever was refused did not, and is remembered in case he is let in later.
fn told(mut session: Session, event: &SessionEvent, recorded: &Recorded) -> Session {
    let uses = matches!(event, SessionEvent::Started(_) | SessionEvent::Refreshed(_) | SessionEvent::RefreshRetried(_));
    match &recorded.context.sealed {
        Some(InFull::Sealed { who, sealed }) => {
            let told = Some(SealedAt { commit: recorded.commit, sealed: sealed.clone() });
            if uses {
                (session.used_by, session.in_full) = (told, None);
            } else if who.is_some() {
                session.in_full = told;
            }
        }
        Some(InFull::At(_)) if uses => session.used_by = session.in_full.take().or(session.used_by),
        Some(InFull::At(_)) | None => {}
    }
    session
}

/// Only the newest is remembered, so an entry can refer to no other.
fn last_in_full(before: Option<&Session>, recorded: &Recorded) -> Result<Option<LastInFull>, Impossible> {
    let last = before.and_then(|session| session.last_in_full);
    match recorded.context.sealed {
        Some(InFull::Sealed { who: Some(who), .. }) => Ok(Some(LastInFull { who, version: recorded.version })),
        Some(InFull::At(version)) if last.is_none_or(|last| last.version != version) => {
            Err(recorded.impossible("it refers to an entry that is not the last that told who asked"))
        }
        Some(InFull::At(_) | InFull::Sealed { who: None, .. }) | None => Ok(last),
    }
}

fn start(started: &Started, recorded: &Recorded) -> Session {
    Session {
        account: started.account,
        client: started.client.clone(),
        started_at: recorded.at,
        scope: started.scope.clone(),
        refreshable: started.refreshable,
        refresh_key: started.refresh_key,
        gate_version: started.gate_version,
        client_version: started.client_version,
        brakes_version: started.brakes_version,
        came_of: started.came_of,
        absolute_end: started.absolute_end,
        idle_end: started.idle_end,
        generation: 0,
        born_at: recorded.at,
        parent: None,
        redeemed_by: recorded.context.person(),
        last_in_full: None,
        in_full: None,
        used_by: None,
        access: started.access,
        access_scope: None,
        retries: 0,
        moved_at: None,
        retried_at: None,
        retried_run: 0,
        reissued: false,
        refusals: Tallies::default(),
        status: Status::Open,
    }
}

fn fold(session: &mut Session, event: &SessionEvent, recorded: &Recorded) -> Result<(), Impossible> {
    let shown = |generation| Shown::new(generation, &recorded.context);
    match event {
        SessionEvent::Started(_) => return Err(recorded.impossible("the session has started before")),
        SessionEvent::Refreshed(refreshed) => return refresh(session, refreshed, recorded),
        SessionEvent::RefreshRetried(retried) => return retry(session, retried, recorded),
        SessionEvent::Refused { class, n, presented, .. } => session.refusals.record(*class, *n, shown(*presented)),
        SessionEvent::SupersededShown { presented, n } => {
            session.refusals.record(Denial::Superseded, *n, shown(Some(*presented)));
        }
        SessionEvent::AheadOfJournal { presented, n, .. } => {
            session.refusals.record(Denial::AheadOfJournal, *n, shown(Some(*presented)));
        }
        SessionEvent::ReuseDetected { .. } => {}
        // Closing is legal in every state, so that no race can keep a session open; the first close stands.
        SessionEvent::Revoked { reason } => {
            if session.status == Status::Open {
                session.status = Status::Revoked { reason: *reason, at: recorded.at };
            }
        }
        SessionEvent::Expired => {
            if session.status == Status::Open {
                session.status = Status::Expired { at: recorded.at };
            }
        }
    }
    Ok(())
}

fn refresh(session: &mut Session, refreshed: &Refreshed, recorded: &Recorded) -> Result<(), Impossible> {
    if session.status != Status::Open {
        return Err(recorded.impossible("a session that has ended was refreshed"));
    }
    let stays = refreshed.generation == session.generation;
    if !stays && Some(refreshed.generation) != session.generation.checked_add(1) {
        return Err(recorded.impossible("a generation was left out"));
    }
    let redeemable = match refreshed.burned {
        None => refreshed.presented == session.generation,
        Some(burned) => !stays && burned == session.generation && Some(refreshed.presented) == session.parent,
    };
    if !redeemable {
        return Err(recorded.impossible("a generation that could not be redeemed was redeemed"));
    }
    if stays {
        // The current token was used: its answer arrived, so its parent has no answer to ask for again.
        session.parent = None;
    } else {
        session.parent = Some(refreshed.presented);
        session.generation = refreshed.generation;
        session.retries = 0;
        session.born_at = recorded.at;
        session.redeemed_by = recorded.context.person();
    }
    session.reissued = refreshed.burned.is_some();
    session.idle_end = refreshed.idle_end;
    session.access = refreshed.access;
    session.access_scope = refreshed.scope.clone();
    Ok(())
}

fn retry(session: &mut Session, retried: &Retried, recorded: &Recorded) -> Result<(), Impossible> {
    if session.status != Status::Open || retried.generation != session.generation {
        return Err(recorded.impossible("a retry of a generation that is not current"));
    }
    session.retried_run = retries_running(session);
    session.retried_at = Some(session.generation);
    session.retries = retried.n;
    if retried.moved {
        session.moved_at = Some(session.generation);
    }
    if let Some(access) = retried.access {
        session.access = access;
    }
    Ok(())
}

/// How many generations running are retried once the current one is.
pub(super) fn retries_running(session: &Session) -> u32 {
    if session.retried_at == Some(session.generation) {
        session.retried_run
    } else if session.retried_at.is_some() && session.retried_at == session.parent {
        session.retried_run.saturating_add(1)
    } else {
        1
    }
}
