//! Who asks: the peer behind configured proxies, the client, and the person in front of the app.

use super::Doors;
use super::error::Why;
use super::form::{Form, decode};
use super::transport::headers;
use crate::actors::{Asker, AuthenticatedClient, Person, Refused, cut};
use crate::domain::client::{Client, Profile};
use crate::domain::context::ToldBy;
use crate::domain::denial::Denial;
use crate::domain::ids::RequestId;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName, USER_AGENT};
use actix_web::{HttpMessage, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use std::net::IpAddr;
use zeroize::Zeroizing;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_USER_AGENT: HeaderName = HeaderName::from_static("x-forwarded-user-agent");
const DEVICE_ID: HeaderName = HeaderName::from_static("x-device-id");
/// Client ids and secrets have at most this many bytes.
const CREDENTIAL_LIMIT: usize = 512;
/// Addresses of `X-Forwarded-For` that are looked at, from the nearest on.
const FORWARDED_LIMIT: usize = 64;

/// The client that a request names, and the secret it shows.
pub struct Credentials {
    id: Zeroizing<String>,
    secret: Option<Zeroizing<String>>,
}

impl Credentials {
    /// Reads them from `Authorization: Basic` (RFC 6749 section 2.3.1: each half form-encoded) or from the body, never both.
    ///
    /// # Errors
    /// Where there are none, two, or malformed ones.
    pub fn read(headers: &HeaderMap, form: &Form) -> Result<Self, Why> {
        let basic = basic(headers)?;
        let (id, secret) = (form.get("client_id"), form.get("client_secret"));
        let malformed = |text: &str| Err(Why::BadClientAuthentication(text.to_owned()));
        let found = match (basic, id, secret) {
            (Some(_), _, Some(_)) => {
                return malformed("authenticate the client in one way: in the header or in the body, not in both");
            }
            (Some(basic), Some(id), None) if *basic.id != *id => {
                return malformed("client_id in the body is another client than in the Authorization header");
            }
            (Some(basic), _, None) => basic,
            (None, Some(id), secret) => Self {
                id: Zeroizing::new(id.to_owned()),
                secret: secret.map(|secret| Zeroizing::new(secret.to_owned())),
            },
            (None, None, Some(_)) => return malformed("client_secret was sent without client_id"),
            (None, None, None) => return Err(Why::NoClient),
        };
        let too_long = |text: &Zeroizing<String>| text.len() > CREDENTIAL_LIMIT;
        if too_long(&found.id) || found.secret.as_ref().is_some_and(too_long) {
            return malformed("the client's id or secret is too long");
        }
        Ok(found)
    }

    /// The client's id, as the request names it.
    pub fn id(&self) -> &str {
        &self.id
    }
}

fn basic(headers: &HeaderMap) -> Result<Option<Credentials>, Why> {
    let malformed = || Why::BadClientHeader;
    let mut values = headers.get_all(AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed());
    }
    let text = value.to_str().map_err(|_| malformed())?;
    let (scheme, encoded) = text.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(encoded.len()));
    STANDARD.decode_vec(encoded.trim(), &mut plain).map_err(|_| malformed())?;
    let colon = plain.iter().position(|byte| *byte == b':').ok_or_else(malformed)?;
    let id = decode(&plain[..colon]).filter(|id| !id.is_empty()).ok_or_else(malformed)?;
    let secret = decode(&plain[colon + 1..]).ok_or_else(malformed)?;
    Ok(Some(Credentials { id, secret: Some(secret).filter(|secret| !secret.is_empty()) }))
}

/// The token of `Authorization: Bearer` (RFC 6750 section 2.1).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The request's own id, given by [`super::observe`].
pub fn request_id(request: &HttpRequest) -> Option<RequestId> {
    request.extensions().get::<RequestId>().copied()
}

/// The peer of a request: the socket's other end, or who stands before configured proxies.
pub fn peer(request: &HttpRequest, doors: &Doors) -> Option<IpAddr> {
    let socket = request.peer_addr().map(|address| address.ip().to_canonical());
    resolve(socket, &forwarded(&headers(request)), &doors.settings.trusted_proxies).0
}

/// What a request shows of who asks, before anybody was authenticated.
pub struct Caller {
    request_id: RequestId,
    peer: Option<IpAddr>,
    user_agent: Option<String>,
    told: Option<Person>,
}

impl Caller {
    /// Reads it. `proxies` are believed about who connected to them.
    pub fn of(request: &HttpRequest, doors: &Doors) -> Self {
        let headers = &*headers(request);
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(cut);
        let socket = request.peer_addr().map(|address| address.ip().to_canonical());
        let forwarded = forwarded(headers);
        let (peer, told_address) = resolve(socket, &forwarded, &doors.settings.trusted_proxies);
        let told = Person {
            address: told_address,
            user_agent: text(FORWARDED_USER_AGENT),
            device: text(DEVICE_ID),
            device_name: None,
        };
        Self {
            request_id: request_id(request).unwrap_or(RequestId(uuid::Uuid::nil())),
            peer,
            user_agent: headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(cut),
            told: (told != Person::default()).then_some(told),
        }
    }

    /// The peer itself, whatever it tells of others.
    pub fn unproven(&self) -> Asker {
        self.asker(ToldBy::Nobody, self.itself(), self.told.clone())
    }

    /// Who asks, once the client is known: a client that showed its secret, or whose backend asks, may tell the person.
    pub fn through(&self, client: &Client, by_secret: bool) -> Asker {
        let from_backend = self.peer.is_some_and(|peer| client.settings.backends.iter().any(|net| net.contains(&peer)));
        let teller = if by_secret {
            Some(ToldBy::Client)
        } else if from_backend {
            Some(ToldBy::Backend)
        } else {
            None
        };
        match (teller, &self.told) {
            (Some(told_by), Some(person)) => self.asker(told_by, person.clone(), None),
            (Some(_), None) => self.asker(ToldBy::Nobody, self.itself(), None),
            // An app in the hands of its user: the peer is the person, and what it says of others decides nothing.
            (None, told) => self.asker(ToldBy::Peer, self.itself(), told.clone()),
        }
    }

    fn itself(&self) -> Person {
        Person { address: self.peer, user_agent: self.user_agent.clone(), ..Person::default() }
    }

    fn asker(&self, told_by: ToldBy, person: Person, claimed: Option<Person>) -> Asker {
        Asker { request_id: self.request_id, peer: self.peer, told_by, api_key: None, person, claimed }
    }
}

/// The addresses of all `X-Forwarded-For` headers, nearest first. What lies behind a malformed entry, or further away than
/// proxies can be, is left out: anybody can write there.
fn forwarded(headers: &HeaderMap) -> Vec<IpAddr> {
    let lists: Vec<_> = headers.get_all(FORWARDED_FOR).map(|value| value.to_str().unwrap_or_default()).collect();
    let nearest_first = lists.iter().rev().flat_map(|list| list.rsplit(','));
    nearest_first.map_while(|text| parse_address(text.trim())).take(FORWARDED_LIMIT).collect()
}

fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| bare.parse::<std::net::SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// The peer, and the address that the peer tells, from the forwarded addresses, nearest first. A socket's other end that is
/// no configured proxy is the peer, and the nearest forwarded address is what it tells. Otherwise the nearest address that is
/// no proxy is the peer, and the one behind it what that tells.
fn resolve(socket: Option<IpAddr>, forwarded: &[IpAddr], proxies: &[IpNet]) -> (Option<IpAddr>, Option<IpAddr>) {
    let is_proxy = |address: &IpAddr| proxies.iter().any(|net| net.contains(address));
    let mut nearest_first = socket.iter().copied().chain(forwarded.iter().copied());
    let peer = nearest_first.find(|address| !is_proxy(address));
    (peer.or(socket), nearest_first.next())
}

/// The client that a request names: authenticated, if it shows a secret or is one that must, or one of FusionAuth's profile that is only
/// named.
///
/// # Errors
/// Why it is refused.
pub async fn authenticate_or_name(
    request: &HttpRequest,
    doors: &Doors,
    form: &Form,
) -> Result<(AuthenticatedClient, Asker), Why> {
    let services = doors.services()?;
    let credentials = Credentials::read(&headers(request), form)?;
    if credentials.secret.is_none()
        && let Some((id, state)) = services.clients.find(&credentials.id).map_err(Why::Refused)?
        && state.value.settings.profile == Profile::Fusionauth
    {
        let asker = Caller::of(request, doors).through(&state.value, false);
        return Ok((AuthenticatedClient { id, state, by_secret: false }, asker));
    }
    authenticate_by(credentials, request, doors).await
}

/// Authenticates the client of a request, and says who asks through it.
///
/// # Errors
/// Why it is refused.
pub async fn authenticate(
    request: &HttpRequest,
    doors: &Doors,
    form: &Form,
) -> Result<(AuthenticatedClient, Asker), Why> {
    authenticate_by(Credentials::read(&headers(request), form)?, request, doors).await
}

async fn authenticate_by(
    credentials: Credentials,
    request: &HttpRequest,
    doors: &Doors,
) -> Result<(AuthenticatedClient, Asker), Why> {
    let services = doors.services()?;
    let caller = Caller::of(request, doors);
    let Some((id, state)) = services.clients.find(&credentials.id).map_err(Why::Refused)? else {
        services.core.metrics.client_refusals_total.with_label_values(&[Denial::ClientUnknown.code()]).inc();
        return Err(Why::Refused(Refused::Denied(Denial::ClientUnknown)));
    };
    let secret = credentials.secret.as_ref().map(|secret| secret.as_str());
    let client = services.clients.authenticate(&id, state, secret, &caller.unproven()).await.map_err(Why::Refused)?;
    doors.limits.of_client(client.id.as_str()).map_err(Why::RateLimited)?;
    let asker = caller.through(&client.state.value, client.by_secret);
    Ok((client, asker))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_peer_is_the_nearest_address_that_is_no_proxy() {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        let person = ip("203.0.113.9");
        let cases: [(&str, &[IpAddr], &str, Option<IpAddr>); 5] = [
            ("192.0.2.1", &[], "192.0.2.1", None),
            ("192.0.2.1", &[person], "192.0.2.1", Some(person)),
            ("10.0.0.1", &[ip("192.0.2.1")], "192.0.2.1", None),
            ("10.0.0.1", &[ip("10.0.0.2"), ip("192.0.2.1"), person], "192.0.2.1", Some(person)),
            ("10.0.0.1", &[], "10.0.0.1", None),
        ];
        for (socket, forwarded, peer, told) in cases {
            assert_eq!(
                resolve(Some(ip(socket)), forwarded, &proxies),
                (Some(ip(peer)), told),
                "{socket} {forwarded:?}"
            );
        }
    }

    #[test]
    fn the_leftmost_forwarded_address_is_anybodys_to_write_and_decides_nothing() {
        let (peer, _) = resolve(Some(ip("192.0.2.1")), &[ip("203.0.113.9"), ip("10.0.0.1")], &[]);
        assert_eq!(peer, Some(ip("192.0.2.1")));
    }

    #[test]
    fn nothing_written_before_the_nearest_address_hides_it() {
        let read = |lists: &[&str]| {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append(FORWARDED_FOR, HeaderValue::from_str(list).unwrap());
            }
            forwarded(&headers)
        };
        let long = "198.51.100.7, ".repeat(100) + "203.0.113.9";
        assert_eq!(read(&[&long]).len(), FORWARDED_LIMIT);
        assert_eq!(read(&[&long])[0], ip("203.0.113.9"));
        assert_eq!(read(&["nonsense, 203.0.113.9"]), [ip("203.0.113.9")]);
        assert_eq!(
            read(&["192.0.2.1", "nonsense,, [2001:db8::1]:443, 203.0.113.9"]),
            [ip("203.0.113.9"), ip("2001:db8::1")]
        );
    }
}
