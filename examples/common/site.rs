//! The two sites of the web apps, the store and the forums of one company. They are two apps: another client at Countersign, other cookies
//! (by their host names), another login.

use super::countersign::{Countersign, No};
use super::jwt::{Claims, Jwt, Verifier};
use super::lists::Lists;
use super::options::Connection;
use super::person::Person;
use super::told::{self, Told};
use actix_web::web;
use std::error::Error;
use std::fmt::Display;
use std::sync::Arc;

/// The clients' ids at Countersign. FusionAuth calls them application ids.
pub const STORE: &str = "570e0000-0000-4000-8000-000000000001";
pub const FORUMS: &str = "f0215000-0000-4000-8000-000000000002";

/// What people see of a site.
pub struct Look {
    /// The first label of its host name, and its name in the terminal.
    pub name: &'static str,
    pub title: &'static str,
    /// The page that a login is needed for.
    pub page: &'static str,
    pub page_title: &'static str,
    /// The name, the label and the button of the field with which something is added there.
    pub field: &'static str,
    pub field_label: &'static str,
    pub button: &'static str,
    /// What everybody has there at first.
    pub first: &'static [&'static str],
}

const STORE_LOOK: Look = Look {
    name: "store",
    title: "Lighthouse Store",
    page: "/shopping-cart",
    page_title: "Your shopping cart",
    field: "item",
    field_label: "Another item",
    button: "Add to cart",
    first: &["Ship's biscuits", "A good lamp"],
};

const FORUMS_LOOK: Look = Look {
    name: "forums",
    title: "Lighthouse Forums",
    page: "/posts",
    page_title: "Your forum posts",
    field: "text",
    field_label: "Another post",
    button: "Post",
    first: &["Which lamp oil burns longest?"],
};

/// One site.
pub struct Site {
    pub look: Look,
    pub lists: Lists,
    pub countersign: Countersign,
    verifier: Arc<Verifier>,
    /// The workflow numbers the steps of a login and of a page for the store, and later once more for the forums: so much higher.
    offset: usize,
}

/// What a refresh token got.
pub struct Renewed {
    pub jwt: String,
    pub who: Claims,
    /// The next refresh token, where it was replaced.
    pub next: Option<String>,
}

/// Why it got nothing.
pub enum NotRenewed {
    /// It is not good any more.
    Dead,
    /// Nobody knows. Where there is a next refresh token nevertheless, the old one is spent, and the next must be kept.
    Unknown { next: Option<String> },
}

impl Site {
    pub fn store(connection: &Connection) -> Result<Self, Box<dyn Error>> {
        let credentials = connection.credentials("STORE", STORE, |own| &own.store)?;
        let verifier = Verifier::new(&connection.url, &connection.issuer, STORE, connection.timeout)?;
        let countersign = Countersign::new(STORE_LOOK.name, &connection.url, credentials, connection.timeout);
        Ok(Self::new(STORE_LOOK, countersign, verifier, 0))
    }

    /// The store as the backend of a mobile app.
    pub fn mobile(connection: &Connection) -> Result<Self, Box<dyn Error>> {
        let store = Self::store(connection)?;
        Ok(Self { look: Look { name: "mobile", ..STORE_LOOK }, ..store })
    }

    /// A step that has the number n at the store has the number n + `offset` here.
    pub fn forums(connection: &Connection, offset: usize) -> Result<Self, Box<dyn Error>> {
        let credentials = connection.credentials("FORUMS", FORUMS, |own| &own.forums)?;
        let verifier = Verifier::new(&connection.url, &connection.issuer, FORUMS, connection.timeout)?;
        let countersign = Countersign::new(FORUMS_LOOK.name, &connection.url, credentials, connection.timeout);
        Ok(Self::new(FORUMS_LOOK, countersign, verifier, offset))
    }

    fn new(look: Look, countersign: Countersign, verifier: Verifier, offset: usize) -> Self {
        Self { lists: Lists::new(look.first), look, countersign, verifier: Arc::new(verifier), offset }
    }

    /// Verifies a JWT without asking anybody, but for the keys when they are needed.
    pub async fn judge(&self, token: &str) -> Jwt {
        let (verifier, token) = (self.verifier.clone(), token.to_owned());
        web::block(move || verifier.judge(&token)).await.unwrap_or(Jwt::Unknown)
    }

    /// Redeems a refresh token.
    pub async fn redeem(&self, refresh: String, person: Person) -> Result<Renewed, NotRenewed> {
        let tokens = self.countersign.refresh(refresh.clone(), person).await.map_err(|no| match no {
            No::Refused => NotRenewed::Dead,
            No::Unavailable => NotRenewed::Unknown { next: None },
        })?;
        let next = (tokens.refresh != refresh).then_some(tokens.refresh);
        match self.judge(&tokens.jwt).await {
            Jwt::Good(who) => Ok(Renewed { jwt: tokens.jwt, who, next }),
            Jwt::Expired | Jwt::Invalid | Jwt::Unknown => Err(NotRenewed::Unknown { next }),
        }
    }

    /// The number of a step of a login or of a page, by its number at the store.
    pub fn number(&self, at_store: usize) -> usize {
        at_store + self.offset
    }

    /// Tells a step of a login or of a page, by its number at the store.
    pub fn step(&self, at_store: usize, what: impl Display) {
        told::step(self.look.name, self.number(at_store), what);
    }

    /// Tells steps by the numbers that they have.
    pub fn tell(&self, told: &Told) {
        told.tell(self.look.name);
    }

    pub fn aside(&self, what: impl Display) {
        told::aside(self.look.name, what);
    }
}

/// What the answer to a refresh gave, in words.
pub fn given(next: Option<&String>) -> String {
    let kind = if next.is_some() { "and the next refresh token" } else { "and the refresh token stays" };
    format!("200: a new JWT, {kind}")
}
