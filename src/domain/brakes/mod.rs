//! The brakes that reach beyond one account or client: everything that is open, a network, new logins. One stream, `brakes`, in
//! which nothing stands that traffic writes, so that a login or a refresh can guard its version.

mod apply;
mod decide;
mod event;
mod state;

pub use apply::apply;
pub use decide::*;
pub use event::*;
pub use state::*;
