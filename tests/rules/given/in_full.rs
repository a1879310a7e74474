//! Who asked in full, as the actors make it: with a stand-in for the seal and for the tag of all of it.

use super::{Given, sealed};
use countersign::domain::State;
use countersign::domain::context::{Context, InFull, ToldBy};
use countersign::domain::ids::{StreamId, Tag};

/// Equal for the same person of a story.
pub fn who(context: &Context) -> Tag {
    let of = |tag: Option<Tag>| tag.map_or(0, |tag| tag.0[0]);
    Tag([of(context.net), of(context.ua), of(context.dev), context.told_by as u8, 0, 0, 0, 0])
}

/// The context of a commit that adds to these streams.
pub fn in_full<'a>(given: &Given, context: Context, streams: impl Iterator<Item = &'a StreamId> + Clone) -> Context {
    if context.told_by == ToldBy::Server {
        return context;
    }
    let who = who(&context);
    let is_session = |stream: &StreamId| matches!(stream, StreamId::Session(_));
    let stream = streams.clone().next().filter(|_| streams.clone().all(is_session));
    let last = match stream.and_then(|stream| given.state(stream)) {
        Some(State::Session(session)) => session.last_in_full,
        _ => None,
    };
    let told = match last {
        Some(last) if last.who == who => InFull::At(last.version),
        _ => InFull::Sealed { who: streams.clone().any(is_session).then_some(who), sealed: sealed("who asked") },
    };
    Context { sealed: Some(told), ..context }
}
