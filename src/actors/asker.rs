//! Who asks, as the doors found it out, before it is sealed.

use super::core::{Core, Refused, Unavailable};
use crate::crypto::DataKey;
use crate::domain::context::{Context, InFull, LastInFull, Sealed, ToldBy, Traits};
use crate::domain::ids::{CommitId, Owner, RequestId};
use crate::domain::session::Session;
use crate::entropy::Entropy;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// User agent and device are cut to this many bytes before anything looks at them.
pub const TEXT_LIMIT: usize = 256;
/// The sealed number of a commit's context; other sealed values of a commit count from 1.
pub const CONTEXT_NUMBER: u16 = 0;
const CONTEXT_FIELD: &str = "context";

/// The person in front of the app.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Person {
    /// The person's address.
    pub address: Option<IpAddr>,
    /// The person's user agent.
    pub user_agent: Option<String>,
    /// The person's device, as the app names it: drawn for it, and nobody else's.
    pub device: Option<String>,
    /// What people call the device, such as `iPhone`: shown, and compared with nothing.
    pub device_name: Option<String>,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asker {
    /// The request.
    pub request_id: RequestId,
    /// The socket's other end, configured proxies resolved.
    pub peer: Option<IpAddr>,
    /// From whom we know the person.
    pub told_by: ToldBy,
    /// The name of the API key by which the request was authenticated, where it was by one.
    pub api_key: Option<String>,
    /// The person; what the peer itself showed where nobody told.
    pub person: Person,
    /// What somebody claimed who may not tell the person: kept, and decides nothing.
    pub claimed: Option<Person>,
}

/// What is sealed of who asked.
#[derive(Serialize)]
struct Seen<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ua: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dev: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed: Option<Box<Seen<'a>>>,
}

impl<'a> Seen<'a> {
    fn of(person: &'a Person) -> Self {
        Self {
            peer: None,
            ip: person.address,
            ua: person.user_agent.as_deref(),
            dev: person.device.as_deref(),
            name: person.device_name.as_deref(),
            claimed: None,
        }
    }
}

/// Who used a session last, opened.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Used {
    /// The socket's other end.
    pub peer: Option<IpAddr>,
    /// The person.
    pub person: Person,
}

/// What was sealed as [`Seen`].
#[derive(Deserialize)]
struct Opened {
    peer: Option<IpAddr>,
    ip: Option<IpAddr>,
    ua: Option<String>,
    dev: Option<String>,
    name: Option<String>,
}

impl Used {
    /// Who used a session last; `None` where the account is erased, or nobody told.
    ///
    /// # Errors
    /// Where the keys cannot be used.
    pub fn of_session(core: &Core, session: &Session) -> Result<Option<Self>, Refused> {
        let Some(told) = session.last_used_by() else { return Ok(None) };
        let Some(key) = core.data_key(&Owner::Account(session.account))? else { return Ok(None) };
        let opened = key.open(told.commit, CONTEXT_FIELD, &told.sealed).ok();
        let opened = opened.and_then(|text| serde_json::from_slice::<Opened>(&text).ok());
        let Some(Opened { peer, ip, ua, dev, name }) = opened else {
            tracing::error!(account = %session.account, "what is sealed of who used a session does not open");
            return Err(Unavailable::Fault.into());
        };
        Ok(Some(Self { peer, person: Person { address: ip, user_agent: ua, device: dev, device_name: name } }))
    }
}

impl Asker {
    /// The server itself.
    pub fn server(request_id: RequestId) -> Self {
        Self {
            request_id,
            peer: None,
            told_by: ToldBy::Server,
            api_key: None,
            person: Person::default(),
            claimed: None,
        }
    }

    /// An operator on a stopped server's data directory.
    pub fn command_line(request_id: RequestId) -> Self {
        Self { told_by: ToldBy::CommandLine, ..Self::server(request_id) }
    }

    /// The network whose budget an attempt is charged to; `None` where no person is known.
    pub fn network(&self) -> Option<String> {
        match self.told_by {
            ToldBy::Nobody | ToldBy::Server | ToldBy::CommandLine => None,
            ToldBy::Peer | ToldBy::Client | ToldBy::ApiKey | ToldBy::Backend => self.person.address.map(network),
        }
    }

    /// What decisions compare, under the key of the owner of the stream.
    pub fn traits(&self, key: &DataKey) -> Traits {
        Traits {
            net: self.person.address.map(|address| key.tag("net", network(address).as_bytes())),
            ua: self.person.user_agent.as_deref().map(|agent| key.tag("ua", without_digits(agent).as_bytes())),
            dev: self.person.device.as_deref().map(|device| key.tag("dev", device.as_bytes())),
        }
    }

    /// The context of a commit in the streams of the key's owner. Without a key (the owner is erased) nothing of the
    /// person is kept.
    pub fn context(&self, key: Option<&DataKey>, commit: CommitId, entropy: &dyn Entropy) -> Context {
        self.context_with(key, |key, text| InFull::Sealed { who: None, sealed: seal(key, commit, text, entropy) })
    }

    /// The context of a commit in the stream of one session of the key's owner, or one that starts it. Where all of it is what
    /// the stream last told, `last`, it refers to that entry; otherwise it is sealed, with a tag by which later ones are
    /// compared. Whoever appends must expect the version of the session that `last` is of.
    pub fn context_in_session(
        &self,
        key: Option<&DataKey>,
        last: Option<LastInFull>,
        commit: CommitId,
        entropy: &dyn Entropy,
    ) -> Context {
        self.context_with(key, |key, text| {
            let who = key.tag("who", text);
            match last {
                Some(last) if last.who == who => InFull::At(last.version),
                _ => InFull::Sealed { who: Some(who), sealed: seal(key, commit, text, entropy) },
            }
        })
    }

    fn context_with(&self, key: Option<&DataKey>, in_full: impl FnOnce(&DataKey, &[u8]) -> InFull) -> Context {
        let traits = key.map(|key| self.traits(key)).unwrap_or_default();
        Context {
            request_id: self.request_id,
            told_by: self.told_by,
            api_key: self.api_key.clone(),
            net: traits.net,
            ua: traits.ua,
            dev: traits.dev,
            sealed: key
                .filter(|_| !matches!(self.told_by, ToldBy::Server | ToldBy::CommandLine))
                .map(|key| in_full(key, &self.in_full())),
        }
    }

    /// All of it, as it is sealed.
    fn in_full(&self) -> Vec<u8> {
        let claimed = self.claimed.as_ref().map(|claimed| Box::new(Seen::of(claimed)));
        let seen = Seen { peer: self.peer, claimed, ..Seen::of(&self.person) };
        serde_json::to_vec(&seen).unwrap_or_default()
    }
}

fn seal(key: &DataKey, commit: CommitId, text: &[u8], entropy: &dyn Entropy) -> Sealed {
    key.seal(commit, CONTEXT_NUMBER, CONTEXT_FIELD, text, entropy)
}

/// The /24 of an IPv4 address, the /48 of an IPv6 address: what one household or office shares.
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

/// An app update changes the digits of its user agent and nothing else.
fn without_digits(agent: &str) -> String {
    agent.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// A text cut to [`TEXT_LIMIT`] bytes, at the end of a character.
pub fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_LIMIT)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::RawKey;
    use crate::domain::ids::Tag;
    use crate::entropy::SeededEntropy;

    #[test]
    fn a_network_is_a_24_or_a_48() {
        assert_eq!(network("192.0.2.77".parse().unwrap()), "192.0.2.0/24");
        assert_eq!(network("::ffff:192.0.2.77".parse().unwrap()), "192.0.2.0/24");
        assert_eq!(network("2001:db8:1:2::3".parse().unwrap()), "2001:db8:1::/48");
    }

    #[test]
    fn an_app_update_is_no_other_agent() {
        assert_eq!(without_digits("Store/1.2.3 (iOS 17)"), without_digits("Store/1.12.0 (iOS 18)"));
        assert_ne!(without_digits("Store/1.2.3"), without_digits("curl/8.1.2"));
    }

    fn anybody() -> Asker {
        let person = Person {
            address: Some(ip("192.0.2.1")),
            user_agent: Some("App/1".to_owned()),
            device: Some("d".to_owned()),
            ..Person::default()
        };
        let claimed = Some(Person { device: Some("claimed".to_owned()), ..Person::default() });
        let (request_id, peer) = (RequestId(uuid::Uuid::nil()), Some(ip("10.0.0.1")));
        Asker { request_id, peer, told_by: ToldBy::Client, api_key: None, person, claimed }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn key(byte: u8) -> DataKey {
        DataKey::new(&RawKey::from_bytes([byte; 32]))
    }

    fn told(asker: &Asker, key: Option<&DataKey>, last: Option<LastInFull>) -> Option<InFull> {
        asker.context_in_session(key, last, CommitId(uuid::Uuid::nil()), &SeededEntropy::new(1)).sealed
    }

    fn who(asker: &Asker, key: &DataKey) -> Tag {
        match told(asker, Some(key), None) {
            Some(InFull::Sealed { who: Some(who), .. }) => who,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_very_same_person_is_referred_to() {
        let key = key(1);
        let last = Some(LastInFull { who: who(&anybody(), &key), version: 7 });
        let mut asker = anybody();
        asker.request_id = RequestId(uuid::Uuid::max());
        assert_eq!(told(&asker, Some(&key), last), Some(InFull::At(7)), "another request is no other person");
        let others: [fn(&mut Asker); 8] = [
            |asker| asker.person.device_name = Some("iPhone".to_owned()),
            |asker| asker.peer = Some(ip("10.0.0.2")),
            |asker| asker.person.address = Some(ip("192.0.2.2")),
            |asker| asker.person.address = None,
            |asker| asker.person.user_agent = Some("App/2".to_owned()),
            |asker| asker.person.device = None,
            |asker| asker.claimed = None,
            |asker| std::mem::swap(&mut asker.person.user_agent, &mut asker.person.device),
        ];
        for (case, change) in others.into_iter().enumerate() {
            let mut asker = anybody();
            change(&mut asker);
            assert!(matches!(told(&asker, Some(&key), last), Some(InFull::Sealed { who: Some(_), .. })), "{case}");
        }
    }

    #[test]
    fn the_tag_of_a_person_means_nothing_under_another_key_and_none_is_made_without_one() {
        let (key, other) = (key(1), key(2));
        assert_ne!(who(&anybody(), &key), who(&anybody(), &other));
        let last = Some(LastInFull { who: who(&anybody(), &key), version: 7 });
        assert_eq!(told(&anybody(), None, last), None);
        assert_eq!(told(&Asker::server(anybody().request_id), Some(&key), last), None);
        let elsewhere = anybody().context(Some(&key), CommitId(uuid::Uuid::nil()), &SeededEntropy::new(1));
        assert!(matches!(elsewhere.sealed, Some(InFull::Sealed { who: None, .. })), "nothing compares it");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut(&"ä".repeat(200)).len(), 256);
        assert_eq!(cut(&format!("a{}", "ä".repeat(200))).len(), 255);
    }
}
