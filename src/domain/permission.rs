//! What an API key may do.

use std::collections::BTreeSet;

/// A permission of an API key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Permission {
    /// Everything that changes or shows accounts, clients, sessions, keys, API keys and brakes. Not the journal.
    Admin,
    /// To read the journal, what is personal in it left out.
    Audit,
    /// To read what is personal in it, too.
    AuditPersonal,
    /// To erase accounts.
    Erase,
    /// To log people in at doors that authenticate no client.
    Login,
    /// To make, see and change accounts.
    Users,
    /// To make, see and change clients.
    Applications,
    /// To see and end sessions.
    Tokens,
    /// To read the metrics.
    Metrics,
}

impl Permission {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 9] = [
        Self::Admin,
        Self::Audit,
        Self::AuditPersonal,
        Self::Erase,
        Self::Login,
        Self::Users,
        Self::Applications,
        Self::Tokens,
        Self::Metrics,
    ];

    /// Its name in settings and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Audit => "audit",
            Self::AuditPersonal => "audit.personal",
            Self::Erase => "erase",
            Self::Login => "login",
            Self::Users => "users",
            Self::Applications => "applications",
            Self::Tokens => "tokens",
            Self::Metrics => "metrics",
        }
    }

    /// Whether a key with these permissions has this one: by name, or because it may do everything of its kind.
    pub fn is_given_by(self, permissions: &BTreeSet<String>) -> bool {
        let within_admin = match self {
            Self::Admin | Self::Erase | Self::Login | Self::Users => true,
            Self::Applications | Self::Tokens | Self::Metrics => true,
            Self::Audit | Self::AuditPersonal => false,
        };
        permissions.contains(self.as_str()) || (within_admin && permissions.contains(Self::Admin.as_str()))
    }
}
