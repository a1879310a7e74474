//! `countersign account disable`, `enable`, `revoke` and `erase`.

use super::{FIRST, Which, id_of};
use crate::cli::Failure;
use crate::cli::reach::{Does, Doors, Reach};
use crate::cli::show::{self, Shape};
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub struct Act {
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub struct Erase {
    #[command(flatten)]
    act: Act,
    /// Do it: nothing brings the person back
    #[arg(long)]
    yes: bool,
}

pub fn act(arguments: Act, action: &str) -> Result<(), Failure> {
    let Act { reach, which, shape } = arguments;
    reach.run(Does::Change, async |doors: &Doors| {
        let id = id_of(doors, &which.account).await?;
        let done = doors.post(&format!("/admin/accounts/{id}/{action}"), &json!({})).await;
        show::one(&done.map_err(|failure| failure.about(&format!("account {id}")))?, shape, FIRST)
    })
}

pub fn erase(arguments: Erase) -> Result<(), Failure> {
    if !arguments.yes {
        return Err(Failure::new(
            "erasing forgets the person for good: nobody can read the login id, addresses and devices any more, but in back-ups from \
             before, and every session ends. Say --yes to do it",
        ));
    }
    act(arguments.act, "erase")
}
