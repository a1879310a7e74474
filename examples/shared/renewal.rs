//! A login whose time is over in the app, and whose refresh token may be good still.

use super::countersign::{No, Tokens};
use super::jwt::{Claims, Jwt};
use super::person::Person;
use super::site::Site;
use super::web::{REFRESH, cookie, kept};
use super::web_app::Visit;
use actix_web::HttpRequest;

/// What a refresh token got.
pub struct Renewed {
    pub jwt: String,
    pub who: Claims,
    /// The cookie of the next refresh token, where it was replaced.
    pub cookies: Vec<String>,
}

/// The numbers of the workflow's first step where the refresh token is good, and where it is dead.
#[derive(Clone, Copy)]
pub struct Numbers {
    pub good: usize,
    pub dead: usize,
}

/// Redeems the refresh token of a request, because `why`: three steps, or four that end at the login page.
///
/// # Errors
/// Who asks then: nobody, or nobody knows.
pub async fn redeem(site: &Site, request: &HttpRequest, numbers: Numbers, why: &str) -> Result<Renewed, Visit> {
    let Some(refresh) = cookie(request, REFRESH) else {
        site.aside("nobody is logged in: to the login page");
        return Err(Visit::Out { ended: false });
    };
    let answer = site.countersign.refresh(refresh.clone(), Person::of(request)).await;
    let from = match answer {
        Ok(_) => numbers.good,
        Err(No::Refused) => numbers.dead,
        Err(No::Unavailable) => return Err(Visit::Unknown),
    };
    site.same_step(from, format!("the browser asks for {} with a refresh token and {why}", site.page));
    site.same_step(from + 1, "the refresh token goes to Countersign: POST /api/jwt/refresh");
    let Ok(Tokens { jwt, refresh: next }) = answer else {
        site.same_step(from + 2, "404: the refresh token is not good any more");
        site.same_step(from + 3, "the browser is sent to the login page");
        return Err(Visit::Out { ended: true });
    };
    let replaced = next != refresh;
    let kind = if replaced { "and the next refresh token" } else { "and the refresh token stays" };
    site.same_step(from + 2, format!("200: a new JWT, {kind}"));
    let Jwt::Good(who) = site.judge(&jwt).await else { return Err(Visit::Unknown) };
    Ok(Renewed { jwt, who, cookies: if replaced { vec![kept(REFRESH, &next)] } else { Vec::new() } })
}
