//! The gate of an account: a small stream that only says who may have sessions, at which clients, with which roles.
//! Nothing that traffic writes stands in it, so that a login can guard its version without ever losing to another login.

mod apply;
mod decide;
mod event;
mod state;

pub use apply::apply;
pub use decide::*;
pub use event::*;
pub use state::*;
