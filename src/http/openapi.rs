//! `/openapi.json`: generated from the annotations beside the handlers and pinned by a test.

use super::{admin, api_page, fusionauth, oauth, ops, person};
use actix_web::HttpResponse;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

#[derive(OpenApi)]
#[openapi(
    info(title = "Countersign", description = "An auth engine for app backends: logins, access tokens, rotating refresh tokens, and a durable journal of every decision."),
    tags(
        (name = "oauth", description = "OAuth 2, for app backends and resource servers"),
        (name = "person", description = "A person's own sessions and password, with an own access token"),
        (name = "fusionauth", description = "FusionAuth's API, for apps that were written for it"),
        (name = "admin", description = "Accounts, clients, sessions, keys, API keys and brakes, for those who administer"),
        (name = "operations", description = "Health, metrics and this document, for those who run it"),
    ),
    paths(
        oauth::token::token,
        oauth::revoke::revoke,
        oauth::introspect::introspect,
        oauth::userinfo::userinfo,
        oauth::userinfo::userinfo_by_post,
        oauth::discovery::metadata,
        oauth::discovery::openid_metadata,
        oauth::jwks::jwks,
        fusionauth::login::login,
        fusionauth::logout::logout,
        fusionauth::ping::ping,
        fusionauth::ping::ping_of,
        fusionauth::refresh::refresh,
        fusionauth::refresh_tokens::list,
        fusionauth::refresh_tokens::show,
        fusionauth::refresh_tokens::revoke,
        fusionauth::refresh_tokens::revoke_one,
        fusionauth::issue::issue,
        fusionauth::tokens::validate,
        fusionauth::tokens::public_keys,
        fusionauth::tokens::vend,
        admin::accounts::list,
        admin::accounts::create,
        admin::accounts::find,
        admin::accounts::show,
        admin::accounts::change,
        admin::accounts::act,
        admin::import::import,
        admin::sessions::list,
        admin::sessions::show,
        admin::sessions::revoke,
        admin::brakes::show,
        admin::brakes::pull,
        person::sessions::list,
        person::sessions::end,
        person::sessions::end_all,
        person::password::set,
        admin::api_keys::list,
        admin::api_keys::create,
        admin::api_keys::show,
        admin::api_keys::change,
        admin::api_keys::act,
        admin::clients::list,
        admin::clients::create,
        admin::clients::show,
        admin::clients::change,
        admin::clients::act,
        admin::keys::list,
        admin::keys::rotate,
        admin::keys::distrust,
        fusionauth::users::make::create,
        fusionauth::users::make::create_with_id,
        fusionauth::users::look::find,
        fusionauth::users::look::show,
        fusionauth::users::search::by_query,
        fusionauth::users::search::by_body,
        fusionauth::users::change::update,
        fusionauth::users::change::patch,
        fusionauth::users::delete::delete,
        fusionauth::users::delete::delete_none,
        fusionauth::users::import::import,
        fusionauth::users::password::forgot,
        fusionauth::users::password::may_change,
        fusionauth::users::password::change,
        fusionauth::users::password::check,
        fusionauth::users::password::change_with_code,
        fusionauth::users::register::create,
        fusionauth::users::register::create_with_id,
        fusionauth::users::registered::update,
        fusionauth::users::registered::patch,
        fusionauth::users::registered::show,
        fusionauth::users::registered::update_one,
        fusionauth::users::registered::patch_one,
        fusionauth::users::registered::delete,
        fusionauth::applications::look::list,
        fusionauth::applications::look::show,
        fusionauth::applications::look::oauth,
        fusionauth::applications::make::create,
        fusionauth::applications::make::create_with_id,
        fusionauth::applications::make::update,
        fusionauth::applications::make::patch,
        fusionauth::applications::make::delete,
        fusionauth::applications::roles::create,
        fusionauth::applications::roles::create_with_id,
        fusionauth::applications::roles::update,
        fusionauth::applications::roles::patch,
        fusionauth::applications::roles::delete,
        fusionauth::applications::roles::delete_by_name,
        fusionauth::tenants::list,
        fusionauth::tenants::show,
        fusionauth::tenants::create,
        fusionauth::tenants::create_with_id,
        fusionauth::tenants::status,
        fusionauth::tenants::health,
        ops::health::live,
        ops::health::ready,
        ops::metrics::metrics,
        serve,
        api_page::home,
        api_page::file,
    ),
    components(schemas(oauth::token::OAuthError, PlainError)),
    modifiers(&Schemes)
)]
struct Document;

/// An error of the endpoints that are not OAuth's.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the answer of `error::Shape::Plain`")]
pub struct PlainError {
    /// A stable code for programs.
    #[schema(example = "not_found")]
    error: String,
    /// What to do; it may change.
    message: String,
    /// The same as in the header `X-Request-Id`.
    #[schema(nullable = false)]
    request_id: Option<String>,
}

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = |scheme| SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("client_basic", scheme(HttpAuthScheme::Basic));
        components.add_security_scheme("access_token", scheme(HttpAuthScheme::Bearer));
        components.add_security_scheme("api_key", scheme(HttpAuthScheme::Bearer));
        let bare = ApiKeyValue::with_description(
            "Authorization",
            "An API key alone, without a scheme; it may also stand after `Bearer`.",
        );
        components.add_security_scheme("fusionauth_key", SecurityScheme::ApiKey(ApiKey::Header(bare)));
    }
}

/// The document as pretty JSON.
pub fn document() -> String {
    Document::openapi().to_pretty_json().unwrap_or_default()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations", responses(
    (status = 200, description = "OpenAPI 3.1.", body = serde_json::Value),
))]
pub async fn serve() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document())
}
