//! `POST /admin/accounts/import`: accounts of another system, a line each.

use super::accounts::new_account;
use super::authority::Operator;
use super::{Answer, body, told};
use crate::actors::{NotDone, Refused, Services};
use crate::config::bootstrap::{Fields, account_of};
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::error::{HttpError, Why};
use crate::http::openapi::PlainError;
use crate::http::transport::headers;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use utoipa::ToSchema;

/// Lines of one request at most.
const LINES: usize = 1000;
/// Accounts made at the same time: they share the disk's syncs.
const AT_ONCE: usize = 64;

/// What became of the lines of one request.
#[derive(Serialize, ToSchema, Default)]
pub struct Imported {
    /// Accounts that were made.
    created: usize,
    /// Lines whose login id, or id, was an account's before: nothing of it was changed.
    existed: usize,
    /// Lines that were refused.
    refused: Vec<RefusedLine>,
}

/// A line that was refused.
#[derive(Serialize, ToSchema)]
pub struct RefusedLine {
    /// Its number, from 1.
    line: usize,
    /// Why. Never with the password or its hash.
    error: String,
}

/// What became of a line.
enum Line {
    Created,
    Existed,
    Refused(String),
}

/// Import accounts.
///
/// JSON lines, each as in `POST /admin/accounts`: mostly with `password_hash`, since each password in clear costs a hash. Asked again
/// with the same lines, it makes none twice: after a 503, or an answer that was lost, send them again.
#[utoipa::path(post, path = "/admin/accounts/import", tag = "admin",
    request_body(content = String, content_type = "application/x-ndjson", description = "At most 1,000 lines, within the limit of a body."),
    responses(
        (status = 200, description = "What became of them.", body = Imported),
        (status = 400, description = "The body is no list of lines.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `users`.", body = PlainError),
        (status = 413, description = "The body is too large: send fewer lines.", body = PlainError),
        (status = 503, description = "Some may have been made: send the same lines again after `Retry-After`.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn import(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(&request, imported(&request, payload, &doors).await)
}

async fn imported(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = Operator::who_may(Permission::Users, request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let is_lines = headers(request).get(CONTENT_TYPE).is_some_and(|of| {
        let essence = of.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        ["application/x-ndjson", "application/jsonl"].iter().any(|lines| essence.eq_ignore_ascii_case(lines))
    });
    if !is_lines {
        return Err(Why::Malformed("send JSON lines as application/x-ndjson".to_owned()));
    }
    let lines: Vec<(usize, &[u8])> = (1..).zip(body.split(|byte| *byte == b'\n')).collect();
    if lines.len() > LINES + 1 {
        return Err(Why::Malformed(format!("more than {LINES} lines: send fewer at a time")));
    }
    let lines = lines.into_iter().filter(|(_, line)| !line.trim_ascii().is_empty());
    let made = lines.map(|(number, line)| {
        let operator = &operator;
        async move { (number, one(line, operator, doors, services).await) }
    });
    let mut made = stream::iter(made).buffered(AT_ONCE);
    let mut all = Imported::default();
    while let Some((number, outcome)) = made.next().await {
        match outcome? {
            Line::Created => all.created += 1,
            Line::Existed => all.existed += 1,
            Line::Refused(error) => all.refused.push(RefusedLine { line: number, error }),
        }
    }
    Ok(Answer::of(&all))
}

/// One line. What cannot be decided now stops the import; what is wrong with the line does not.
async fn one(line: &[u8], operator: &Operator, doors: &Doors, services: &Services) -> Result<Line, Why> {
    let read = Fields::of_json(line).and_then(account_of).map_err(Why::from);
    let new = match read.and_then(|spec| new_account(spec, doors)) {
        Ok(new) => new,
        Err(why) => return Ok(Line::Refused(HttpError::plain(why, None).text())),
    };
    if !operator.covers_account(new.clients.as_ref()) {
        return Ok(Line::Refused("this API key covers other clients only".to_owned()));
    }
    let (id, login) = (new.id, new.login.clone());
    match services.administration.create_account(new, &operator.asker).await {
        Ok(Some(_)) => Ok(Line::Created),
        Ok(None) => {
            let held = services.administration.find_account(&login).map_err(Why::Refused)?;
            let same = held.is_some() && id.is_none_or(|id| held == Some(id));
            Ok(if same {
                Line::Existed
            } else {
                Line::Refused("the id is another account's, or its login id".to_owned())
            })
        }
        Err(Refused::Denied(denial)) => Err(Why::NotDone(NotDone::Refused(denial.into()))),
        Err(unavailable) => Err(Why::Refused(unavailable)),
    }
}
