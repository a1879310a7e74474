//! What no door gives away: for whoever has the data directory and its master key.

use super::super::core::{Refused, Unavailable};
use super::super::logins::VERIFIER_FIELD;
use super::Administration;
use crate::domain::gate::Standing;
use crate::domain::ids::AccountId;
use zeroize::Zeroizing;

impl Administration {
    /// The hash of an account's password, in the notation in which it can be imported; `None` where there is no such account, or
    /// it was erased.
    ///
    /// # Errors
    /// Where the store or the keys cannot be read.
    pub fn password_hash(&self, id: AccountId) -> Result<Option<Zeroizing<String>>, Refused> {
        let Some(account) = self.account(id)? else { return Ok(None) };
        let gate = &account.gate.value;
        if gate.standing == Standing::Erased {
            return Ok(None);
        }
        let sealed = &account.state.verifier(gate).verifier;
        let opened = self.core.keys.seal().open(sealed.commit, VERIFIER_FIELD, &sealed.sealed);
        let phc = opened.ok().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()).map(Zeroizing::new);
        phc.map(Some).ok_or_else(|| Unavailable::Fault.into())
    }
}
