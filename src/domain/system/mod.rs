//! The server itself: its starts, its keys, its API keys, and what it noticed about its own history.

mod apply;
mod decide;
mod event;
mod list;
mod state;

pub use apply::apply;
pub use decide::*;
pub use event::*;
pub use list::*;
pub use state::*;
