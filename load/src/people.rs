//! Virtual users. Each is an account with a network and a user agent of its own, and follows its own chain of refresh tokens.

use crate::target::Who;
use hyper::header::HeaderValue;
use serde::Deserialize;
use std::borrow::Cow;

const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36",
    "Store/4.2 (Android 14)",
];
const THIEF: &str = "curl/8.14.1";

/// What a login or a refresh is answered with.
#[derive(Debug, Deserialize)]
pub struct Tokens<'a> {
    /// The access token.
    #[serde(borrow)]
    pub access_token: Cow<'a, str>,
    /// The refresh token.
    #[serde(borrow)]
    pub refresh_token: Cow<'a, str>,
}

/// One virtual user.
#[derive(Clone, Debug)]
pub struct User {
    /// The login id.
    pub login: String,
    /// The newest refresh token; `None` where there is no session.
    pub refresh: Option<String>,
    /// The refresh token before it.
    pub spent: Option<String>,
    /// The newest access token.
    pub access: Option<String>,
    address: HeaderValue,
    elsewhere: HeaderValue,
    agent: &'static str,
}

impl User {
    /// The user of this number, without a session. The number stands in the login id where `login_ids` has `{}`.
    pub fn new(number: usize, login_ids: &str) -> Self {
        let [.., a, b] = number.to_be_bytes();
        // One network is a /24: everybody has one, and so has whoever robs him.
        let address = |first: u8| {
            HeaderValue::from_str(&format!("{first}.{a}.{b}.7"))
                .expect("an address has no character that a header may not have")
        };
        Self {
            login: login_ids.replace("{}", &number.to_string()),
            refresh: None,
            spent: None,
            access: None,
            address: address(100),
            elsewhere: address(60),
            agent: AGENTS[number % AGENTS.len()],
        }
    }

    /// Address and user agent, as the app's backend tells them.
    pub fn seen_as(&self, who: Who) -> (HeaderValue, HeaderValue) {
        match who {
            Who::Owner => (self.address.clone(), HeaderValue::from_static(self.agent)),
            Who::Thief => (self.elsewhere.clone(), HeaderValue::from_static(THIEF)),
        }
    }

    /// A login begins a chain.
    pub fn logged_in(&mut self, tokens: &Tokens<'_>) {
        self.spent = None;
        self.refresh = Some(tokens.refresh_token.to_string());
        self.access = Some(tokens.access_token.to_string());
    }

    /// A refresh goes one further.
    pub fn refreshed(&mut self, tokens: &Tokens<'_>) {
        self.spent = self.refresh.replace(tokens.refresh_token.to_string());
        self.access = Some(tokens.access_token.to_string());
    }

    /// The chain is over: a login begins another.
    pub fn over(&mut self) {
        (self.refresh, self.spent, self.access) = (None, None, None);
    }
}

/// The login ids of the accounts that the generator makes.
pub const LOGIN_IDS: &str = "user{}@example.com";

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(n: u32) -> String {
        format!(r#"{{"access_token":"a{n}","token_type":"Bearer","expires_in":300,"refresh_token":"r{n}"}}"#)
    }

    #[test]
    fn a_chain_begins_with_a_login_goes_on_with_each_refresh_and_ends() {
        let mut user = User::new(3, LOGIN_IDS);
        assert_eq!(user.login, "user3@example.com");
        assert_eq!((&user.refresh, &user.spent, &user.access), (&None, &None, &None));
        user.logged_in(&serde_json::from_str(&tokens(0)).unwrap());
        assert_eq!((user.refresh.as_deref(), user.spent.as_deref()), (Some("r0"), None));
        for n in 1..=3 {
            user.refreshed(&serde_json::from_str(&tokens(n)).unwrap());
            assert_eq!(user.refresh, Some(format!("r{n}")));
            assert_eq!(user.spent, Some(format!("r{}", n - 1)), "a thief has the one before");
            assert_eq!(user.access, Some(format!("a{n}")));
        }
        user.over();
        assert_eq!((&user.refresh, &user.spent, &user.access), (&None, &None, &None));
        user.logged_in(&serde_json::from_str(&tokens(9)).unwrap());
        assert_eq!((user.refresh.as_deref(), user.spent.as_deref()), (Some("r9"), None));
    }

    #[test]
    fn users_are_of_different_networks() {
        let networks: std::collections::HashSet<_> =
            (0..5000).map(|number| User::new(number, LOGIN_IDS).seen_as(Who::Owner).0).collect();
        assert_eq!(networks.len(), 5000);
    }

    #[test]
    fn an_answer_without_a_refresh_token_begins_no_chain() {
        assert!(serde_json::from_str::<Tokens>(r#"{"access_token":"a"}"#).is_err());
    }
}
