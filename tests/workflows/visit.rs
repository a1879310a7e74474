//! What came of a request to an app.

use crate::spy::Exchange;
use crate::stage::Stage;
use crate::support::Answer;
use std::sync::Arc;

/// An app's answer, and what happened behind it.
pub struct Visit<'a> {
    stage: &'a Stage,
    pub answer: Answer,
    /// What the app asked Countersign meanwhile.
    pub asked: Vec<Arc<Exchange>>,
    /// How many lines the app had told before.
    from: usize,
}

impl<'a> Visit<'a> {
    /// Asks the app at its address, while nobody else does.
    pub fn of(stage: &'a Stage, ask: impl FnOnce(&str) -> Answer) -> Self {
        let (from, asked) = (stage.app.narration.len(), stage.spy.seen().len());
        let answer = ask(&stage.app.address);
        Self { stage, answer, asked: stage.spy.seen().split_off(asked), from }
    }

    /// Every path of Countersign's that the app asked at, in order. Its public keys were fetched when the app was started.
    pub fn paths(&self) -> Vec<&str> {
        self.asked.iter().map(|exchange| exchange.path.as_str()).collect()
    }

    /// What the app asked at a path of Countersign's.
    pub fn asked_at(&self, path: &str) -> Vec<&Exchange> {
        self.asked.iter().map(|exchange| &**exchange).filter(|exchange| exchange.path == path).collect()
    }

    /// The same where it must be one question.
    pub fn asked_once(&self, path: &str) -> &Exchange {
        let found = self.asked_at(path);
        assert_eq!(found.len(), 1, "{path}: {:?}", self.paths());
        found[0]
    }

    /// The app has told a step in its terminal, as what happened at a place.
    pub fn told(&self, place: &str, number: usize) {
        let sentence = self.stage.app.narration.step(self.from, place, number);
        assert!(!sentence.is_empty(), "{place} {number} is told without a word");
    }

    /// The app answers with a page that says all of this.
    pub fn shows(&self, texts: &[&str]) {
        assert_eq!(self.answer.status, 200, "{:?}", self.answer);
        assert_eq!(self.answer.header("content-type"), Some("text/html; charset=utf-8"), "{:?}", self.answer);
        for text in texts {
            assert!(self.answer.body.contains(text), "{text:?} is not on the page: {:?}", self.answer);
        }
    }

    pub fn redirects_to(&self, place: &str) {
        assert_eq!((self.answer.status, self.answer.header("location")), (302, Some(place)), "{:?}", self.answer);
    }

    pub fn set_cookies(&self) -> Vec<SetCookie<'_>> {
        let headers = self.answer.headers.iter().filter(|(name, _)| name == "set-cookie");
        headers.map(|(_, text)| SetCookie::of(text)).collect()
    }

    /// The cookie of this name that the answer sets, which scripts must not reach.
    pub fn sets(&self, name: &str) -> String {
        let cookies = self.set_cookies();
        let cookie = cookies.iter().find(|cookie| cookie.name == name);
        let cookie = cookie.unwrap_or_else(|| panic!("no cookie {name}: {:?}", self.answer));
        assert!(!cookie.is_gone() && !cookie.value.is_empty(), "{:?}", self.answer);
        cookie.assert_guarded();
        cookie.value.to_owned()
    }

    /// The answer leaves a cookie as it is.
    pub fn leaves(&self, name: &str) {
        assert!(self.set_cookies().iter().all(|cookie| cookie.name != name), "{:?}", self.answer);
    }

    /// The answer takes a cookie away.
    pub fn takes(&self, name: &str) {
        let gone = self.set_cookies().iter().any(|cookie| cookie.name == name && cookie.is_gone());
        assert!(gone, "{:?}", self.answer);
    }
}

/// A `Set-Cookie` header.
pub struct SetCookie<'a> {
    pub name: &'a str,
    pub value: &'a str,
    attributes: Vec<&'a str>,
}

impl<'a> SetCookie<'a> {
    pub fn of(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).unwrap();
        Self { name, value, attributes: parts.collect() }
    }

    pub fn is_gone(&self) -> bool {
        self.attributes.contains(&"Max-Age=0")
    }

    /// Scripts cannot read it, forms of other sites do not send it, and it is sent to this host only: none other is named.
    fn assert_guarded(&self) {
        for wanted in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(self.attributes.contains(&wanted), "{}: {:?}", self.name, self.attributes);
        }
        let other = self.attributes.iter().find(|attribute| attribute.to_lowercase().starts_with("domain"));
        assert_eq!(other, None, "{}", self.name);
    }
}
