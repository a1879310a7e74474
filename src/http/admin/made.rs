//! Secrets that are made here and shown once.

use crate::config::Secret;
use crate::http::Doors;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// 256 bits that nobody can guess, as text that begins with `prefix`.
pub fn secret(doors: &Doors, prefix: &str) -> Secret {
    let mut bytes = Zeroizing::new([0; 32]);
    doors.entropy.fill(&mut *bytes);
    let mut text = String::with_capacity(64);
    text.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut text);
    Secret::new(text)
}

/// The text of a secret for an answer, where it was made here: whoever gave it knows it.
pub fn shown(secret: Option<&Secret>, given: bool) -> Option<String> {
    secret.filter(|_| !given).map(|secret| secret.expose().to_owned())
}
