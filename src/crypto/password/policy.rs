//! Which passwords people may choose, after NIST SP 800-63B (section 5.1.1.2).
//!
//! A password has to be long enough, and must not be among the first that are guessed: a common one, or one made of the login id.
//! There are no rules about which kinds of characters stand in it, it is never cut off, and it never expires. What a bootstrap file
//! declares is not judged.

use crate::crypto::sealing::normalise_login;
use zeroize::Zeroizing;
use zxcvbn::matching::patterns::MatchPattern;

/// The longest password, in bytes: 64 characters of any kind fit four times over. It bounds what there is to hash.
const MAX_BYTES: usize = 1024;

/// A password that is guessed within so many tries is common. Guessing from lists takes a few thousand tries for a common one and
/// a hundred times as many for its plain variations; eight letters by chance take 100 million by the same count.
const TOO_FEW_GUESSES: u64 = 1_000_000;

/// How many characters zxcvbn is given at a time. Its lists hold nothing longer worth the name, and within this length it computes
/// without overflow (it counts the orders of a sequence as a factorial, and 20! is the last to fit), does not reach the limit of its
/// regular expressions, and takes a twentieth of a second where every character can stand for several letters.
const PIECE: usize = 20;
/// How many pieces are looked at: a hundred characters. Nobody guesses what is weak for longer than that.
const PIECES: usize = 5;

/// Fewer characters than this are no word.
const WORD: usize = 3;
/// A password of which fewer characters than this are left without the words of the login id is made of them.
const LEFT: usize = 4;
/// How many words of a login id are looked at.
const WORDS: usize = 16;

/// What a password that a person chooses must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The fewest characters (Unicode code points).
    pub min_length: usize,
}

/// Why a password may not be chosen; the texts are for the person who chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too few characters.
    #[error("this password is too short: choose one of at least {min} characters, such as a few words")]
    TooShort {
        /// The fewest.
        min: usize,
    },
    /// Too many bytes.
    #[error("this password is too long: choose one of at most 1024 bytes, which are 256 characters in any script")]
    TooLong,
    /// Among the first that are guessed.
    #[error(
        "this password is among the first that are guessed: choose another, such as a few words that do not belong together"
    )]
    Common,
    /// The one that the account has.
    #[error("this is the password that the account has: choose another")]
    Same,
    /// Made of the login id.
    #[error("this password is made of your login: choose one that has nothing to do with it")]
    LikeLogin,
}

impl Policy {
    /// Whether a person with this login id may choose this password.
    ///
    /// It takes less than a millisecond of the processor for most passwords, and a twentieth of a second for each of five pieces at
    /// the very worst, so it belongs on a thread that may be kept busy. The first call reads the lists: 8 MiB of memory that stay.
    /// What it leaves on the stack is wiped by [`crate::crypto::wipe_stack`].
    ///
    /// # Errors
    /// [`WeakPassword`]: what is wrong with it.
    pub fn check(&self, password: &str, login: &str) -> Result<(), WeakPassword> {
        if password.len() > MAX_BYTES {
            return Err(WeakPassword::TooLong);
        }
        if password.chars().count() < self.min_length {
            return Err(WeakPassword::TooShort { min: self.min_length });
        }
        let words = words(login);
        if left_without(password, &words) < LEFT {
            return Err(WeakPassword::LikeLogin);
        }
        let words: Vec<&str> = words.iter().map(|word| word.as_str()).collect();
        match common(password, &words) {
            None => Ok(()),
            Some(true) => Err(WeakPassword::LikeLogin),
            Some(false) => Err(WeakPassword::Common),
        }
    }
}

/// The login id, what stands before its `@`, and its words; longer ones first. Lower case.
fn words(login: &str) -> Vec<Zeroizing<String>> {
    let login = Zeroizing::new(normalise_login(login));
    let local = login.split('@').next().unwrap_or_default();
    let runs = login.split(|c: char| !c.is_alphanumeric());
    let mut words: Vec<&str> =
        [login.as_str(), local].into_iter().chain(runs).filter(|word| word.chars().count() >= WORD).collect();
    words.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
    words.dedup();
    words.truncate(WORDS);
    words.into_iter().map(|word| Zeroizing::new(word.to_owned())).collect()
}

/// How many characters of a password are in none of the words.
fn left_without(password: &str, words: &[Zeroizing<String>]) -> usize {
    let lower = Zeroizing::new(password.to_lowercase());
    let mut left = vec![lower.as_str()];
    for word in words {
        left = left.into_iter().flat_map(|part| part.split(word.as_str())).collect();
    }
    left.into_iter().map(|part| part.chars().count()).sum()
}

/// Whether a password is among the first that are guessed, and then, whether words of the login id are what makes it so.
fn common(password: &str, words: &[&str]) -> Option<bool> {
    let characters = Zeroizing::new(password.chars().collect::<Vec<char>>());
    let unit = unit(&characters);
    // What is said again and again is guessed at the second try.
    let mut guesses: u64 = if unit.len() < characters.len() { 2 } else { 1 };
    let mut of_login = false;
    for piece in unit.chunks(PIECE).take(PIECES) {
        let piece = Zeroizing::new(piece.iter().collect::<String>());
        let judged = zxcvbn::zxcvbn(&piece, words);
        guesses = guesses.saturating_mul(judged.guesses());
        if guesses >= TOO_FEW_GUESSES {
            return None;
        }
        of_login |= judged.sequence().iter().any(
            |part| matches!(&part.pattern, MatchPattern::Dictionary(found) if words.contains(&found.matched_word.as_str())),
        );
    }
    Some(of_login)
}

/// The shortest beginning of a text that the whole text repeats, at least twice; else the whole text.
fn unit(text: &[char]) -> &[char] {
    // `borders[i]` is the length of the longest text that `text[..=i]` both begins and ends with, without being all of it (the
    // failure function of Knuth, Morris and Pratt).
    let mut borders = Zeroizing::new(vec![0_usize; text.len()]);
    for at in 1..text.len() {
        let mut border = borders[at - 1];
        while border > 0 && text[border] != text[at] {
            border = borders[border - 1];
        }
        borders[at] = border + usize::from(text[border] == text[at]);
    }
    let period = text.len() - borders.last().copied().unwrap_or(0);
    if period * 2 <= text.len() { &text[..period] } else { text }
}

#[cfg(test)]
mod tests;
