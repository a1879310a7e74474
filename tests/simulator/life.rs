//! A life: what is done to one engine, drawn from a seed up front. Whatever depends on what there is then (which session, which
//! token) is chosen when its turn comes, so that a step can be left out and the others stay what they are.

use crate::model::{BrakesChange, ClientChange, GateChange, Person};
use crate::random::Random;
use countersign::journal::files::memory_disk::Operation;

pub const CLIENTS: u8 = 3;
pub const ACCOUNTS: u8 = 3;
const NETWORKS: u64 = 3;
const AGENTS: u64 = 2;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// See the module.
#[derive(Clone, Debug)]
pub struct Life {
    pub seed: u64,
    pub steps: Vec<Step>,
}

/// One thing that is done, with chance of its own for what it leaves open.
#[derive(Clone, Debug)]
pub struct Step {
    pub chance: u64,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    Ask(Wish),
    /// Asks at once.
    Burst(Vec<Late>),
    Wait(Pass),
    Clock(Turn),
    End(End),
    /// A fault of the disk from now on, or in the next start.
    Fault {
        fault: Fault,
        in_start: bool,
    },
}

/// One of several at once.
#[derive(Clone, Debug)]
pub struct Late {
    /// It comes after so many turns of the scheduler.
    pub after: u64,
    /// After so many more whoever asks gives up, if it concerns one session.
    pub patience: Option<u64>,
    pub wish: Wish,
}

/// What somebody wants; the numbers choose among what there is.
#[derive(Clone, Debug)]
pub enum Wish {
    Login { client: u8, account: u8, password: Password, person: Person },
    Refresh(Shown),
    Revoke(Shown),
    Show(Shown),
    End { session: u64 },
    Inspect { access: u64 },
    Gate { account: u8, change: GateChange },
    Client { client: u8, change: ClientChange },
    Brakes(BrakesChange),
}

#[derive(Clone, Copy, Debug)]
pub enum Password {
    Right,
    This(u8),
}

/// A refresh token in somebody's hands.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// Counted from the youngest.
    pub session: u64,
    pub which: Which,
    pub by: By,
    /// The client that shows it; its own, where nothing is said.
    pub client: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
pub enum Which {
    Newest,
    /// The one before: its answer was lost, or somebody copied it.
    Parent,
    Older(u64),
}

#[derive(Clone, Copy, Debug)]
pub enum By {
    /// Whoever got the newest.
    TheSame,
    FromNetwork(u8),
    WithAgent(u8),
}

/// How much time passes.
#[derive(Clone, Copy, Debug)]
pub enum Pass {
    Seconds(i64),
    /// As much as a setting of a client, and a little more or less.
    Setting {
        client: u8,
        setting: Setting,
        more: i64,
    },
}

#[derive(Clone, Copy, Debug)]
pub enum Setting {
    RetryWindow,
    AccessTtl,
    IdleTtl,
    AbsoluteTtl,
}

/// What is done to the clock.
#[derive(Clone, Copy, Debug)]
pub enum Turn {
    /// The wall clock is wrong by so many seconds.
    Wrong(i64),
    /// Time passes, and the wall clock stands still.
    Frozen(i64),
    Mended,
}

/// An end of the process, and the start after it.
#[derive(Clone, Copy, Debug)]
pub struct End {
    pub how: How,
    pub store: Left,
    /// How long it is down, in seconds.
    pub down: i64,
    pub accept_clock: bool,
    /// Whether closed segments are sealed before it goes on.
    pub seals: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// In good order.
    Stop,
    /// Everything that was written is found.
    Kill,
    /// Any of what was not synced is lost.
    PowerCut,
}

/// Which store is found.
#[derive(Clone, Copy, Debug)]
pub enum Left {
    Now,
    Nothing,
    Earlier(u64),
}

#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The n-th operation of a kind fails.
    Fails(Operation, u64),
    /// The n-th write fails after so many bytes.
    Torn(u64, u64),
    /// The power goes after so many operations.
    OffAfter(u64),
    /// The power goes after so many bytes.
    OffAfterBytes(u64),
}

/// Chooses one by its weight.
fn weighed<T: Copy>(random: &mut Random, choices: &[(u64, T)]) -> T {
    let mut left = random.below(choices.iter().map(|(weight, _)| weight).sum());
    for (weight, choice) in choices {
        match left.checked_sub(*weight) {
            None => return *choice,
            Some(rest) => left = rest,
        }
    }
    unreachable!("the weights add up")
}

fn small(random: &mut Random, bound: u64) -> u8 {
    u8::try_from(random.below(bound)).unwrap()
}

impl Life {
    pub fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut steps = Vec::new();
        let (length, is_troubled) = (30 + random.below(50), random.below(3) > 0);
        while (steps.len() as u64) < length {
            for what in draw_some(&mut random, is_troubled) {
                steps.push(Step { chance: random.below(u64::MAX), what });
            }
        }
        Self { seed, steps }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Ask,
    Burst,
    Wait,
    Habit,
    Doors,
    Clock,
    End,
    Fault,
}

/// A step, or several that belong together.
fn draw_some(random: &mut Random, is_troubled: bool) -> Vec<What> {
    let trouble = u64::from(is_troubled);
    let kinds = [
        (52, Kind::Ask),
        (14, Kind::Burst),
        (14, Kind::Wait),
        (2, Kind::Habit),
        (1, Kind::Doors),
        (2 + trouble, Kind::Clock),
        (3 + 2 * trouble, Kind::End),
        (5 * trouble, Kind::Fault),
    ];
    match weighed(random, &kinds) {
        Kind::Ask => vec![What::Ask(Wish::draw(random))],
        Kind::Burst => vec![draw_burst(random)],
        Kind::Wait => vec![What::Wait(Pass::draw(random))],
        Kind::Habit => draw_habit(random),
        Kind::Doors => draw_shut_doors(random),
        Kind::Clock => draw_trouble_with_the_clock(random),
        Kind::End => vec![What::End(End::draw(random))],
        Kind::Fault => draw_fault(random),
    }
}

/// Many at once about the same, or about anything; some of them are repeated.
fn draw_burst(random: &mut Random) -> What {
    let count = 2 + random.below(4);
    let first = Wish::draw(random);
    let asks = (0..count).map(|_| Late {
        wish: if random.below(2) == 0 { first.clone() } else { Wish::draw(random) },
        after: weighed(random, &[(3, 0), (1, 3), (1, 12), (1, 40)]),
        patience: weighed(random, &[(12, None), (1, Some(0)), (1, Some(5)), (1, Some(60))]),
    });
    What::Burst(asks.collect())
}

/// A client that uses one session again and again: it loses answer after answer, or a retry comes from another network, and once more
/// about when that may be.
fn draw_habit(random: &mut Random) -> Vec<What> {
    let session = random.below(2);
    let refresh = |which, by| What::Ask(Wish::Refresh(Shown { session, which, by, client: None }));
    let (newest, again) = (refresh(Which::Newest, By::TheSame), refresh(Which::Parent, By::TheSame));
    if random.below(2) == 0 {
        return (0..6).map(|n| if n % 2 == 0 { newest.clone() } else { again.clone() }).collect();
    }
    let mut moved = || refresh(Which::Parent, By::FromNetwork(small(random, NETWORKS)));
    let (first, second) = (moved(), moved());
    let mut steps = vec![newest.clone(), first];
    steps.extend((0..7 + random.below(3)).map(|_| newest.clone()));
    steps.push(second);
    steps
}

/// A clock goes wrong, something is asked by it, and it is mended, accepted, or met by a start.
fn draw_trouble_with_the_clock(random: &mut Random) -> Vec<What> {
    let turn = match random.below(6) {
        0 => Turn::Wrong(-HOUR),
        1 => Turn::Wrong(3600 * DAY),
        2 => Turn::Wrong(3),
        3 => Turn::Wrong(-3),
        4 => Turn::Frozen(5 * HOUR),
        _ => Turn::Wrong(-(1 + random.below(20) as i64)),
    };
    let mut steps = vec![What::Clock(turn)];
    for _ in 0..1 + random.below(4) {
        let wish = if random.below(4) == 0 { Wish::draw_of_an_operator(random) } else { Wish::draw(random) };
        steps.push(What::Ask(wish));
    }
    let again = |accept_clock, random: &mut Random| What::End(End { accept_clock, ..End::draw(random) });
    match random.below(5) {
        0 => steps.push(again(true, random)),
        1 => steps.extend([again(false, random), What::Ask(Wish::draw(random)), What::Clock(Turn::Mended)]),
        _ => steps.push(What::Clock(Turn::Mended)),
    }
    steps
}

/// A fault, and often at once something that it can strike.
fn draw_fault(random: &mut Random) -> Vec<What> {
    let in_start = random.below(3) == 0;
    let fault = Fault::draw(random);
    let fault = What::Fault { fault, in_start };
    match random.below(3) {
        _ if in_start => vec![fault, What::End(End::draw(random))],
        0 => vec![fault],
        _ => vec![fault, draw_burst(random)],
    }
}

impl Wish {
    pub fn draw(random: &mut Random) -> Self {
        match random.below(100) {
            0..20 => Self::draw_of_a_person(random),
            20..64 => Self::Refresh(Shown::draw(random)),
            64..67 => Self::Revoke(Shown::draw(random)),
            67..75 => Self::Show(Shown::draw(random)),
            75..77 => Self::End { session: random.below(8) },
            77..89 => Self::Inspect { access: random.below(8) },
            _ => Self::draw_of_an_operator(random),
        }
    }

    fn draw_of_a_person(random: &mut Random) -> Self {
        let is_known = random.below(12) > 0;
        Self::Login {
            client: small(random, CLIENTS.into()),
            account: if is_known { small(random, ACCOUNTS.into()) } else { ACCOUNTS + small(random, 3) },
            password: if random.below(8) == 0 { Password::This(small(random, 200)) } else { Password::Right },
            person: draw_person(random),
        }
    }

    fn draw_of_an_operator(random: &mut Random) -> Self {
        match random.below(13) {
            0..8 => Self::Gate { account: small(random, ACCOUNTS.into()), change: draw_gate_change(random) },
            8..12 => Self::Client { client: small(random, CLIENTS.into()), change: draw_client_change(random) },
            _ => Self::Brakes(draw_brakes_change(random)),
        }
    }
}

fn draw_person(random: &mut Random) -> Person {
    Person { network: small(random, NETWORKS), agent: small(random, AGENTS) }
}

fn draw_gate_change(random: &mut Random) -> GateChange {
    let client = small(random, CLIENTS.into());
    let changes = [
        // Which one is chosen when it is set.
        (4, GateChange::SetPassword(0)),
        (3, GateChange::Disable),
        (9, GateChange::Enable),
        (4, GateChange::RevokeSessions),
        (6, GateChange::Register(client)),
        (3, GateChange::Withdraw(client)),
        (2, GateChange::MustChange(true)),
        (4, GateChange::MustChange(false)),
        (1, GateChange::Erase),
    ];
    weighed(random, &changes)
}

fn draw_client_change(random: &mut Random) -> ClientChange {
    weighed(random, &[(2, ClientChange::Disable), (5, ClientChange::Enable), (2, ClientChange::Brake)])
}

fn draw_brakes_change(random: &mut Random) -> BrakesChange {
    weighed(random, &[(2, BrakesChange::RevokeAll), (1, BrakesChange::RefuseLogins), (3, BrakesChange::AllowLogins)])
}

/// Logins and refreshes at once with whoever shuts the doors before them and ends everything, some asks meanwhile, and the doors are
/// opened again.
fn draw_shut_doors(random: &mut Random) -> Vec<What> {
    let brake = |change| Wish::Brakes(change);
    let at = |after, wish| Late { after, patience: None, wish };
    let mut at_once: Vec<Late> =
        (0..1 + random.below(3)).map(|_| at(random.below(12), Wish::draw_of_a_person(random))).collect();
    at_once.push(at(random.below(12), brake(BrakesChange::RefuseLogins)));
    if random.below(2) == 0 {
        at_once.push(at(random.below(24), brake(BrakesChange::RevokeAll)));
        at_once.extend((0..random.below(4)).map(|_| at(random.below(24), Wish::Refresh(Shown::draw(random)))));
    }
    let mut steps = vec![What::Burst(at_once)];
    steps.extend((0..random.below(4)).map(|_| What::Ask(Wish::draw(random))));
    if random.below(4) == 0 {
        let allow = What::Ask(brake(BrakesChange::AllowLogins));
        steps.extend([What::Clock(Turn::Wrong(-HOUR)), allow, What::Clock(Turn::Mended)]);
    }
    steps.push(What::Ask(brake(BrakesChange::AllowLogins)));
    steps
}

impl Shown {
    fn draw(random: &mut Random) -> Self {
        let which = match random.below(10) {
            0..6 => Which::Newest,
            6..9 => Which::Parent,
            _ => Which::Older(random.below(4)),
        };
        let by = match random.below(10) {
            0..8 => By::TheSame,
            8 => By::FromNetwork(small(random, NETWORKS)),
            _ => By::WithAgent(small(random, AGENTS)),
        };
        let client = (random.below(12) == 0).then(|| small(random, CLIENTS.into()));
        let session = if random.below(3) > 0 { random.below(2) } else { random.below(8) };
        Self { session, which, by, client }
    }
}

impl Pass {
    fn draw(random: &mut Random) -> Self {
        let settings =
            [(8, Setting::RetryWindow), (4, Setting::AccessTtl), (1, Setting::IdleTtl), (1, Setting::AbsoluteTtl)];
        match random.below(4) {
            0 | 1 => Self::Seconds(1 + random.below(8) as i64),
            2 => Self::Seconds(weighed(random, &[(6, 20), (3, MINUTE), (2, 10 * MINUTE), (1, HOUR), (1, DAY)])),
            _ => Self::Setting {
                client: small(random, CLIENTS.into()),
                setting: weighed(random, &settings),
                more: random.below(3) as i64 - 1,
            },
        }
    }
}

impl End {
    pub fn draw(random: &mut Random) -> Self {
        let how = weighed(random, &[(2, How::Stop), (2, How::Kill), (3, How::PowerCut)]);
        let earlier = random.below(4);
        let store = weighed(random, &[(5, Left::Now), (1, Left::Nothing), (2, Left::Earlier(earlier))]);
        let down = weighed(random, &[(8, 0), (6, 7), (3, 40), (2, 2 * HOUR), (1, 401 * DAY)]);
        // After so long only an operator's word lets it go on.
        let accept_clock = down > 400 * DAY && random.below(4) > 0;
        Self { how, store, down, accept_clock, seals: random.below(3) == 0 }
    }
}

impl Fault {
    fn draw(random: &mut Random) -> Self {
        let operations = [
            (4, Operation::Write),
            (5, Operation::Sync),
            (2, Operation::Create),
            (2, Operation::Rename),
            (2, Operation::SyncDir),
            (2, Operation::Truncate),
            (1, Operation::Read),
            (1, Operation::Allocate),
            (1, Operation::Remove),
        ];
        let nth = 1 + random.below(5);
        match random.below(8) {
            0..4 => Self::Fails(weighed(random, &operations), nth),
            4 => Self::Torn(nth, random.below(400)),
            5 | 6 => Self::OffAfter(random.below(14)),
            _ => Self::OffAfterBytes(random.below(4000)),
        }
    }
}
