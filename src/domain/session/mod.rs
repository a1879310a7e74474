//! A session: one login of one account at one client, and the family of refresh tokens that descend from it.

mod apply;
mod decide;
mod event;
mod state;

pub use apply::apply;
pub use decide::*;
pub use event::*;
pub use state::*;
