//! `/api/application`: clients, as FusionAuth's clients make and change them.

mod body;
pub mod look;
pub mod make;
pub mod roles;

use super::{page, who};
use crate::actors::{AuthenticatedClient, NotDone, Refused, Services};
use crate::domain::denial::Denial;
use crate::http::Doors;
use crate::http::admin::Operator;
use crate::http::error::{Faults, Why};
use actix_web::web::{self, ServiceConfig};
use uuid::Uuid;

/// What is said where an application has too much.
const TOO_LONG: &str = "an application has room for some 2,500 bytes in all, or some 40 roles: use fewer or shorter roles, origins and data";

/// The routes of this group.
pub fn routes(config: &mut ServiceConfig) {
    let applications = page("/api/application", "GET, POST");
    let application = page("/api/application/{applicationId}", "DELETE, GET, PATCH, POST, PUT");
    let roles = page("/api/application/{applicationId}/role", "DELETE, POST");
    let role = page("/api/application/{applicationId}/role/{roleId}", "DELETE, PATCH, POST, PUT");
    let oauth = page("/api/application/{applicationId}/oauth-configuration", "GET");
    config
        .service(applications.route(web::get().to(look::list)).route(web::post().to(make::create)))
        .service(
            application
                .route(web::get().to(look::show))
                .route(web::post().to(make::create_with_id))
                .route(web::put().to(make::update))
                .route(web::patch().to(make::patch))
                .route(web::delete().to(make::delete)),
        )
        .service(roles.route(web::post().to(roles::create)).route(web::delete().to(roles::delete_by_name)))
        .service(
            role.route(web::post().to(roles::create_with_id))
                .route(web::put().to(roles::update))
                .route(web::patch().to(roles::patch))
                .route(web::delete().to(roles::delete)),
        )
        .service(oauth.route(web::get().to(look::oauth)));
}

/// The application that a path names.
fn named(id: &str, services: &Services) -> Result<AuthenticatedClient, Why> {
    if let Some(found) = who::application(id, services)? {
        return Ok(found);
    }
    if id == "search" {
        return Err(Why::NotSupported("applications are not searched here: GET /api/application lists them"));
    }
    if Uuid::try_parse(id).is_err() {
        return Err(Faults::of("applicationId", "couldNotConvert", "this must be a UUID").into());
    }
    Err(Why::NotDone(NotDone::Missing))
}

/// The same, where the operator may see and change it.
async fn covered(id: &str, operator: &Operator, services: &Services) -> Result<AuthenticatedClient, Why> {
    let application = named(id, services)?;
    if operator.covers(&application.id) { Ok(application) } else { Err(operator.elsewhere(services).await) }
}

/// What did not fit is told of the field that was sent. All of an application is one entry of the journal.
fn fitting(field: &'static str) -> impl Fn(Why) -> Why {
    move |why| match why {
        Why::Refused(Refused::Denied(Denial::TooLong))
        | Why::NotDone(NotDone::Refused(Refused::Denied(Denial::TooLong))) => {
            Faults::of(field, "tooLong", TOO_LONG).into()
        }
        other => other,
    }
}

/// An id that is drawn.
pub fn random_id(doors: &Doors) -> Uuid {
    let mut bytes = [0; 16];
    doors.entropy.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
