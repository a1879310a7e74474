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
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long an answer is kept.
const KEPT_FOR: Span = Span::days(1);
/// Answers kept at most.
const ANSWERS: usize = 10_000;
/// Bytes of kept answers at most.
const BYTES: usize = 16 << 20;
/// Bytes of a key at most.
const KEY_MAX: usize = 255;

/// What was asked under a key, and how far that has come.
struct Asked {
    /// A digest of the whole request.
    request: [u8; 32],
    at: Timestamp,
    /// `None`: it is under way.
    answer: Option<Answer>,
}

/// The answers that are kept.
#[derive(Default)]
pub struct Answered(Mutex<HashMap<(String, String), Asked>>);

/// The place of a request that is under way. Given up when it is dropped without an answer, so that the next try may do it.
struct Place<'a> {
    answered: &'a Answered,
    key: Option<(String, String)>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.answered.kept().remove(&key);
        }
    }
}

impl Answered {
    fn kept(&self) -> MutexGuard<'_, HashMap<(String, String), Asked>> {
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
        let mut place = match self.begin(&key, asked, now)? {
            Some(answer) => return Ok(answer.again()),
            None => Place { answered: self, key: Some(key) },
        };
        let answer = work.await?;
        if let Some(key) = place.key.take() {
            self.kept().insert(key, Asked { request: asked, at: now, answer: Some(answer.clone()) });
        }
        Ok(answer)
    }

    /// Takes the place of a key; the answer, where there is one already.
    fn begin(&self, key: &(String, String), asked: [u8; 32], now: Timestamp) -> Result<Option<Answer>, Why> {
        let mut kept = self.kept();
        kept.retain(|_, asked| now.since(asked.at).is_within(KEPT_FOR));
        match kept.get(key) {
            Some(known) if known.request != asked => return Err(Why::KeyReused),
            Some(Asked { answer: Some(answer), .. }) => return Ok(Some(answer.clone())),
            Some(Asked { answer: None, .. }) => return Err(Why::KeyInUse),
            None => {}
        }
        make_room(&mut kept);
        kept.insert(key.clone(), Asked { request: asked, at: now, answer: None });
        Ok(None)
    }
}

/// Forgets the oldest answers beyond the bounds; never what is under way.
fn make_room(kept: &mut HashMap<(String, String), Asked>) {
    let bytes: usize = kept.values().filter_map(|asked| asked.answer.as_ref()).map(Answer::size).sum();
    if kept.len() < ANSWERS && bytes < BYTES {
        return;
    }
    let mut ends: Vec<Timestamp> = kept.values().map(|asked| asked.at).collect();
    ends.sort_unstable();
    let cut = ends[ends.len() / 10];
    kept.retain(|_, asked| asked.answer.is_none() || asked.at > cut);
}

fn digest(request: &HttpRequest, body: &[u8]) -> [u8; 32] {
    let head = format!("{} {}\n", request.method(), request.path());
    sha256(&[head.as_bytes(), body].concat())
}
