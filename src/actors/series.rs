//! Counters stand in the metrics before they count. One that is born with its first event has no rise to show, and an alert
//! that waits for the rise of thefts would miss the first.

use super::core::Unavailable;
use super::hasher::Shed;
use crate::domain::client::Grant;
use crate::domain::denial::Denial;
use crate::domain::ids::ClientId;
use crate::domain::session::{RefreshHow, RevokeReason};
use crate::metrics::Metrics;
use prometheus::IntCounterVec;

/// Clients whose counters stand there from the start. Those of others come with what they count.
pub const CLIENTS: usize = 200;

/// What a refresh is refused with.
const REFRESH_REFUSED: [Denial; 12] = [
    Denial::HistoryLost,
    Denial::ClientMismatch,
    Denial::AheadOfJournal,
    Denial::AccountDisabled,
    Denial::ClientDisabled,
    Denial::GrantWithdrawn,
    Denial::Closed,
    Denial::LateRetry,
    Denial::ForeignRetry,
    Denial::Superseded,
    Denial::WrongDoor,
    Denial::InvalidScope,
];

/// What a login is refused with.
const LOGIN_REFUSED: [Denial; 9] = [
    Denial::WrongCredentials,
    Denial::Throttled,
    Denial::NotRegistered,
    Denial::PasswordChangeRequired,
    Denial::LoginsRefused,
    Denial::GrantNotAllowed,
    Denial::InvalidScope,
    Denial::AccountDisabled,
    Denial::ClientDisabled,
];

/// What a client itself is refused with.
const CLIENT_REFUSED: [Denial; 5] = [
    Denial::ClientUnknown,
    Denial::ClientSecretMissing,
    Denial::ClientSecretWrong,
    Denial::ClientSecretUnexpected,
    Denial::GrantNotAllowed,
];

/// Makes the counters whose labels are known at the start.
pub fn begin(metrics: &Metrics, clients: &[ClientId]) {
    let stand = |counter: &IntCounterVec, code: &str| drop(counter.with_label_values(&[code]));
    for why in Unavailable::ALL {
        stand(&metrics.unavailable_total, why.code());
    }
    for shed in Shed::ALL {
        stand(&metrics.hash_shed_total, shed.code());
    }
    for reason in RevokeReason::ALL {
        stand(&metrics.revocations_total, reason.code());
    }
    for grant in Grant::ALL {
        stand(&metrics.tokens_issued_total, grant.as_str());
    }
    for denial in CLIENT_REFUSED {
        stand(&metrics.client_refusals_total, denial.code());
    }
    for denial in [Denial::ApiKeyUnknown, Denial::ApiKeyDisabled] {
        stand(&metrics.api_key_refusals_total, denial.code());
    }
    // A token that is not ours names no client.
    drop(metrics.refreshes_total.with_label_values(&["-", Denial::BadTag.code()]));
    for client in clients.iter().take(CLIENTS) {
        of_client(metrics, client);
    }
}

/// Makes the counters of a client.
pub fn of_client(metrics: &Metrics, client: &ClientId) {
    let refreshes = RefreshHow::ALL.iter().map(|how| how.code()).chain(REFRESH_REFUSED.map(Denial::code));
    for outcome in refreshes {
        drop(metrics.refreshes_total.with_label_values(&[client.as_str(), outcome]));
    }
    for outcome in ["ok"].into_iter().chain(LOGIN_REFUSED.map(Denial::code)) {
        drop(metrics.logins_total.with_label_values(&[client.as_str(), outcome]));
    }
}
