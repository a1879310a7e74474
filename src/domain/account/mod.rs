//! An account: a person who can log in. Who may have sessions is the gate's business; here stands what traffic writes.

mod apply;
mod budget;
mod decide;
mod event;
mod state;

pub use apply::{apply, apply_name};
pub use budget::*;
pub use decide::*;
pub use event::*;
pub use state::*;
