//! What a refresh costs beside the journal: the rules, the way to a session's actor, and waking it.

use crate::engine::asker;
use crate::pairs::{Bench, Pair, Work, of_this_thread, repeat};
use crate::rig::Rig;
use actix::prelude::*;
use countersign::clock::Clock;
use countersign::crypto::{RawKey, RefreshKey, RefreshToken};
use countersign::domain::ids::CommitId;
use countersign::domain::session::Refresh;
use countersign::entropy::{SystemEntropy, uuid_v7};
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Sessions that are asked in turns: with [`SETTINGS`] no more than half of them are awake.
const ASLEEP: u64 = 256;
/// One directory, with as few actors awake as can be set.
const SETTINGS: [(&str, &str); 2] = [("SESSIONS__AWAKE_MAX", "100"), ("HTTP__WORKERS", "1")];

/// Measures all three.
pub fn measure(bench: &mut Bench) {
    let pair = |id: &str, baseline: &str, parameters: &str, turn| Pair {
        id: id.to_owned(),
        goal: None,
        baseline: baseline.to_owned(),
        parameters: parameters.to_owned(),
        turn,
        span: Duration::from_secs(5),
    };
    let of_rules = "a refresh that rotates: decided, and its event folded; the state is copied once, as the journal does; processor time";
    bench.compare(&pair("rules/decide+apply", "writing a refresh token (one HMAC-SHA-256)", of_rules, 64), rules);
    let of_trip = "is this refresh token good?, to an actor that is awake: token, directory, actor, rules and back, one at a time";
    bench
        .compare(&pair("actors/round trip", "the way to a bare actor on another thread and back", of_trip, 16), || {
            ask(1)
        });
    let of_waking = "the same of a session that is asleep each time";
    bench.compare(&pair("actors/wake-up", "the way to a bare actor on another thread and back", of_waking, 16), || {
        ask(ASLEEP)
    });
}

fn rules() -> (Work, Work) {
    let rig = Rig::start(&SETTINGS);
    let (mut chain, _) = rig.log_in(1).remove(0);
    let id = CommitId(uuid_v7(&SystemEntropy, rig.clock.wall()));
    let (context, key) = (chain.context(rig.engine(), id), RefreshKey::new(&RawKey::generate(&SystemEntropy)));
    let token = RefreshToken { key: 1, session: chain.id, generation: 7 };
    let baseline = repeat(move || {
        black_box(black_box(&token).to_text(&key));
    });
    let ours: Work = Box::new(move |times| {
        let now = rig.clock.wall();
        let next = chain.command(now);
        let first = next.presented;
        let commands: Vec<_> =
            (0..times).map(|n| Refresh { presented: first + u32::try_from(n).unwrap(), ..next.clone() }).collect();
        let began = of_this_thread();
        for command in commands {
            black_box(chain.step(command, &context, id, now));
        }
        of_this_thread() - began
    });
    (baseline, ours)
}

/// Asks each of so many sessions in turns.
fn ask(sessions: u64) -> (Work, Work) {
    let rig = Rc::new(Rig::start(&SETTINGS));
    let tokens: Vec<_> = rig.log_in(sessions).into_iter().map(|(_, token)| token).collect();
    let (arbiter, bare) = (Arbiter::new(), rig.clone());
    let echo = rig.system.block_on(async { Echo::start_in_arbiter(&arbiter.handle(), |_| Echo) });
    let baseline: Work = Box::new(move |times| {
        let _ = &arbiter;
        bare.system.block_on(async {
            let began = Instant::now();
            for _ in 0..times {
                echo.send(Hello).await.unwrap();
            }
            began.elapsed()
        })
    });
    let mut next = 0;
    let ours: Work = Box::new(move |times| {
        let asker = asker(&rig.clock, 0);
        rig.system.block_on(async {
            let began = Instant::now();
            for _ in 0..times {
                let token = &tokens[next % tokens.len()];
                next += 1;
                let shown = rig.engine().services.sessions.introspect(token, &rig.engine().client, asker.clone()).await;
                black_box(shown.unwrap());
            }
            began.elapsed()
        })
    });
    (baseline, ours)
}

struct Echo;

impl Actor for Echo {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Hello;

impl Handler<Hello> for Echo {
    type Result = ();

    fn handle(&mut self, _: Hello, _: &mut Self::Context) {}
}
