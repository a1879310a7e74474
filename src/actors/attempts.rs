//! The password budgets of all login ids, known or not, in one bounded table in memory. A restart empties it.

use crate::domain::account::{Attempts, BudgetLimits, Guesser};
use crate::domain::ids::NameHash;
use crate::domain::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the module.
pub struct AttemptsTable {
    limits: BudgetLimits,
    capacity: usize,
    table: Mutex<HashMap<NameHash, Attempts>>,
}

impl AttemptsTable {
    /// An empty table for at most `capacity` login ids.
    pub fn new(limits: BudgetLimits, capacity: usize) -> Self {
        Self { limits, capacity: capacity.max(1), table: Mutex::default() }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<NameHash, Attempts>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Charges an attempt.
    ///
    /// # Errors
    /// The instant from which the next one is allowed.
    pub fn charge(&self, name: NameHash, who: &Guesser, now: Timestamp) -> Result<(), Timestamp> {
        let mut table = self.table();
        if table.len() >= self.capacity && !table.contains_key(&name) {
            make_room(&mut table, now);
        }
        table.entry(name).or_insert_with(|| Attempts::new(now)).charge(who, &self.limits, now)
    }

    /// Gives an attempt back.
    pub fn give_back(&self, name: NameHash, who: &Guesser) {
        if let Some(attempts) = self.table().get_mut(&name) {
            attempts.give_back(who, &self.limits);
        }
    }
}

/// Forgets what is full again; if nothing is, the tenth that would be first, so that this is rarely done.
fn make_room(table: &mut HashMap<NameHash, Attempts>, now: Timestamp) {
    let before = table.len();
    table.retain(|_, attempts| attempts.forgettable_at() > now);
    if table.len() < before {
        return;
    }
    let mut ends: Vec<Timestamp> = table.values().map(Attempts::forgettable_at).collect();
    let tenth = ends.len() / 10;
    let (_, cut, _) = ends.select_nth_unstable(tenth);
    let cut = *cut;
    table.retain(|_, attempts| attempts.forgettable_at() > cut);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BudgetLimits = BudgetLimits { strangers_per_network: 10, strangers_total: 100, familiar: 20 };

    #[test]
    fn a_flood_of_login_ids_does_not_grow_the_table() {
        let table = AttemptsTable::new(LIMITS, 100);
        for i in 0..10_000_u32 {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&i.to_be_bytes());
            let now = Timestamp(i64::from(i));
            assert_eq!(table.charge(NameHash(hash), &Guesser::Stranger(None), now), Ok(()));
            assert!(table.table().len() <= 100);
        }
    }
}
