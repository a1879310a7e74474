//! What the apps are for: a shopping cart and forum posts. Each is a list of texts of each person, in memory.

use std::collections::HashMap;
use std::sync::Mutex;

/// Texts of one person at most, and characters of a text. People are those who can log in: there is no need to bound them.
const TEXTS: usize = 20;
const CHARACTERS: usize = 80;

pub struct Lists {
    first: &'static [&'static str],
    of: Mutex<HashMap<String, Vec<String>>>,
}

impl Lists {
    /// Everybody begins with the `first` texts.
    pub fn new(first: &'static [&'static str]) -> Self {
        Self { first, of: Mutex::default() }
    }

    pub fn get(&self, person: &str) -> Vec<String> {
        let lists = self.of.lock().expect("no holder panics");
        lists.get(person).cloned().unwrap_or_else(|| self.begin())
    }

    /// Adds a text. What is too long is cut, and the oldest makes room.
    pub fn add(&self, person: &str, text: &str) {
        let text: String = text.trim().chars().take(CHARACTERS).collect();
        if text.is_empty() {
            return;
        }
        let mut lists = self.of.lock().expect("no holder panics");
        let list = lists.entry(person.to_owned()).or_insert_with(|| self.begin());
        list.push(text);
        let spare = list.len().saturating_sub(TEXTS);
        list.drain(..spare);
    }

    fn begin(&self) -> Vec<String> {
        self.first.iter().map(ToString::to_string).collect()
    }
}
