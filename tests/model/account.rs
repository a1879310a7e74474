//! Logins, and what administration does to accounts and clients.

use super::clock::Reading;
use super::session::{Access, Open, Session};
use super::{Answer, BrakesChange, CLOCK, ClientChange, Doors, GateChange, Model, Outcome, Person, Standing};
use std::collections::BTreeSet;

const LOGINS_REFUSED: Answer = Answer::Denied("logins_refused");

impl Model {
    pub(super) fn login(
        mut self,
        number: u32,
        client: u8,
        account: u8,
        password: u8,
        person: Person,
        now: Reading,
    ) -> Vec<Outcome> {
        if !now.believed {
            return vec![(CLOCK, self)];
        }
        if self.doors == Doors::Shut {
            return vec![(LOGINS_REFUSED, self)];
        }
        let known = self.accounts.get(usize::from(account)).filter(|known| known.standing != Standing::Erased);
        let Some(known) = known else { return self.unknown() };
        let place = &self.clients[usize::from(client)];
        let instant = now.wall.max(known.at).max(known.gate_at).max(place.at).max(self.doors_at);
        if self.doors == Doors::JustShut {
            // Turned away before or behind the look at his password: only then it is recorded.
            let mut recorded = self.clone();
            recorded.count_login(account, "logins_refused", person, instant);
            return vec![(LOGINS_REFUSED, self), (LOGINS_REFUSED, recorded)];
        }
        let denied = if known.password != password {
            Some("wrong_credentials")
        } else if known.standing == Standing::Disabled {
            Some("account")
        } else if !place.enabled {
            Some("client")
        } else if !known.registered.contains(&client) {
            Some("not_registered")
        } else if known.must_change {
            Some("password_change_required")
        } else {
            None
        };
        if let Some(code) = denied {
            self.count_login(account, code, person, instant);
            return vec![(Answer::Denied(code), self)];
        }
        self.accounts[usize::from(account)].at = instant;
        self.record(instant);
        let rules = self.clients[usize::from(client)].rules.clone();
        let absolute_end = instant + rules.absolute_ttl;
        let access = Access::issued(&rules, now.wall, absolute_end);
        let answer = Answer::Issued { generation: 0, access: None, expires_at: access.expires_at };
        let open = Open::started(&rules, instant, absolute_end, person, access);
        let session = Session::new(account, client, now.wall, open);
        let make_room = self.capped(account, client, rules.max_sessions);
        let begun = make_room.into_iter().map(|ended| {
            let mut after = self.clone();
            for id in ended {
                after.sessions.get_mut(&id).into_iter().for_each(Session::end);
            }
            after.sessions.insert(number, session.clone());
            (answer.clone(), after)
        });
        begun.collect()
    }

    /// Nobody has this login id. Whoever was turned away before the look at his password learns that, and nobody else.
    fn unknown(self) -> Vec<Outcome> {
        let wrong = (Answer::Denied("wrong_credentials"), self.clone());
        if self.doors == Doors::JustShut { vec![(LOGINS_REFUSED, self), wrong] } else { vec![wrong] }
    }

    fn count_login(&mut self, account: u8, code: &'static str, person: Person, instant: i64) {
        let known = &mut self.accounts[usize::from(account)];
        if known.refusals.count(code, None, person) {
            known.at = instant;
            self.record(instant);
        }
    }

    pub(super) fn brake(mut self, change: BrakesChange, now: Reading) -> Vec<Outcome> {
        let is_so = match change {
            BrakesChange::RevokeAll => false,
            BrakesChange::RefuseLogins => self.doors != Doors::Open,
            BrakesChange::AllowLogins => self.doors == Doors::Open,
        };
        if is_so {
            return vec![(Answer::Done, self)];
        }
        match change {
            BrakesChange::AllowLogins if !now.believed => return vec![(CLOCK, self)],
            BrakesChange::AllowLogins => self.doors = Doors::Open,
            BrakesChange::RefuseLogins => self.doors = Doors::JustShut,
            BrakesChange::RevokeAll => self.close(|_| true),
        }
        self.doors_at = self.doors_at.max(now.closing);
        let instant = self.doors_at;
        self.record(instant);
        vec![(Answer::Done, self)]
    }

    /// The sets of sessions that may have to end so that one more can start: the oldest. Sessions that are over may still be
    /// counted, as long as their own entry is missing, and which of two of one second is older nobody knows.
    fn capped(&self, account: u8, client: u8, most: usize) -> Vec<BTreeSet<u32>> {
        let here = self.sessions.iter().filter(|(_, session)| session.account == account && session.client == client);
        let (mut live, mut pending) = (Vec::new(), 0);
        for (id, session) in here {
            match &session.open {
                Some(open) => {
                    live.push((session.started, *id));
                    pending += usize::from(open.may_be_expired);
                }
                None => pending += usize::from(session.may_be_listed),
            }
        }
        live.sort_unstable();
        let surely = live.iter().filter(|(_, id)| !self.sessions[id].is_maybe_expired()).count();
        let least = (surely + 1).saturating_sub(most);
        let at_most = (live.len() + pending + 1).saturating_sub(most).min(live.len());
        (least..=at_most).flat_map(|count| oldest(&live, count)).collect::<BTreeSet<_>>().into_iter().collect()
    }

    pub(super) fn change_gate(mut self, account: u8, change: GateChange, now: Reading) -> Vec<Outcome> {
        let Some(known) = self.accounts.get_mut(usize::from(account)) else {
            return vec![(Answer::Changed(false), self)];
        };
        if matches!(change, GateChange::Enable | GateChange::Register(_) | GateChange::MustChange(_)) && !now.believed {
            return vec![(CLOCK, self)];
        }
        if known.standing == Standing::Erased {
            return vec![(Answer::Changed(true), self)];
        }
        let before = (known.standing, known.must_change, known.registered.clone());
        match change {
            GateChange::SetPassword(password) => (known.password, known.must_change) = (password, false),
            GateChange::MustChange(must_change) => known.must_change = must_change,
            GateChange::Disable => known.standing = Standing::Disabled,
            GateChange::Enable => known.standing = Standing::Enabled,
            GateChange::Register(client) => _ = known.registered.insert(client),
            GateChange::Withdraw(client) => _ = known.registered.remove(&client),
            GateChange::Erase => known.standing = Standing::Erased,
            GateChange::RevokeSessions => {}
        }
        let changed = before != (known.standing, known.must_change, known.registered.clone());
        let always = matches!(change, GateChange::SetPassword(_) | GateChange::RevokeSessions);
        if !changed && !always {
            return vec![(Answer::Changed(true), self)];
        }
        known.gate_at = known.gate_at.max(now.closing);
        let instant = known.gate_at;
        self.record(instant);
        match change {
            GateChange::Enable | GateChange::Register(_) | GateChange::MustChange(_) => {}
            GateChange::Withdraw(client) => {
                self.close(|session| session.account == account && session.client == client);
            }
            GateChange::SetPassword(_) | GateChange::Disable | GateChange::RevokeSessions | GateChange::Erase => {
                self.close(|session| session.account == account);
            }
        }
        vec![(Answer::Changed(true), self)]
    }

    pub(super) fn change_client(mut self, client: u8, change: ClientChange, now: Reading) -> Vec<Outcome> {
        let known = &mut self.clients[usize::from(client)];
        let changed = match change {
            ClientChange::Disable => std::mem::replace(&mut known.enabled, false),
            ClientChange::Enable if known.enabled => false,
            ClientChange::Enable if !now.believed => return vec![(CLOCK, self)],
            ClientChange::Enable => {
                known.enabled = true;
                true
            }
            ClientChange::Brake => true,
        };
        if changed {
            known.at = known.at.max(now.closing);
            let instant = known.at;
            self.record(instant);
        }
        if change == ClientChange::Brake {
            self.close(|session| session.client == client);
        }
        vec![(Answer::Changed(true), self)]
    }
}

/// The oldest so many, in every way that sessions of one second can be ordered.
fn oldest(live: &[(i64, u32)], count: usize) -> Vec<BTreeSet<u32>> {
    let Some((cut, _)) = count.checked_sub(1).and_then(|last| live.get(last)) else { return vec![BTreeSet::new()] };
    let surely: BTreeSet<u32> = live.iter().filter(|(started, _)| started < cut).map(|(_, id)| *id).collect();
    let mut sets = vec![surely];
    for (_, id) in live.iter().filter(|(started, _)| started == cut) {
        let with: Vec<_> = sets.iter().map(|set| set.iter().copied().chain([*id]).collect()).collect();
        sets.extend(with);
    }
    sets.retain(|set| set.len() == count);
    sets
}
