//! What is shown of sessions that are archived: they ended, their segments are sealed, and the store knows nothing of them any
//! more. What they were is looked up and handed to the rules, and what is recorded tells it beside each refusal.

mod apply;
mod decide;
mod event;
mod state;

pub use apply::apply;
pub use decide::*;
pub use event::*;
pub use state::*;
