//! Folding an account's events into its state.

use super::decide::shown;
use super::event::{AccountEvent, NameEvent};
use super::state::{Account, FAMILIAR_CONTEXTS, Name, PasswordCode, Username};
use crate::domain::context::SealedAt;
use crate::domain::tally::Tallies;
use crate::domain::verifier::PasswordVerifier;
use crate::domain::{Impossible, Recorded};

/// The account after `event`, which is the one that `recorded` wraps.
///
/// # Errors
/// [`Impossible`] where the event cannot follow the state.
pub fn apply(state: Option<Account>, event: &AccountEvent, recorded: &Recorded) -> Result<Account, Impossible> {
    let mut account = match (state, event) {
        (None, AccountEvent::Created { login, name }) => {
            return Ok(Account {
                login: SealedAt { commit: recorded.commit, sealed: login.clone() },
                name: *name,
                username: None,
                profile: None,
                rehash: None,
                familiar: Vec::new(),
                code: None,
                created_at: recorded.at,
                last_login_at: None,
                refusals: Tallies::default(),
            });
        }
        (None, _) => return Err(recorded.impossible("the account was not created")),
        (Some(account), _) => account,
    };
    match event {
        AccountEvent::Created { .. } => return Err(recorded.impossible("the account was created before")),
        AccountEvent::LoginSucceeded { .. } => {
            account.last_login_at = Some(recorded.at);
            remember(&mut account, recorded);
        }
        AccountEvent::NewContext { .. } => {}
        AccountEvent::PasswordCodeIssued { digest, expires_at, of } => {
            let digest = SealedAt { commit: recorded.commit, sealed: digest.clone() };
            account.code = Some(PasswordCode { digest, expires_at: *expires_at, of: *of });
        }
        AccountEvent::LoginChanged { login, name } => {
            account.login = SealedAt { commit: recorded.commit, sealed: login.clone() };
            account.name = *name;
            // A code was sent to where the login was read.
            account.code = None;
        }
        AccountEvent::UsernameSet { login, name } => {
            let login = SealedAt { commit: recorded.commit, sealed: login.clone() };
            account.username = Some(Username { login, name: *name });
        }
        AccountEvent::UsernameCleared => account.username = None,
        AccountEvent::ProfileSet { profile } => {
            account.profile = Some(SealedAt { commit: recorded.commit, sealed: profile.clone() });
        }
        AccountEvent::LoginRefused { class, n, .. } | AccountEvent::PasswordChangeRefused { class, n } => {
            account.refusals.record(*class, *n, shown(*class, &recorded.context));
        }
        AccountEvent::PasswordRehashed { of, verifier, scheme } => {
            account.rehash = Some(PasswordVerifier {
                verifier: SealedAt { commit: recorded.commit, sealed: verifier.clone() },
                scheme: *scheme,
                password: *of,
            });
        }
    }
    Ok(account)
}

fn remember(account: &mut Account, recorded: &Recorded) {
    let Some(person) = recorded.context.person() else { return };
    account.familiar.retain(|(known, _)| *known != person);
    if account.familiar.len() == FAMILIAR_CONTEXTS {
        account.familiar.remove(0);
    }
    account.familiar.push((person, recorded.at));
}

/// Whose a login id is after `event`, which is the one that `recorded` wraps.
///
/// # Errors
/// [`Impossible`] where a name is taken twice, or released by another than its account.
pub fn apply_name(state: Option<Name>, event: &NameEvent, recorded: &Recorded) -> Result<Name, Impossible> {
    match (state, event) {
        (None | Some(Name::Free), NameEvent::Taken { account }) => Ok(Name::Taken(*account)),
        (Some(Name::Taken(holder)), NameEvent::Released { account }) if holder == *account => Ok(Name::Free),
        _ => Err(recorded.impossible("the login id is not this account's to take or release")),
    }
}
