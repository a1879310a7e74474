//! `/api-docs`: the page on which people read `/openapi.json` and try the doors. It comes whole from the binary, under a policy that
//! lets it load and run nothing else.

use super::Doors;
use super::error::{HttpError, Why};
use super::openapi::PlainError;
use super::who::request_id;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use std::sync::Arc;
use utoipa_swagger_ui::Config;

/// Only what comes from here, and no script or style in the page itself. Pictures may be `data:`, since the style sheet holds some.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// The page on which people read this document.
///
/// And the files that it loads; nothing from elsewhere.
///
/// # Errors
/// There is no such file.
#[utoipa::path(get, path = "/api-docs/{file}", tag = "operations", operation_id = "api_page",
    params(("file" = String, Path, description = "A file of the page; the page itself is `/api-docs/index.html`.")),
    responses(
        (status = 200, description = "The page, or a file of it."),
        (status = 404, description = "There is no such file.", body = PlainError),
    ))]
pub async fn file(
    request: HttpRequest,
    path: web::Path<String>,
    _: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let config = Arc::new(Config::new(["/openapi.json"]).validator_url("none").use_base_layout());
    let file = utoipa_swagger_ui::serve(&path, config).ok().flatten();
    let file = file.ok_or_else(|| HttpError::plain(Why::NotFound, request_id(&request)))?;
    Ok(HttpResponse::Ok()
        .content_type(file.content_type)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((PERMISSIONS_POLICY, "interest-cohort=()"))
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .body(file.bytes.into_owned()))
}

/// Leads to the page.
///
/// Its files have addresses below this one.
#[utoipa::path(get, path = "/api-docs", tag = "operations", operation_id = "api_page_home",
    responses((status = 308, description = "The page is at `/api-docs/index.html`.")))]
pub async fn home() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/api-docs/index.html")).finish()
}
