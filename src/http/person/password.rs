//! `POST /account/password`.

use super::{owner, read_body, told};
use crate::actors::Refused;
use crate::config::bootstrap::Fields;
use crate::crypto::WeakPassword;
use crate::http::Doors;
use crate::http::error::{HttpError, Why, no_store};
use crate::http::openapi::PlainError;
use crate::http::who::Caller;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// Bytes of a password at most.
const PASSWORD_MAX: usize = 1024;
/// Bytes of a code at most: ours are shorter.
const CODE_MAX: usize = 128;

/// What is sent to set another password.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body for /openapi.json; it is read strictly, by name")]
pub struct PasswordChange {
    /// The password of before; with an own access token in the header.
    #[schema(nullable = false)]
    old_password: Option<String>,
    /// A one-time code, in place of both.
    #[schema(nullable = false)]
    code: Option<String>,
    /// The password from now on.
    new_password: String,
}

/// Set another password.
///
/// With an own access token and the old password; or with a one-time code, which an operator or the app's backend issues
/// (`POST /admin/accounts/{id}/password-code`), or which a login is answered with whose password must be changed (`change_code`).
/// Every session of the account ends, the one that asks too: log in with the new password.
#[utoipa::path(post, path = "/account/password", tag = "person", operation_id = "set_own_password",
    request_body(content = PasswordChange),
    responses(
        (status = 204, description = "It is set."),
        (status = 400, description = "Something is malformed, or the new password is weak (`weak_password`): the message says why.", body = PlainError),
        (status = 401, description = "The access token is missing, or not active.", body = PlainError),
        (status = 403, description = "The old password is wrong (`old_password_wrong`), or the code is wrong, used or too late (`password_code_wrong`).", body = PlainError),
        (status = 503, description = "Not known to be done: log in with the new password to see.", body = PlainError),
    ),
    security((), ("access_token" = []))
)]
pub async fn set(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(&request, changed(&request, payload, &doors).await)
}

async fn changed(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Result<HttpResponse, Why> {
    let services = doors.services()?;
    let settings = &doors.settings;
    let body = read_body(request, payload, settings.max_body, settings.body_timeout).await.map_err(Why::Body)?;
    let mut fields = Fields::of_json(&body)?;
    let (old, code) = (fields.secret("old_password")?, fields.secret("code")?);
    let new = fields.secret("new_password")?;
    fields.finish()?;
    let new = new.ok_or_else(|| fields.error("`new_password` is missing"))?;
    match (old, code) {
        (Some(old), None) => {
            if old.expose().len() > PASSWORD_MAX {
                return Err(fields.error("`old_password` has more than 1024 bytes").into());
            }
            let owner = owner(request, doors, services)?;
            let login = services.tokens.login(&owner.inspected).map_err(Why::Refused)?.unwrap_or_default();
            judged(services.passwords.judge(new.expose(), &login, &owner.asker).await)?;
            let old = Zeroizing::new(old.expose().as_bytes().to_vec());
            let new = Zeroizing::new(new.expose().to_owned());
            judged(services.passwords.change(owner.account, old, new, &owner.asker).await)?;
        }
        (None, Some(code)) => {
            if code.expose().len() > CODE_MAX {
                return Err(fields.error("`code` has more than 128 bytes").into());
            }
            let asker = Caller::of(request, doors).unproven();
            let shown = services.passwords.show_code(code.expose(), &asker).await.map_err(Why::Refused)?;
            judged(services.passwords.judge_another(&shown, new.expose(), &asker).await)?;
            let new = Zeroizing::new(new.expose().to_owned());
            services.passwords.reset(shown, new, &asker).await.map_err(Why::Refused)?;
        }
        _ => return Err(fields.error("give exactly one of `old_password` and `code`").into()),
    }
    Ok(no_store(&mut HttpResponse::NoContent()).finish())
}

/// Whether a password may be chosen.
fn judged(judged: Result<Result<(), WeakPassword>, Refused>) -> Result<(), Why> {
    judged.map_err(Why::Refused)?.map_err(Why::Weak)
}
