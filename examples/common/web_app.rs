//! The two sites as web servers: the pages, the login form, the log out button. How an app keeps somebody logged in is its own: [`Login`].

use super::countersign::No;
use super::jwt::Claims;
use super::options::{self, Options};
use super::pages::{self, Because, Trouble, Viewer};
use super::person::{Person, text};
use super::site::{NotRenewed, Renewed, Site};
use super::told::{self, Told};
use super::web::{ENDED, REFRESH, cookie, gone, is_from_own_page, kept, page, redirect, trouble, until_closed, with};
use actix_web::error::InternalError;
use actix_web::guard::{self, Guard};
use actix_web::http::StatusCode;
use actix_web::http::header::HOST;
use actix_web::web::{Data, Form, FormConfig, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde::Deserialize;
use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;

/// Bytes of a form at most.
const FORM: usize = 4096;

/// Somebody who is logged in and asks for a page that a login is needed for.
pub struct Visitor {
    pub who: Claims,
    /// What the answer has to set.
    pub cookies: Vec<String>,
    /// What happened on the way.
    pub told: Told,
}

/// Who asks for such a page, and is not known to be logged in.
pub enum Away {
    /// Nobody. What happened, where a login has just turned out to be over.
    Out { told: Option<Told> },
    /// Countersign gives no answer. The cookies must be set nevertheless.
    Unknown { cookies: Vec<String> },
}

/// The numbers of the steps in which the workflow tells of what both sites do alike.
pub struct Steps {
    /// The first step in which the refresh token turns out to be dead, of four.
    pub dead: usize,
    /// Somebody logs in once more, after the login has ended.
    pub again: usize,
    /// How much higher the numbers of the forums' pages and logins are than those of the store.
    pub forums: usize,
}

/// How an app keeps people logged in.
pub trait Login: Send + Sync + 'static {
    const STEPS: Steps;
    /// The name of its own cookie, beside the refresh token's.
    const COOKIE: &str;
    /// The first label of the hosts' domain in a newcomer's browser. Cookies do not tell ports apart, so two apps need two.
    const DOMAIN: &str;

    /// Checks login id and password, and gives the value of its cookie and the refresh token.
    fn log_in(
        &self,
        site: &Site,
        login: String,
        password: String,
        person: Person,
    ) -> impl Future<Output = Result<(String, String), No>>;

    /// Finds out who asks, and renews the login where its time is over.
    fn visit(&self, site: &Site, request: &HttpRequest) -> impl Future<Output = Result<Visitor, Away>>;

    /// Who is logged in, for a page that is for everybody: nothing is renewed, and nobody is asked.
    fn peek(&self, site: &Site, request: &HttpRequest) -> impl Future<Output = Option<Claims>>;

    /// Forgets what the app itself knows of the login of a request.
    fn forget(&self, request: &HttpRequest);
}

/// Somebody asks for a page without what shows by itself that he is logged in: the refresh token gets it again.
///
/// # Errors
/// Who asks then: nobody, or nobody knows. `asked` is what happened before.
pub async fn renew<L: Login>(site: &Site, request: &HttpRequest, asked: &str) -> Result<Renewed, Away> {
    let Some(refresh) = cookie(request, REFRESH) else {
        site.aside(format!("nobody is logged in who asks for {}: to the login page", site.look.page));
        return Err(Away::Out { told: None });
    };
    site.redeem(refresh, Person::of(request)).await.map_err(|not| match not {
        NotRenewed::Dead => Away::Out {
            told: Some(Told::new(
                L::STEPS.dead,
                [
                    asked.to_owned(),
                    REDEEMED.to_owned(),
                    "404: the refresh token is not good any more".to_owned(),
                    "the browser is sent to the login page".to_owned(),
                ],
            )),
        },
        NotRenewed::Unknown { next } => Away::Unknown { cookies: next_cookie(next.as_deref()) },
    })
}

/// The step in which a refresh token is redeemed.
pub const REDEEMED: &str = "the refresh token goes to Countersign: POST /api/jwt/refresh";

/// The cookie of the next refresh token, where there is one.
pub fn next_cookie(next: Option<&str>) -> Vec<String> {
    next.map(|next| kept(REFRESH, next)).into_iter().collect()
}

/// One site with its logins.
struct WebApp<L> {
    site: Site,
    login: L,
}

/// Serves both sites on one address, by their host names, until the process is told to end. `lives`: what ends first, and when.
pub async fn serve<L: Login>(
    address: SocketAddr,
    options: &Options,
    lives: &str,
    login: impl Fn() -> L,
) -> Result<(), Box<dyn Error>> {
    let listener = options::listen(address)?;
    let address = listener.local_addr()?;
    let connection = options.connect()?;
    let store = Data::new(WebApp { site: Site::store(&connection)?, login: login() });
    let forums = Data::new(WebApp { site: Site::forums(&connection, L::STEPS.forums)?, login: login() });
    let urls = ["store", "forums"].map(|name| format!("http://{name}.{}.localhost:{}/", L::DOMAIN, address.port()));
    let names = urls.clone();
    let server = HttpServer::new(move || {
        let of = |app: &Data<WebApp<L>>| {
            let (name, page) = (app.site.look.name, app.site.look.page);
            let scope = web::scope("").guard(host(name)).app_data(app.clone()).app_data(forms(app));
            scope.configure(|config| routes::<L>(config, page)).default_service(web::to(no_page::<L>))
        };
        let names = names.clone();
        let which = move || {
            let names = names.clone();
            async { page(StatusCode::NOT_FOUND, pages::which(names)) }
        };
        App::new().service(of(&store)).service(of(&forums)).configure(assets).default_service(web::to(which))
    });
    let server = server.workers(2).max_connections(200).shutdown_timeout(1).listen(listener)?;
    told::line(format!("listening on http://{address}"));
    told::line(format!("Open {} and {} in a browser.", urls[0], urls[1]));
    options.introduce(&connection, lives);
    Ok(server.run().await?)
}

fn host(name: &'static str) -> impl Guard {
    guard::fn_guard(move |asked| {
        let host = text(asked.head().headers(), HOST.as_str());
        host.split('.').next() == Some(name)
    })
}

fn routes<L: Login>(config: &mut ServiceConfig, page: &str) {
    config
        .route("/", web::get().to(home::<L>))
        .route("/login", web::get().to(login_form::<L>))
        .route("/login", web::post().to(log_in::<L>))
        .route("/logout", web::post().to(log_out::<L>))
        .configure(assets)
        .route(page, web::get().to(list::<L>))
        .route(page, web::post().to(add::<L>));
}

fn assets(config: &mut ServiceConfig) {
    config
        .route("/style.css", web::get().to(async || asset("text/css; charset=utf-8", pages::STYLE)))
        .route("/icon.svg", web::get().to(async || asset("image/svg+xml", pages::ICON)));
}

fn asset(kind: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type(kind).insert_header(("Cache-Control", "max-age=600")).body(text)
}

/// How forms are read.
fn forms<L: Login>(app: &Data<WebApp<L>>) -> FormConfig {
    let app = app.clone();
    FormConfig::default().limit(FORM).error_handler(move |error, _| {
        let answer = trouble(&app.site, Trouble::Broken);
        InternalError::from_response(error, answer).into()
    })
}

async fn home<L: Login>(app: Data<WebApp<L>>, request: HttpRequest) -> HttpResponse {
    app.site.step(1, "a browser asks for the home page");
    let who = app.login.peek(&app.site, &request).await;
    let viewer = match &who {
        Some(who) => Viewer::Person(&who.email),
        // A refresh token may be good still: the page behind the link finds out.
        None if cookie(&request, REFRESH).is_some() => Viewer::Anybody,
        None => Viewer::Stranger,
    };
    let is_stranger = matches!(viewer, Viewer::Stranger);
    app.site.step(2, if is_stranger { "it gets the page, with a link to the login form" } else { "it gets the page" });
    page(StatusCode::OK, pages::home(&app.site.look, viewer))
}

async fn login_form<L: Login>(app: Data<WebApp<L>>, request: HttpRequest) -> HttpResponse {
    app.site.step(3, "the browser asks for the login form");
    app.site.step(4, "it gets the form");
    let because = if cookie(&request, ENDED).is_some() { Because::Ended } else { Because::Asked };
    page(StatusCode::OK, pages::login(&app.site.look, because))
}

#[derive(Deserialize)]
struct Typed {
    login: String,
    password: String,
}

async fn log_in<L: Login>(app: Data<WebApp<L>>, request: HttpRequest, typed: Form<Typed>) -> HttpResponse {
    let WebApp { site, login } = &**app;
    if !is_from_own_page(&request) {
        return trouble(site, Trouble::Foreign);
    }
    if cookie(&request, ENDED).is_some() {
        told::step(site.look.name, L::STEPS.again, "somebody whose login has ended logs in again:");
    }
    site.step(5, "the browser posts what was typed into the form");
    let Typed { login: name, password } = typed.into_inner();
    match login.log_in(site, name.clone(), password, Person::of(&request)).await {
        Ok((own, refresh)) => {
            // Who logs in over another login wants that one to end. Where Countersign does not answer, it ends by itself some day.
            login.forget(&request);
            if let Some(before) = cookie(&request, REFRESH) {
                let _ = site.countersign.log_out(before).await;
            }
            let cookies = [until_closed(L::COOKIE, &own), kept(REFRESH, &refresh), gone(ENDED)];
            with(redirect(StatusCode::FOUND, site.look.page), &cookies)
        }
        Err(No::Refused) => {
            site.aside("Countersign refuses that login: the form is shown again");
            page(StatusCode::UNAUTHORIZED, pages::login(&site.look, Because::Refused(&name)))
        }
        Err(No::Unavailable) => trouble(site, Trouble::LoginUnknown),
    }
}

async fn log_out<L: Login>(app: Data<WebApp<L>>, request: HttpRequest) -> HttpResponse {
    let WebApp { site, login } = &**app;
    if !is_from_own_page(&request) {
        return trouble(site, Trouble::Foreign);
    }
    match cookie(&request, REFRESH) {
        Some(refresh) => match site.countersign.log_out(refresh).await {
            Ok(()) => site.aside("log out: the session is revoked at Countersign, and the cookies are taken away"),
            Err(No::Refused) => {
                site.aside("log out: the refresh token is none of this app; the cookies are taken away");
            }
            // Until it is answered, the session lives, and whoever wanted to leave must know.
            Err(No::Unavailable) => return trouble(site, Trouble::LogoutUnknown),
        },
        None => site.aside("log out: there is no refresh token to revoke; the cookies are taken away"),
    }
    login.forget(&request);
    with(redirect(StatusCode::SEE_OTHER, "/"), &[gone(L::COOKIE), gone(REFRESH), gone(ENDED)])
}

async fn list<L: Login>(app: Data<WebApp<L>>, request: HttpRequest) -> HttpResponse {
    let WebApp { site, login } = &**app;
    match login.visit(site, &request).await {
        Ok(Visitor { who, cookies, told }) => {
            site.tell(&told);
            let texts = site.lists.get(&who.sub);
            with(page(StatusCode::OK, pages::list(&site.look, &who.email, &texts)), &cookies)
        }
        Err(away) => turned_away::<L>(site, away),
    }
}

async fn add<L: Login>(
    app: Data<WebApp<L>>,
    request: HttpRequest,
    sent: Form<HashMap<String, String>>,
) -> HttpResponse {
    let WebApp { site, login } = &**app;
    if !is_from_own_page(&request) {
        return trouble(site, Trouble::Foreign);
    }
    match login.visit(site, &request).await {
        Ok(Visitor { who, cookies, .. }) => {
            let renewed = if cookies.is_empty() { "" } else { ", with a login that had to be renewed" };
            site.aside(format!("{} adds something{renewed}", who.email));
            site.lists.add(&who.sub, sent.get(site.look.field).map_or("", String::as_str));
            with(redirect(StatusCode::SEE_OTHER, site.look.page), &cookies)
        }
        Err(away) => turned_away::<L>(site, away),
    }
}

/// The answer to whoever is not known to be logged in.
fn turned_away<L: Login>(site: &Site, away: Away) -> HttpResponse {
    match away {
        Away::Unknown { cookies } => with(trouble(site, Trouble::Unknown), &cookies),
        Away::Out { told: None } => with(redirect(StatusCode::FOUND, "/login"), &[gone(L::COOKIE)]),
        Away::Out { told: Some(told) } => {
            site.tell(&told);
            let cookies = [gone(L::COOKIE), gone(REFRESH), until_closed(ENDED, "yes")];
            with(redirect(StatusCode::FOUND, "/login"), &cookies)
        }
    }
}

async fn no_page<L: Login>(app: Data<WebApp<L>>) -> HttpResponse {
    trouble(&app.site, Trouble::NoPage)
}
