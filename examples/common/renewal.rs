//! A login whose time is over in the app, and whose refresh token may be good still.

use super::countersign::{No, Tokens};
use super::jwt::{Claims, Jwt};
use super::person::Person;
use super::site::Site;

/// What a refresh token got.
pub struct Renewed {
    pub jwt: String,
    pub who: Claims,
    /// The next refresh token, where it was replaced.
    pub next: Option<String>,
}

/// The numbers of the workflow's first step where the refresh token is good, and where it is dead.
#[derive(Clone, Copy)]
pub struct Numbers {
    pub good: usize,
    pub dead: usize,
}

/// Redeems a refresh token, with which `asked` was done: the first three steps.
///
/// # Errors
/// It is dead, or nobody knows.
pub async fn redeem(
    site: &Site,
    refresh: String,
    person: Person,
    numbers: Numbers,
    asked: &str,
) -> Result<Renewed, No> {
    let answer = site.countersign.refresh(refresh.clone(), person).await;
    let from = match answer {
        Ok(_) => numbers.good,
        Err(No::Refused) => numbers.dead,
        Err(No::Unavailable) => return Err(No::Unavailable),
    };
    site.same_step(from, asked);
    site.same_step(from + 1, "the refresh token goes to Countersign: POST /api/jwt/refresh");
    let Tokens { jwt, refresh: given } = answer.inspect_err(|_| {
        site.same_step(from + 2, "404: the refresh token is not good any more");
    })?;
    let next = (given != refresh).then_some(given);
    let kind = if next.is_some() { "and the next refresh token" } else { "and the refresh token stays" };
    site.same_step(from + 2, format!("200: a new JWT, {kind}"));
    match site.judge(&jwt).await {
        Jwt::Good(who) => Ok(Renewed { jwt, who, next }),
        // Its keys cannot be fetched, or this app waits for another issuer's.
        Jwt::Expired | Jwt::Invalid | Jwt::Unknown => Err(No::Unavailable),
    }
}
