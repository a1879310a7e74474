//! A browser as far as the web apps see one: cookies of each host, an address and a user agent. It follows no redirect by itself.

use crate::stage::{LOGIN, PASSWORD, Site, Stage};
use crate::support::Answer;
use crate::visit::Visit;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// From where somebody asks, and with what.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Person {
    pub address: &'static str,
    pub agent: &'static str,
}

pub const ALICE: Person = Person { address: "203.0.113.9", agent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0" };
/// In another network, with another program.
pub const THIEF: Person = Person { address: "198.51.100.7", agent: "curl/8.14.1" };

type Cookies = BTreeMap<String, String>;

pub struct Visitor<'a> {
    stage: &'a Stage,
    person: Person,
    jars: RefCell<BTreeMap<&'static str, Cookies>>,
}

impl<'a> Visitor<'a> {
    pub fn new(stage: &'a Stage, person: Person) -> Self {
        Self { stage, person, jars: RefCell::default() }
    }

    /// Asks for a page.
    pub fn get(&self, site: &Site, path: &str) -> Visit<'a> {
        self.ask(site, ("GET", path), &[], "")
    }

    /// Sends a form of one of the site's own pages.
    pub fn post(&self, site: &Site, path: &str, form: &[(&str, &str)]) -> Visit<'a> {
        self.post_from(site.host, site, path, form)
    }

    /// The same from a page of any host.
    pub fn post_from(&self, host: &str, site: &Site, path: &str, form: &[(&str, &str)]) -> Visit<'a> {
        let origin = format!("http://{host}");
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let fields: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let headers = [("Origin", &*origin), ("Content-Type", "application/x-www-form-urlencoded")];
        self.ask(site, ("POST", path), &headers, &fields.join("&"))
    }

    pub fn log_in(&self, site: &Site) -> Visit<'a> {
        self.post(site, "/login", &[("login", LOGIN), ("password", PASSWORD)])
    }

    /// The cookies that a request to a site is sent with.
    pub fn cookies(&self, site: &Site) -> Cookies {
        self.jars.borrow().get(site.host).cloned().unwrap_or_default()
    }

    pub fn cookie(&self, site: &Site, name: &str) -> String {
        self.cookies(site).remove(name).unwrap_or_else(|| panic!("the browser has no cookie {name}"))
    }

    /// Puts a cookie into the browser by hand, as a thief does.
    pub fn plant(&self, site: &Site, name: &str, value: &str) {
        self.jars.borrow_mut().entry(site.host).or_default().insert(name.to_owned(), value.to_owned());
    }

    fn ask(&self, site: &Site, asked: (&str, &str), more: &[(&str, &str)], body: &str) -> Visit<'a> {
        let cookies: Vec<String> = self.cookies(site).iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![("X-Forwarded-For", self.person.address), ("User-Agent", self.person.agent)];
        if !cookies.is_empty() {
            headers.push(("Cookie", &cookies));
        }
        headers.extend(more);
        let visit = Visit::of(self.stage, |app| Answer::to(app, site.host, asked, &headers, body.as_bytes()));
        let mut jars = self.jars.borrow_mut();
        let jar = jars.entry(site.host).or_default();
        for cookie in visit.set_cookies() {
            if cookie.is_gone() {
                jar.remove(cookie.name);
            } else {
                jar.insert(cookie.name.to_owned(), cookie.value.to_owned());
            }
        }
        visit
    }
}
