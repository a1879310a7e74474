//! Who asks the app: the address and the user agent of a browser or phone. Countersign is told them with each login and refresh, since by
//! them a thief is told from the owner.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, USER_AGENT};
use std::net::IpAddr;

#[derive(Clone, Debug)]
pub struct Person {
    pub address: String,
    pub user_agent: String,
}

impl Person {
    /// The apps listen on loopback, where whatever talks to them is a proxy of this machine or a person in front of it. So the last entry of
    /// the last `X-Forwarded-For`, which that proxy wrote, is believed. An app that anybody can reach must not believe anybody's.
    pub fn of(request: &HttpRequest) -> Self {
        let headers = request.headers();
        let last = headers.get_all("x-forwarded-for").last().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let forwarded = last.rsplit(',').next().unwrap_or_default().trim();
        let peer = request.peer_addr().map(|peer| peer.ip().to_string()).unwrap_or_default();
        let address = forwarded.parse::<IpAddr>().map_or(peer, |address| address.to_string());
        Self { address, user_agent: text(headers, USER_AGENT.as_str()).to_owned() }
    }
}

/// A header's text; empty where there is none.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
