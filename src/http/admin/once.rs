//! `Idempotency-Key`: what was answered to a POST is answered again to whoever asks the same again, for a day. Kept in memory,
//! within bounds; see `docs/decisions`.

use super::Answer;
use super::authority::Operator;
use super::header;
use crate::crypto::sha256;
use crate::domain::time::{Span, Timestamp};
use crate::http::error::Why;
use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long an answer is kept.
const KEPT_FOR: Span = Span::days(1);
/// Answers kept at most.
const ANSWERS: usize = 10_000;
/// Bytes of kept answers at most.
const BYTES: usize = 16 << 20;
/// Bytes of a key at most.
const KEY_MAX: usize = 255;

/// Whose key, and the key.
type Key = (String, String);

/// What was asked under a key, and how far that has come.
struct Asked {
    /// A digest of the whole request.
    request: [u8; 32],
    /// `None`: it is under way.
    answer: Option<Answer>,
}

/// The answers that are kept.
#[derive(Default)]
pub struct Answered(Mutex<Table>);

#[derive(Default)]
struct Table {
    asked: HashMap<Key, Asked>,
    /// The keys that have an answer, each once, from the first that was answered on, with the instants at which they were asked. So
    /// nothing is looked through for what is to be forgotten; what is under way never is.
    order: VecDeque<(Timestamp, Key)>,
    /// Bytes of all answers.
    bytes: usize,
}

/// The place of a request that is under way. Given up when it is dropped without an answer, so that the next try may do it.
struct Place<'a> {
    answered: &'a Answered,
    key: Option<Key>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.answered.table().asked.remove(&key);
        }
    }
}

impl Answered {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what a request asks for, once for each `Idempotency-Key` of an operator: to the same request the same answer is given
    /// again. Without the header it is just done. A refusal is not kept: the next try may be granted.
    ///
    /// # Errors
    /// Whatever `work` is refused for; [`Why::KeyReused`], [`Why::KeyInUse`].
    pub async fn once(
        &self,
        (request, body): (&HttpRequest, &[u8]),
        operator: &Operator,
        now: Timestamp,
        work: impl Future<Output = Result<Answer, Why>>,
    ) -> Result<Answer, Why> {
        let Some(key) = header(request, &HeaderName::from_static("idempotency-key"))? else { return work.await };
        if key.is_empty() || key.len() > KEY_MAX {
            return Err(Why::Malformed(format!("Idempotency-Key must have 1 to {KEY_MAX} characters")));
        }
        let asked = digest(request, body);
        let key = (operator.name().to_owned(), key);
        let mut place = match self.table().begin(&key, asked, now)? {
            Some(answer) => return Ok(answer.again()),
            None => Place { answered: self, key: Some(key) },
        };
        let answer = work.await?;
        if let Some(key) = place.key.take() {
            self.table().keep(key, Asked { request: asked, answer: Some(answer.clone()) }, now);
        }
        Ok(answer)
    }
}

impl Table {
    /// Takes the place of a key; the answer, where there is one already.
    fn begin(&mut self, key: &Key, request: [u8; 32], now: Timestamp) -> Result<Option<Answer>, Why> {
        while self.order.front().is_some_and(|(at, _)| !now.since(*at).is_within(KEPT_FOR)) {
            self.forget_first();
        }
        match self.asked.get(key) {
            Some(known) if known.request != request => return Err(Why::KeyReused),
            Some(Asked { answer: Some(answer), .. }) => return Ok(Some(answer.clone())),
            Some(Asked { answer: None, .. }) => return Err(Why::KeyInUse),
            None => {}
        }
        self.asked.insert(key.clone(), Asked { request, answer: None });
        Ok(None)
    }

    /// Keeps an answer, and forgets the first ones beyond the bounds.
    fn keep(&mut self, key: Key, asked: Asked, at: Timestamp) {
        self.bytes += asked.answer.as_ref().map_or(0, Answer::size);
        self.order.push_back((at, key.clone()));
        self.asked.insert(key, asked);
        while self.order.len() > ANSWERS || self.bytes > BYTES {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some((_, key)) = self.order.pop_front() else { return };
        let forgotten = self.asked.remove(&key).and_then(|asked| asked.answer);
        self.bytes -= forgotten.as_ref().map_or(0, Answer::size);
    }
}

fn digest(request: &HttpRequest, body: &[u8]) -> [u8; 32] {
    let head = format!("{} {}\n", request.method(), request.path());
    sha256(&[head.as_bytes(), body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Key {
        ("operations".to_owned(), number.to_string())
    }

    fn asked(body: &str) -> Asked {
        Asked { request: [0; 32], answer: Some(Answer::of(&body)) }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    /// Whether a key has an answer; if it has none, its place is taken and given up again.
    fn has(table: &mut Table, number: usize, now: Timestamp) -> bool {
        let found = table.begin(&key(number), [0; 32], now).unwrap().is_some();
        if !found {
            table.asked.remove(&key(number));
        }
        found
    }

    fn counted(table: &Table) -> usize {
        table.asked.values().filter_map(|asked| asked.answer.as_ref()).map(Answer::size).sum()
    }

    #[test]
    fn an_answer_is_kept_for_a_day_and_then_forgotten_with_its_bytes() {
        let mut table = Table::default();
        let day = 24 * 60 * 60 * 1000;
        table.keep(key(1), asked("one"), at(0));
        table.keep(key(2), asked("two"), at(1));
        assert!(has(&mut table, 1, at(day - 1)));
        assert!(!has(&mut table, 1, at(day)));
        assert!(has(&mut table, 2, at(day)));
        assert_eq!((table.order.len(), table.bytes), (1, counted(&table)));
        assert!(!has(&mut table, 2, at(day + 1)));
        assert_eq!((table.order.len(), table.bytes, table.asked.len()), (0, 0, 0));
    }

    #[test]
    fn beyond_the_number_of_answers_the_first_is_forgotten_and_what_is_under_way_is_not() {
        let mut table = Table::default();
        assert!(table.begin(&key(usize::MAX), [7; 32], at(0)).unwrap().is_none());
        for number in 0..=ANSWERS {
            table.keep(key(number), asked("a secret"), at(1));
        }
        assert!(!has(&mut table, 0, at(1)) && has(&mut table, 1, at(1)) && has(&mut table, ANSWERS, at(1)));
        assert_eq!((table.order.len(), table.asked.len(), table.bytes), (ANSWERS, ANSWERS + 1, counted(&table)));
        assert!(matches!(table.begin(&key(usize::MAX), [7; 32], at(1)), Err(Why::KeyInUse)));
        assert!(matches!(table.begin(&key(usize::MAX), [8; 32], at(1)), Err(Why::KeyReused)));
    }

    #[test]
    fn beyond_the_bytes_of_answers_the_first_are_forgotten() {
        let mut table = Table::default();
        let quarter = "x".repeat(BYTES / 4);
        for number in 0..5 {
            table.keep(key(number), asked(&quarter), at(1));
            assert!(table.bytes <= BYTES && table.bytes == counted(&table));
        }
        assert!(!has(&mut table, 1, at(1)) && has(&mut table, 2, at(1)) && has(&mut table, 4, at(1)));
    }
}
