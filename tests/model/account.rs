//! Logins, and what administration does to accounts and clients.

use super::clock::Reading;
use super::session::{Access, Open, Session};
use super::{Answer, CLOCK, ClientChange, GateChange, Model, Outcome, Person, Standing};
use std::collections::BTreeSet;

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
        let known = self.accounts.get(usize::from(account)).filter(|known| known.standing != Standing::Erased);
        let Some(known) = known else { return vec![(Answer::Denied("wrong_credentials"), self)] };
        let place = &self.clients[usize::from(client)];
        let instant = now.wall.max(known.at).max(known.gate_at).max(place.at);
        let denied = if known.password != password {
            Some("wrong_credentials")
        } else if known.standing == Standing::Disabled {
            Some("account")
        } else if !place.enabled {
            Some("client")
        } else if !known.registered.contains(&client) {
            Some("not_registered")
        } else {
            None
        };
        let known = &mut self.accounts[usize::from(account)];
        if let Some(code) = denied {
            if known.refusals.count(code, None, person) {
                known.at = instant;
                self.record(instant);
            }
            return vec![(Answer::Denied(code), self)];
        }
        known.at = instant;
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
        if matches!(change, GateChange::Enable | GateChange::Register(_)) && !now.believed {
            return vec![(CLOCK, self)];
        }
        if known.standing == Standing::Erased {
            return vec![(Answer::Changed(true), self)];
        }
        let before = (known.standing, known.registered.clone());
        match change {
            GateChange::SetPassword(password) => known.password = password,
            GateChange::Disable => known.standing = Standing::Disabled,
            GateChange::Enable => known.standing = Standing::Enabled,
            GateChange::Register(client) => _ = known.registered.insert(client),
            GateChange::Withdraw(client) => _ = known.registered.remove(&client),
            GateChange::Erase => known.standing = Standing::Erased,
            GateChange::RevokeSessions => {}
        }
        let changed = before != (known.standing, known.registered.clone());
        let always = matches!(change, GateChange::SetPassword(_) | GateChange::RevokeSessions);
        if !changed && !always {
            return vec![(Answer::Changed(true), self)];
        }
        known.gate_at = known.gate_at.max(now.closing);
        let instant = known.gate_at;
        self.record(instant);
        match change {
            GateChange::Enable | GateChange::Register(_) => {}
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
