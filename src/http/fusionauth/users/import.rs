//! `POST /api/user/import`: users of another system, with the hashes of their passwords.

use super::super::body::{Fields, object};
use super::super::merge::member;
use super::super::{Outcome, done, person, registrations, tenant, told, who};
use super::{body, judged, register, taken};
use crate::actors::{NewAccount, NewPassword, Refused, Services};
use crate::crypto::password::foreign::Parts;
use crate::crypto::{normalise_login, phc_of};
use crate::domain::ids::{AccountId, ClientId};
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::admin::Operator;
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Users of one request at most.
const USERS: usize = 10_000;
/// Faults that are told at most: who made one in every line need not be told of each.
const FAULTS_MAX: usize = 50;
/// Accounts made at the same time: they share the disk's syncs.
const AT_ONCE: usize = 64;
/// The schemes that are read, as FusionAuth names them.
const SCHEMES: [&str; 4] =
    ["bcrypt", "salted-pbkdf2-hmac-sha256", "salted-pbkdf2-hmac-sha256-512", "salted-pbkdf2-hmac-sha512-512"];

/// Import users.
///
/// `{"users": […], "encryptionScheme": …, "factor": …}`, 10,000 at most within `http.max_body`. Each user has `password` in clear; or with
/// `encryptionScheme`, `factor` and `salt` its hash, as FusionAuth writes it; or without a salt the hash in a notation of
/// docs/CONFIG.md. All are checked before the first is made; still a 503, or a login id that somebody else took meanwhile, may leave a part
/// of them made. So send each with an `id`: who exists with the same id and the same login ids counts as made and is left as he is, and the
/// same request may be sent again.
#[utoipa::path(post, path = "/api/user/import", tag = "fusionauth", operation_id = "fusionauth_import_users",
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "All were made; no body."),
        (status = 400, description = "Something is wrong with one of them, or one exists who is not the same; of many faults some fifty are told. Nothing was made, unless the answer says so.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`, or that does not cover the applications; no body."),
        (status = 503, description = "Not all were made: send the same request again.", body = serde_json::Value),
        (status = 413, description = "The body is too large: send fewer users.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn import(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(imported(&request, payload, &doors).await)
}

async fn imported(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let operator = who::key(Permission::Users, request, doors, services).await?;
    let body = object(request, payload, doors).await?;
    let users = member(&body, "users").as_array().filter(|users| !users.is_empty());
    let users = users.ok_or_else(|| Faults::of("users", "missing", "send the users as a list"))?;
    if users.len() > USERS {
        return Err(Faults::of("users", "tooLong", &format!("send at most {USERS} users at a time")).into());
    }
    let mut faults = Faults::default();
    let (mut all, mut batch) = (Vec::new(), Batch::default());
    for user in users {
        match one(user, &body, services)? {
            Ok(read) if batch.is_new(&read, &mut faults) => all.push(read),
            Ok(_) => {}
            Err(wrong) => faults.join(wrong),
        }
        if faults.count() >= FAULTS_MAX {
            break;
        }
    }
    faults.none()?;
    let told_by_field = member(&body, "validateDbConstraints") == true;
    let mut new = Vec::new();
    for read in all {
        if !operator.covers_person(read.new.clients.as_ref(), services)? {
            return Err(operator.elsewhere(services).await);
        }
        if is_made(&read, &operator, services)? {
            continue;
        }
        free(&read, told_by_field, &operator, services)?;
        if let NewPassword::Plain(password) = &read.new.password {
            judged("user.password", password, &read.own_words, &operator, services).await?;
        }
        new.push(read);
    }
    make(new, &operator, services).await?;
    Ok(done())
}

/// A user who may be made.
struct Read {
    new: NewAccount,
    sent: body::Sent,
    own_words: String,
}

/// What stands in a request more than once.
#[derive(Default)]
struct Batch {
    logins: BTreeSet<String>,
    ids: BTreeSet<AccountId>,
}

impl Batch {
    fn is_new(&mut self, read: &Read, faults: &mut Faults) -> bool {
        let mut is_new = true;
        for (field, login) in [("user.email", &read.sent.email), ("user.username", &read.sent.username)] {
            if login.as_deref().is_some_and(|login| !self.logins.insert(normalise_login(login))) {
                faults.add(field, "invalid", "two of the users have the same");
                is_new = false;
            }
        }
        if read.new.id.is_some_and(|id| !self.ids.insert(id)) {
            faults.add("user.id", "invalid", "two of the users have the same");
            is_new = false;
        }
        is_new
    }
}

/// Reads one user, or what is wrong with him.
fn one(user: &Value, body: &Value, services: &Services) -> Result<Result<Read, Faults>, Why> {
    let mut all_faults = Faults::default();
    let faults = &mut all_faults;
    let mut sent = body::read(user, faults)?;
    let mut fields = Fields::within(user, "user.", faults);
    let id = fields.parsed::<Uuid>("id", "a UUID").map(AccountId);
    let password = sent.password.take();
    let password = password_of((user, body), password, faults);
    let mut clients = BTreeSet::from([tenant::id(services).map_err(Why::Refused)?]);
    let (mut roles_at, mut kept) = (BTreeMap::new(), Map::new());
    let sent_registrations = member(user, "registrations");
    if !sent_registrations.is_null() && !sent_registrations.is_array() {
        faults.add("user.registrations", "couldNotConvert", "this must be a list");
    }
    for registration in sent_registrations.as_array().into_iter().flatten() {
        let Some(read) = register::read(registration, None, true, services, faults)? else { continue };
        let id: ClientId = read.application.id;
        if !read.kept.is_empty() {
            kept.insert(id.to_string(), Value::Object(read.kept));
        }
        roles_at.insert(id.clone(), read.roles);
        clients.insert(id);
    }
    if !kept.is_empty() {
        sent.kept.insert(registrations::FIELD.to_owned(), Value::Object(kept));
    }
    let profile = match body::stored(&sent.kept, "user.data") {
        Ok(profile) => (!sent.kept.is_empty()).then_some(profile),
        Err(Why::Faults(wrong)) => {
            faults.join(*wrong);
            None
        }
        Err(why) => return Err(why),
    };
    let (Some(password), 0) = (password, faults.count()) else { return Ok(Err(all_faults)) };
    let (login, username) = sent.logins();
    let new = NewAccount {
        id,
        username,
        profile,
        must_change: sent.must_change.unwrap_or(false),
        enabled: sent.active.unwrap_or(true),
        clients: Some(clients),
        roles_at,
        ..NewAccount::new(login, password)
    };
    Ok(Ok(Read { own_words: sent.own_words(), new, sent }))
}

/// A password in clear, or a hash, from the fields of a user and of the whole request.
fn password_of(
    (user, body): (&Value, &Value),
    password: Option<Zeroizing<String>>,
    faults: &mut Faults,
) -> Option<NewPassword> {
    let mut all = Fields::of(body, faults);
    let scheme_of_all = all.text("encryptionScheme").map(str::to_owned);
    let factor_of_all = all.number("factor");
    let mut fields = Fields::within(user, "user.", faults);
    let scheme = fields.text("encryptionScheme").map(str::to_owned).or(scheme_of_all);
    let factor = fields.number("factor").or(factor_of_all);
    let salt = fields.text("salt").map(str::to_owned);
    let Some(password) = password else {
        fields.wrong("password", "blank", "send the password of each user, or its hash");
        return None;
    };
    let (scheme, salt) = match (scheme, salt) {
        (None, None) => return Some(NewPassword::Plain(password)),
        (Some(_), None) => {
            let phc = phc_of(&password);
            if phc.is_err() {
                fields.wrong(
                    "salt",
                    "missing",
                    "send the salt of the hash, or the hash in a notation of docs/CONFIG.md",
                );
            }
            return phc.ok().map(NewPassword::Hash);
        }
        (None, Some(_)) => {
            fields.wrong("encryptionScheme", "missing", "say how the password was hashed");
            return None;
        }
        (Some(scheme), Some(salt)) => (scheme, salt),
    };
    if !SCHEMES.contains(&scheme.as_str()) {
        let advice = format!("these are read: {}", SCHEMES.join(", "));
        fields.wrong("encryptionScheme", "invalid", &advice);
        return None;
    }
    let Some(factor) = factor.and_then(|factor| u32::try_from(factor).ok()) else {
        fields.wrong("factor", "missing", "send the factor of the hash");
        return None;
    };
    match (Parts { algorithm: &scheme, factor, salt: &salt, hash: &password }).to_phc() {
        Ok(phc) => Some(NewPassword::Hash(phc)),
        Err(why) => {
            fields.wrong("password", "invalid", &why.to_string());
            None
        }
    }
}

/// Whether he is there, with his id and his login ids: an import before this one made him.
fn is_made(read: &Read, operator: &Operator, services: &Services) -> Result<bool, Why> {
    let Some(id) = read.new.id else { return Ok(false) };
    let Some(account) = services.administration.account(id).map_err(Why::Refused)? else { return Ok(false) };
    let names = person::names(&account);
    let same = (&names.email, &names.username) == (&read.sent.email, &read.sent.username);
    Ok(same && operator.covers_person(account.gate.value.registrations.as_ref(), services)?)
}

/// Whether nobody has his login ids or his id.
fn free(read: &Read, told_by_field: bool, operator: &Operator, services: &Services) -> Result<(), Why> {
    let mut faults = taken(&read.sent, None, operator, services)?;
    if let Some(id) = read.new.id
        && services.administration.account(id).map_err(Why::Refused)?.is_some()
    {
        faults.add("user.id", "duplicate", "another user has this id");
    }
    match faults == Faults::default() {
        true => Ok(()),
        false if told_by_field => Err(faults.into()),
        false => {
            let advice =
                "one of the users exists: nothing was made. Send validateDbConstraints to be told which field it is";
            Err(Faults::general("ImportRequestFailed", advice).into())
        }
    }
}

/// Makes all of them, also after one that could not be made.
async fn make(all: Vec<Read>, operator: &Operator, services: &Services) -> Result<(), Why> {
    let make = |read: Read| services.administration.create_account(read.new, &operator.asker);
    let (wanted, mut made) = (all.len(), 0);
    let mut outcomes = stream::iter(all).map(make).buffered(AT_ONCE);
    while let Some(outcome) = outcomes.next().await {
        match outcome {
            Ok(Some(_)) => made += 1,
            // Somebody else took a login id meanwhile, or he is too much for an event.
            Ok(None) | Err(Refused::Denied(_)) => {}
            Err(why) => return Err(Why::Refused(why)),
        }
    }
    if made == wanted {
        return Ok(());
    }
    let advice = format!(
        "{made} of {wanted} users were made; of the others a login id was taken meanwhile, or what is kept is too much: look which are \
         missing, and send those again"
    );
    Err(Faults::general("ImportRequestFailed", &advice).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(user: Value, body: Value) -> Result<String, String> {
        let mut faults = Faults::default();
        let password = user["password"].as_str().map(|text| Zeroizing::new(text.to_owned()));
        match password_of((&user, &body), password, &mut faults) {
            Some(NewPassword::Plain(plain)) => Ok(format!("plain {}", *plain)),
            Some(NewPassword::Hash(phc)) => Ok(phc.to_string()),
            None => Err(serde_json::to_string(&faults).unwrap()),
        }
    }

    #[test]
    fn a_password_is_read_in_clear_or_as_fusionauth_hashes_it() {
        assert_eq!(read(json!({"password": "p"}), json!({})).as_deref(), Ok("plain p"));
        let (salt, hash) = ("c2FsdHNhbHRzYWx0c2FsdA==", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
        let own =
            json!({"encryptionScheme": "salted-pbkdf2-hmac-sha256", "factor": 24000, "salt": salt, "password": hash});
        let phc = read(own, json!({})).unwrap();
        assert!(phc.starts_with("$pbkdf2-sha256$i=24000,l=32$c2FsdHNhbHRzYWx0c2FsdA$"), "{phc}");
        let of_all = json!({"encryptionScheme": "salted-pbkdf2-hmac-sha256", "factor": 24000});
        assert_eq!(read(json!({"salt": salt, "password": hash}), of_all), Ok(phc));
        let bcrypt = json!({"encryptionScheme": "bcrypt", "factor": 10, "salt": "N9qo8uLOickgx2ZMRZoMye",
            "password": "IjZAgcfl7p92ldGxad68LJZdL17lhWy"});
        assert_eq!(
            read(bcrypt, json!({})).as_deref(),
            Ok("$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy")
        );
        let whole = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
        assert_eq!(read(json!({"password": whole, "encryptionScheme": "bcrypt"}), json!({})).as_deref(), Ok(whole));
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_field_and_shows_no_password() {
        for (user, code) in [
            (json!({}), "[blank]user.password"),
            (
                json!({"password": "hunter2", "encryptionScheme": "salted-sha256", "factor": 1, "salt": "x"}),
                "[invalid]user.encryptionScheme",
            ),
            (json!({"password": "hunter2", "encryptionScheme": "bcrypt"}), "[missing]user.salt"),
            (json!({"password": "hunter2", "salt": "x"}), "[missing]user.encryptionScheme"),
            (json!({"password": "hunter2", "encryptionScheme": "bcrypt", "salt": "x"}), "[missing]user.factor"),
            (
                json!({"password": "hunter2", "encryptionScheme": "bcrypt", "factor": 10, "salt": "x"}),
                "[invalid]user.password",
            ),
        ] {
            let told = read(user.clone(), json!({})).unwrap_err();
            assert!(told.contains(code) && !told.contains("hunter2"), "{user}: {told}");
        }
    }
}
