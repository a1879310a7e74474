//! Cookies and answers of the web apps.

use super::pages::{self, Trouble};
use super::person::text;
use super::site::Site;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, LOCATION, ORIGIN, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use maud::Markup;

/// The refresh token's cookie, in both apps.
pub const REFRESH: &str = "refresh_token";
/// Set where a login has ended, so that the login page can say so.
pub const ENDED: &str = "ended";
/// How long browsers keep a refresh token, in seconds. Countersign decides how long it is good.
const KEPT: u32 = 90 * 24 * 3600;

/// A cookie of the request; `None` where it is absent or empty.
pub fn cookie(request: &HttpRequest, name: &str) -> Option<String> {
    let lists = request.headers().get_all(COOKIE).filter_map(|list| list.to_str().ok());
    let mut pairs = lists.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, value)| *known == name && !value.is_empty()).map(|(_, value)| value.to_owned())
}

/// A cookie that scripts cannot read (`HttpOnly`), that other sites' forms do not send (`SameSite`), and that no other host is sent
/// (no `Domain`).
///
/// An app that is served with TLS, as each should be, adds `Secure` and puts `__Host-` before the name. Without these another host of the same
/// domain may *set* it, and log a browser in to somebody else's account.
pub fn until_closed(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax")
}

/// The same, which outlives the browser.
pub fn kept(name: &str, value: &str) -> String {
    format!("{}; Max-Age={KEPT}", until_closed(name, value))
}

/// Takes a cookie away.
pub fn gone(name: &str) -> String {
    format!("{}; Max-Age=0", until_closed(name, ""))
}

/// Whether a form was sent by a page of this very site. The login form needs this as well: somebody else's page could log a browser in to
/// somebody else's account. An app that is served with TLS lets `https` pass only.
pub fn is_from_own_page(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let origin = text(headers, ORIGIN.as_str());
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    host.is_some_and(|host| host == text(headers, HOST.as_str()))
}

/// A page.
pub fn page(status: StatusCode, page: Markup) -> HttpResponse {
    let mut answer = HttpResponseBuilder::new(status);
    answer.content_type("text/html; charset=utf-8");
    // Not a script, not a frame, nothing from elsewhere: what somebody writes into a form can only ever be text.
    let policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    answer.insert_header((CONTENT_SECURITY_POLICY, policy));
    answer.insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    answer.insert_header((REFERRER_POLICY, "same-origin"));
    answer.insert_header((CACHE_CONTROL, "no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.insert_header((RETRY_AFTER, "5"));
    }
    answer.body(page.into_string())
}

/// Sends the browser elsewhere on this site.
pub fn redirect(status: StatusCode, place: &str) -> HttpResponse {
    HttpResponseBuilder::new(status)
        .insert_header((LOCATION, place))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

/// The same answer, which also sets cookies.
pub fn with(mut answer: HttpResponse, cookies: &[String]) -> HttpResponse {
    for cookie in cookies {
        // Countersign's tokens and our own ids have no character that a header cannot have.
        let value = cookie.parse().expect("a header's value");
        answer.headers_mut().append(SET_COOKIE, value);
    }
    answer
}

/// A page that tells of a trouble.
pub fn trouble(site: &Site, trouble: Trouble) -> HttpResponse {
    let status = match trouble {
        Trouble::Unknown | Trouble::LoginUnknown | Trouble::LogoutUnknown => StatusCode::SERVICE_UNAVAILABLE,
        Trouble::Foreign => StatusCode::FORBIDDEN,
        Trouble::Broken => StatusCode::BAD_REQUEST,
        Trouble::NoPage => StatusCode::NOT_FOUND,
    };
    page(status, pages::trouble(&site.look, trouble))
}
