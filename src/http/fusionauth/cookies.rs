//! The cookies by which a browser carries a person's tokens: `access_token` until it is closed, `refresh_token` for as long as the
//! session lasts. No script reads them, and no page of another site makes a browser send them with what changes anything.

use crate::actors::{Issued, Services};
use crate::http::Doors;
use crate::http::error::Why;
use actix_web::HttpResponse;
use actix_web::http::header::{HeaderValue, SET_COOKIE};

pub const ACCESS: &str = "access_token";
pub const REFRESH: &str = "refresh_token";

/// Adds the cookies of tokens to an answer. Who gets no refresh token loses the one that he has: it is of another login.
///
/// # Errors
/// Where the store cannot be read.
pub fn give(answer: &mut HttpResponse, issued: &Issued, doors: &Doors, services: &Services) -> Result<(), Why> {
    add(answer, ACCESS, &issued.access_token, None, doors);
    let found = issued.session.map(|id| services.sessions.find(id)).transpose().map_err(Why::Refused)?.flatten();
    match (&issued.refresh_token, found) {
        (Some(token), Some(found)) => {
            let now = services.core.clock.read().wall;
            let rest = found.session.ends_at().since(now).as_seconds().max(0);
            add(answer, REFRESH, token, Some(rest), doors);
        }
        _ => add(answer, REFRESH, "", Some(0), doors),
    }
    Ok(())
}

/// Takes both cookies away.
pub fn take(answer: &mut HttpResponse, doors: &Doors) {
    add(answer, ACCESS, "", Some(0), doors);
    add(answer, REFRESH, "", Some(0), doors);
}

fn add(answer: &mut HttpResponse, name: &str, value: &str, max_age: Option<i64>, doors: &Doors) {
    let max_age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let secure = if doors.settings.issuer.starts_with("https://") { "; Secure" } else { "" };
    let cookie = format!("{name}={value}{max_age}; Path=/; HttpOnly; SameSite=Lax{secure}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
}
