//! What is known of the brakes.

use crate::domain::ids::Version;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The fold of the `brakes` stream; the default where nothing was ever braked.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Brakes {
    /// The version of the last `brakes.all_revoked`; 0: none. A session that was started before it is over.
    pub all_by: Version,
    /// When that was: tokens without a session are compared with it.
    pub all_at: Option<Timestamp>,
    /// Since when nobody may log in; `None`: people may.
    pub logins_refused_since: Option<Timestamp>,
}
