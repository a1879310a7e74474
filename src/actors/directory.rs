//! From an id to its one actor: finds it awake, or wakes it from its state record, and lets it sleep again. Several
//! directories share the ids among them, each with its own thread, on which its actors run too.

use super::core::{Core, Refused, Unavailable};
use super::vital::Vital;
use crate::domain::time::Span;
use crate::metrics::whole;
use actix::dev::ToEnvelope;
use actix::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// An actor that sleeps as a state record.
pub trait Resident: Actor<Context = Context<Self>> + Unpin {
    /// What it is found by.
    type Id: Copy + Eq + Hash + Send + Unpin + 'static;
    /// Its name in metrics.
    const KIND: &'static str;

    /// Makes it from its state record; `None` where nobody has this id.
    ///
    /// # Errors
    /// Where the record cannot be read.
    fn wake(core: &Arc<Core>, id: Self::Id) -> Result<Option<Self>, Refused>;
}

/// The bounds of all directories of a kind together.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryLimits {
    /// Actors awake.
    pub awake: usize,
    /// How long an actor stays awake without a message.
    pub passivate_after: Span,
    /// Requests under way.
    pub in_flight: usize,
}

struct Awake<R: Resident> {
    address: Addr<R>,
    used: u64,
}

/// See the module.
struct Directory<R: Resident> {
    core: Arc<Core>,
    limits: DirectoryLimits,
    awake: HashMap<R::Id, Awake<R>>,
    /// Ids by when they were last used, the longest unused first.
    by_use: BTreeMap<u64, (R::Id, Span)>,
    uses: u64,
    /// How many it has shown in the metrics.
    shown: i64,
    _vital: Vital,
}

impl<R: Resident> Actor for Directory<R> {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let interval = Duration::from_millis(u64::try_from(self.limits.passivate_after.0 / 4).unwrap_or(0).max(100));
        context.run_interval(interval, |directory, _| directory.let_sleep());
    }
}

impl<R: Resident> Directory<R> {
    /// The actor of an id, awake.
    fn find(&mut self, id: R::Id) -> Result<Option<Addr<R>>, Refused> {
        self.uses += 1;
        let (used, now) = (self.uses, self.core.clock.boot());
        if let Some(awake) = self.awake.get_mut(&id) {
            self.by_use.remove(&awake.used);
            // After a panic in its handler it is gone, and is made anew from the journal.
            if awake.address.connected() {
                awake.used = used;
                self.by_use.insert(used, (id, now));
                return Ok(Some(awake.address.clone()));
            }
            self.awake.remove(&id);
        }
        let Some(actor) = R::wake(&self.core, id)? else { return Ok(None) };
        if self.awake.len() >= self.limits.awake {
            self.forget_longest_unused();
        }
        let address = actor.start();
        self.awake.insert(id, Awake { address: address.clone(), used });
        self.by_use.insert(used, (id, now));
        self.show();
        Ok(Some(address))
    }

    fn let_sleep(&mut self) {
        let now = self.core.clock.boot();
        while let Some((_, (_, last))) = self.by_use.first_key_value()
            && now - *last >= self.limits.passivate_after
        {
            self.forget_longest_unused();
        }
        self.show();
    }

    /// An actor without addresses ends when it has answered what is in its mailbox. Should its id be asked for meanwhile,
    /// there are two of it for a moment; versions in the journal let only one of them decide.
    fn forget_longest_unused(&mut self) {
        if let Some((_, (id, _))) = self.by_use.pop_first() {
            self.awake.remove(&id);
        }
    }

    /// Shows its part of those awake: other directories show theirs.
    fn show(&mut self) {
        let awake = whole(self.awake.len());
        self.core.metrics.awake.with_label_values(&[R::KIND]).add(awake - self.shown);
        self.shown = awake;
    }
}

/// A message for the actor of an id.
struct For<R: Resident, M> {
    id: R::Id,
    message: M,
    /// Given back when the message was answered, not when whoever asked has gone.
    permit: OwnedSemaphorePermit,
}

impl<R: Resident, M: Message> Message for For<R, M>
where
    M::Result: 'static,
{
    type Result = Result<Option<M::Result>, Refused>;
}

impl<R, M> Handler<For<R, M>> for Directory<R>
where
    R: Resident + Handler<M>,
    R::Context: ToEnvelope<R, M>,
    M: Message + Send + 'static,
    M::Result: Send + 'static,
{
    type Result = ResponseFuture<Result<Option<M::Result>, Refused>>;

    fn handle(&mut self, routed: For<R, M>, _: &mut Self::Context) -> Self::Result {
        let found = self.find(routed.id);
        Box::pin(async move {
            let _permit = routed.permit;
            let Some(address) = found? else { return Ok(None) };
            // A closed mailbox: the handler panicked. Only this actor is gone.
            address.send(routed.message).await.map(Some).map_err(|_| Unavailable::Fault.into())
        })
    }
}

/// A handle to all actors of a kind.
pub struct Residents<R: Resident> {
    shards: Arc<[Addr<Directory<R>>]>,
    in_flight: Arc<Semaphore>,
}

impl<R: Resident> Clone for Residents<R> {
    fn clone(&self) -> Self {
        Self { shards: self.shards.clone(), in_flight: self.in_flight.clone() }
    }
}

impl<R: Resident> Residents<R> {
    /// Starts one directory on each arbiter.
    pub fn start(core: &Arc<Core>, limits: DirectoryLimits, arbiters: &[Arbiter]) -> Self {
        let share = DirectoryLimits { awake: (limits.awake / arbiters.len().max(1)).max(1), ..limits };
        let start = |arbiter: &Arbiter| {
            let core = core.clone();
            Directory::<R>::start_in_arbiter(&arbiter.handle(), move |_| Directory {
                core,
                limits: share,
                awake: HashMap::new(),
                by_use: BTreeMap::new(),
                uses: 0,
                shown: 0,
                _vital: Vital(R::KIND),
            })
        };
        Self { shards: arbiters.iter().map(start).collect(), in_flight: Arc::new(Semaphore::new(limits.in_flight)) }
    }

    /// Has the actor of an id answer a message; `None` where nobody has this id.
    ///
    /// # Errors
    /// [`Unavailable::Busy`] beyond the requests allowed at once; [`Unavailable::Fault`] after a panic.
    pub async fn ask<M>(&self, id: R::Id, message: M) -> Result<Option<M::Result>, Refused>
    where
        R: Handler<M>,
        R::Context: ToEnvelope<R, M>,
        M: Message + Send + 'static,
        M::Result: Send + 'static,
    {
        let permit = self.in_flight.clone().try_acquire_owned().map_err(|_| Unavailable::Busy)?;
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let shard = usize::try_from(hasher.finish() % self.shards.len() as u64).unwrap_or(0);
        self.shards[shard].send(For { id, message, permit }).await.map_err(|_| Unavailable::Stopping)?
    }
}
