//! `countersign account list`, `show` and `find`.

use super::{COLUMNS, FIRST, Which, found, id_of, typed};
use crate::cli::Failure;
use crate::cli::reach::{Does, Doors, Reach};
use crate::cli::show::{self, Listing, Shape};
use clap::Args;

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    reach: Reach,
    /// Only those that are enabled, disabled or erased
    #[arg(long, value_name = "STANDING", value_parser = ["enabled", "disabled", "erased"])]
    standing: Option<String>,
    /// Only those that may log in at this client
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Args)]
pub struct Show {
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub struct Find {
    #[command(flatten)]
    reach: Reach,
    /// The login id, or - to read it from standard input
    #[arg(value_name = "LOGIN")]
    login: String,
    #[command(flatten)]
    shape: Shape,
}

pub fn list(arguments: List) -> Result<(), Failure> {
    let List { reach, standing, client, listing } = arguments;
    reach.run(Does::Look, async |doors: &Doors| {
        let query = [("standing", standing), ("client", client)];
        show::list(doors, "/admin/accounts", &query, &listing, COLUMNS).await
    })
}

pub fn show(arguments: Show) -> Result<(), Failure> {
    let Show { reach, which, shape } = arguments;
    reach.run(Does::Look, async |doors: &Doors| {
        let id = id_of(doors, &which.account).await?;
        let shown = doors.get(&format!("/admin/accounts/{id}")).await;
        show::one(&shown.map_err(|failure| failure.about(&format!("account {id}")))?, shape, FIRST)
    })
}

pub fn find(arguments: Find) -> Result<(), Failure> {
    let Find { reach, login, shape } = arguments;
    reach.run(Does::Look, async |doors: &Doors| show::one(&found(doors, &typed(&login)?).await?, shape, FIRST))
}
