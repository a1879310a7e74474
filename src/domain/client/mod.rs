//! A client: an application that asks for tokens. Its `client:ID` stream holds what administration writes, so that logins
//! and refreshes can guard its version; what traffic writes goes to `use:ID`.

mod apply;
mod decide;
mod event;
mod settings;
mod state;

pub use apply::{apply, apply_use};
pub use decide::*;
pub use event::*;
pub use settings::*;
pub use state::*;
