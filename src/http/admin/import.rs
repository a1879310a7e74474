//! `POST /admin/accounts/import`: accounts of another system, a line each.

use super::accounts::{covers_new, new_account};
use super::authority::Operator;
use super::{Answer, body, told};
use crate::actors::{Refused, Services};
use crate::config::bootstrap::{AccountSpec, Fields, account_of};
use crate::crypto::normalise_login;
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::error::{HttpError, Why};
use crate::http::openapi::PlainError;
use crate::http::transport::headers;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use std::collections::BTreeSet;
use std::pin::pin;
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
#[utoipa::path(post, path = "/admin/accounts/import", tag = "admin", operation_id = "import_accounts",
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
    let mut all = Imported::default();
    let (mut first, mut later) = (Vec::new(), Vec::new());
    let mut named = BTreeSet::new();
    for (number, line) in lines.into_iter().filter(|(_, line)| !line.trim_ascii().is_empty()) {
        match Fields::of_json(line).and_then(account_of) {
            Err(error) => all.refused.push(RefusedLine { line: number, error: error.to_string() }),
            Ok(spec) => {
                let username = spec.username.as_deref().map(normalise_login);
                let names = [Some(normalise_login(&spec.login)), username, spec.id.map(|id| id.to_string())];
                let mut is_new = true;
                for name in names.into_iter().flatten() {
                    is_new &= named.insert(name);
                }
                // Of lines that name the same, the first counts: the others wait for it.
                if is_new { first.push((number, spec)) } else { later.push((number, spec)) }
            }
        }
    }
    let make = |(number, spec)| {
        let operator = &operator;
        async move { (number, one(spec, operator, services).await) }
    };
    all.take(stream::iter(first).map(make).buffered(AT_ONCE)).await?;
    all.take(stream::iter(later).then(make)).await?;
    all.refused.sort_by_key(|refused| refused.line);
    Ok(Answer::of(&all))
}

impl Imported {
    /// Takes note of what becomes of lines.
    async fn take(&mut self, made: impl Stream<Item = (usize, Result<Line, Why>)>) -> Result<(), Why> {
        let mut made = pin!(made);
        while let Some((number, outcome)) = made.next().await {
            match outcome? {
                Line::Created => self.created += 1,
                Line::Existed => self.existed += 1,
                Line::Refused(error) => self.refused.push(RefusedLine { line: number, error }),
            }
        }
        Ok(())
    }
}

/// One line. What cannot be decided now stops the import; what is wrong with the line does not.
async fn one(spec: AccountSpec, operator: &Operator, services: &Services) -> Result<Line, Why> {
    if !covers_new(operator, &spec, services)? {
        return Ok(Line::Refused("this API key covers other clients only".to_owned()));
    }
    let new = match new_account(spec, &operator.asker, services).await {
        Ok(new) => new,
        Err(Why::Refused(refused)) => return Err(Why::Refused(refused)),
        Err(why) => return Ok(Line::Refused(HttpError::plain(why, None).text())),
    };
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
        Err(Refused::Denied(denial)) => Ok(Line::Refused(HttpError::plain(Why::Refused(denial.into()), None).text())),
        Err(unavailable) => Err(Why::Refused(unavailable)),
    }
}
