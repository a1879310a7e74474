//! A phone as far as the mobile backend sees one: it keeps a JWT and a refresh token, and shows both with each request.

use crate::stage::Stage;
use crate::support::Answer;
use crate::visit::Visit;
use crate::visitor::Person;
use serde_json::{Value, json};

pub struct Phone<'a> {
    stage: &'a Stage,
    person: Person,
    pub kept: Kept,
}

/// What is kept on a phone; empty where there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    pub jwt: String,
    pub refresh: String,
}

impl<'a> Phone<'a> {
    pub fn new(stage: &'a Stage, person: Person) -> Self {
        Self { stage, person, kept: Kept::default() }
    }

    /// Logs in, and keeps what that gives.
    pub fn log_in(&mut self, login: &str, password: &str) -> Visit<'a> {
        self.ask("POST", "/api/login", &json!({"login": login, "password": password}))
    }

    /// Looks at the cart, and keeps what is new.
    pub fn cart(&mut self) -> Visit<'a> {
        self.ask("GET", "/api/cart", &Value::Null)
    }

    /// Puts something into the cart.
    pub fn add(&mut self, item: &str) -> Visit<'a> {
        self.ask("POST", "/api/cart", &json!({ "item": item }))
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> Visit<'a> {
        let Kept { jwt, refresh } = &self.kept;
        let bearer = format!("Bearer {jwt}");
        let mut headers = vec![("X-Forwarded-For", self.person.address), ("User-Agent", self.person.agent)];
        let more = [("Authorization", &*bearer, !jwt.is_empty()), ("X-Refresh-Token", refresh, !refresh.is_empty())];
        headers.extend(more.into_iter().filter(|(.., is_there)| *is_there).map(|(name, text, _)| (name, text)));
        let text = if body.is_null() { String::new() } else { body.to_string() };
        if !body.is_null() {
            headers.push(("Content-Type", "application/json"));
        }
        let visit = Visit::of(self.stage, |app| Answer::to(app, app, (method, path), &headers, text.as_bytes()));
        if visit.answer.status == 200 {
            let said = visit.answer.json();
            for (name, kept) in [("token", &mut self.kept.jwt), ("refreshToken", &mut self.kept.refresh)] {
                if let Some(renewed) = said[name].as_str() {
                    renewed.clone_into(kept);
                }
            }
        }
        visit
    }
}
