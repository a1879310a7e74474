//! The two sites of the web apps, the store and the forums of one company. They are two apps: another client at Countersign, other cookies
//! (by their host names), another login.

use super::countersign::Countersign;
use super::jwt::{Jwt, Verifier};
use super::lists::Lists;
use super::options::Way;
use super::told;
use actix_web::web;
use std::fmt::Display;
use std::sync::Arc;

/// The clients' ids at Countersign. FusionAuth calls them application ids.
pub const STORE: &str = "570e0000-0000-4000-8000-000000000001";
pub const FORUMS: &str = "f0215000-0000-4000-8000-000000000002";

/// What one site is.
pub struct Site {
    /// The first label of its host name, and its name in the terminal.
    pub name: &'static str,
    pub title: &'static str,
    /// The page that a login is needed for, and the name of the field with which something is added there.
    pub page: &'static str,
    pub page_title: &'static str,
    pub field: &'static str,
    pub lists: Lists,
    pub countersign: Countersign,
    verifier: Arc<Verifier>,
    /// The workflow numbers the steps of a login and of a page for the store first, and later once more for the forums.
    further: usize,
}

impl Site {
    pub fn store(way: &Way) -> Self {
        let lists = Lists::new(&["Ship's biscuits", "A good lamp"]);
        let texts = ["store", "Lighthouse Store", "/shopping-cart", "Your shopping cart", "item"];
        Self::new(texts, lists, way, STORE, &way.store, 0)
    }

    /// The store as the backend of a mobile app.
    pub fn mobile(way: &Way) -> Self {
        Self { name: "mobile", ..Self::store(way) }
    }

    /// A step that has the number n at the store has the number n + `further` here.
    pub fn forums(way: &Way, further: usize) -> Self {
        let lists = Lists::new(&["Which lamp oil burns longest?"]);
        let texts = ["forums", "Lighthouse Forums", "/posts", "Your forum posts", "text"];
        Self::new(texts, lists, way, FORUMS, &way.forums, further)
    }

    fn new(
        texts: [&'static str; 5],
        lists: Lists,
        way: &Way,
        client: &str,
        (secret, key): &(String, String),
        further: usize,
    ) -> Self {
        let [name, title, page, page_title, field] = texts;
        let countersign = Countersign::new(&way.url, client, secret, key);
        let verifier = Arc::new(Verifier::new(&way.url, &way.issuer, client));
        Self { name, title, page, page_title, field, lists, countersign, verifier, further }
    }

    /// Verifies a JWT without asking anybody, but for the keys when they are needed.
    pub async fn judge(&self, token: &str) -> Jwt {
        let (verifier, token) = (self.verifier.clone(), token.to_owned());
        web::block(move || verifier.judge(&token)).await.unwrap_or(Jwt::Unknown)
    }

    /// Tells a step of a login or of a page, by its number at the store.
    pub fn step(&self, at_store: usize, what: impl Display) {
        told::step(self.name, at_store + self.further, what);
    }

    /// Tells a step that the workflow numbers once, and which goes the same way at both sites.
    pub fn same_step(&self, number: usize, what: impl Display) {
        told::step(self.name, number, what);
    }

    pub fn aside(&self, what: impl Display) {
        told::aside(self.name, what);
    }
}
