//! Looking up what the store knows nothing of any more: sessions that are archived.

use super::store::StoreError;
use crate::domain::evidence::Past;
use crate::domain::ids::{Generation, SessionId};

/// Where archived sessions are looked up. It may read files: call it where waiting is allowed.
pub trait History: Send + Sync {
    /// What an archived session was, and when the presented generation of its refresh token was redeemed; `None` where nothing
    /// is known of such a session.
    ///
    /// # Errors
    /// Where what is kept cannot be read.
    fn past(&self, id: SessionId, presented: Generation) -> Result<Option<Past>, StoreError>;
}

/// A place where nothing is looked up, for a journal that archives nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHistory;

impl History for NoHistory {
    fn past(&self, _: SessionId, _: Generation) -> Result<Option<Past>, StoreError> {
        Ok(None)
    }
}
