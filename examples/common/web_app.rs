//! The two sites as web servers: the pages, the login form, the log out button. How an app keeps somebody logged in is its own: [`Login`].

use super::countersign::No;
use super::jwt::Claims;
use super::options::Options;
use super::pages::{self, Because};
use super::person::{Person, text};
use super::renewal::{Numbers, Renewed, redeem};
use super::site::Site;
use super::told;
use super::web::{
    ENDED, REFRESH, cookie, foreign, gone, is_from_own_page, kept, page, redirect, try_again, until_closed, with,
};
use actix_web::guard::{self, Guard};
use actix_web::http::StatusCode;
use actix_web::http::header::HOST;
use actix_web::web::{Data, Form, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde::Deserialize;
use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;

/// Who asks for a page that a login is needed for.
pub enum Visit {
    /// Somebody who is logged in, and cookies that the answer has to set.
    In { who: Claims, cookies: Vec<String> },
    /// Nobody; `ended`: any more.
    Out { ended: bool },
    /// Countersign gives no answer.
    Unknown,
}

impl Visit {
    /// Somebody asks for a page without what would show by itself that he is logged in, because `why`: the refresh token gets it again.
    ///
    /// # Errors
    /// Who asks then: nobody, or nobody knows.
    pub async fn renewed(site: &Site, request: &HttpRequest, numbers: Numbers, why: &str) -> Result<Renewed, Self> {
        let Some(refresh) = cookie(request, REFRESH) else {
            site.aside("nobody is logged in: to the login page");
            return Err(Self::Out { ended: false });
        };
        let asked = format!("the browser asks for {} with a refresh token and {why}", site.page);
        redeem(site, refresh, Person::of(request), numbers, &asked).await.map_err(|no| match no {
            No::Refused => {
                site.same_step(numbers.dead + 3, "the browser is sent to the login page");
                Self::Out { ended: true }
            }
            No::Unavailable => Self::Unknown,
        })
    }

    /// Somebody whose login was renewed: the cookie of the app's own is set, and that of the refresh token where it was replaced.
    pub fn again(who: Claims, own: String, next: Option<&str>) -> Self {
        Self::In { who, cookies: [Some(own), next.map(|next| kept(REFRESH, next))].into_iter().flatten().collect() }
    }
}

/// How an app keeps people logged in.
pub trait Login: Send + Sync + 'static {
    /// The step of the workflow in which somebody logs in once more, after the login has ended.
    const AGAIN: usize;
    /// Its own cookie, beside the refresh token's.
    const COOKIE: &str;

    /// Checks login id and password, and gives the value of its cookie and the refresh token.
    fn log_in(
        &self,
        site: &Site,
        login: String,
        password: String,
        person: Person,
    ) -> impl Future<Output = Result<(String, String), No>>;

    /// Finds out who asks, and renews the login where its time is over.
    fn visit(&self, site: &Site, request: &HttpRequest) -> impl Future<Output = Visit>;

    /// Who is logged in, for a page that is for everybody: nothing is renewed, and nobody is asked.
    fn peek(&self, site: &Site, request: &HttpRequest) -> impl Future<Output = Option<Claims>>;

    /// Forgets what the app itself knows of the login of a request.
    fn forget(&self, request: &HttpRequest);
}

/// One site with its logins.
struct WebApp<L> {
    site: Site,
    login: L,
}

/// Serves both sites on one address, by their host names, until the process is told to end.
pub async fn serve<L: Login>(
    listen: SocketAddr,
    options: &Options,
    further: usize,
    login: impl Fn() -> L,
) -> Result<(), Box<dyn Error>> {
    let way = options.way()?;
    let store = Data::new(WebApp { site: Site::store(&way), login: login() });
    let forums = Data::new(WebApp { site: Site::forums(&way, further), login: login() });
    let server = HttpServer::new(move || {
        let of = |app: &Data<WebApp<L>>| {
            let name = app.site.name;
            let scope = web::scope("").guard(host(name)).app_data(app.clone());
            scope.configure(routes::<L>).default_service(web::to(unknown::<L>))
        };
        App::new().service(of(&store)).service(of(&forums)).configure(assets).default_service(web::to(which))
    });
    let server = server.workers(2).max_connections(200).shutdown_timeout(1).bind(listen)?;
    let address = server.addrs()[0];
    told::line(format!("listening on http://{address}"));
    told::line(format!(
        "Open http://store.localhost:{0}/ and http://forums.localhost:{0}/ in a browser.",
        address.port()
    ));
    options.say(&way);
    Ok(server.run().await?)
}

fn host(name: &'static str) -> impl Guard {
    guard::fn_guard(move |asked| {
        let host = text(asked.head().headers(), HOST.as_str());
        host.split('.').next() == Some(name)
    })
}

fn routes<L: Login>(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(home::<L>))
        .route("/login", web::get().to(login_form::<L>))
        .route("/login", web::post().to(log_in::<L>))
        .route("/logout", web::post().to(log_out::<L>))
        .configure(assets)
        // Each of the two sites has one of them.
        .route("/{page:shopping-cart|posts}", web::get().to(list::<L>))
        .route("/{page:shopping-cart|posts}", web::post().to(add::<L>));
}

fn assets(config: &mut ServiceConfig) {
    config
        .route("/style.css", web::get().to(async || asset("text/css; charset=utf-8", pages::STYLE)))
        .route("/icon.svg", web::get().to(async || asset("image/svg+xml", pages::ICON)));
}

fn asset(kind: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type(kind).insert_header(("Cache-Control", "max-age=600")).body(text)
}

async fn home<L: Login>(app: Data<WebApp<L>>, request: HttpRequest) -> HttpResponse {
    app.site.step(1, "a browser asks for the home page");
    let who = app.login.peek(&app.site, &request).await;
    app.site.step(2, "it gets the page, with a link to the login form");
    page(StatusCode::OK, pages::home(&app.site, who.as_ref().map(|who| who.email.as_str())))
}

async fn login_form<L: Login>(app: Data<WebApp<L>>, request: HttpRequest) -> HttpResponse {
    app.site.step(3, "the browser asks for the login form");
    app.site.step(4, "it gets the form");
    let because = if cookie(&request, ENDED).is_some() { Because::Ended } else { Because::Asked };
    page(StatusCode::OK, pages::login(&app.site, because))
}

#[derive(Deserialize)]
struct Typed {
    login: String,
    password: String,
}

async fn log_in<L: Login>(app: Data<WebApp<L>>, request: HttpRequest, typed: Form<Typed>) -> HttpResponse {
    let WebApp { site, login } = &**app;
    if !is_from_own_page(&request) {
        return foreign(site);
    }
    if cookie(&request, ENDED).is_some() {
        site.same_step(L::AGAIN, "somebody whose login has ended logs in again:");
    }
    site.step(5, "the browser posts what was typed into the form");
    let Typed { login: name, password } = typed.into_inner();
    match login.log_in(site, name.clone(), password, Person::of(&request)).await {
        Ok((own, refresh)) => {
            let cookies = [until_closed(L::COOKIE, &own), kept(REFRESH, &refresh), gone(ENDED)];
            with(redirect(StatusCode::FOUND, site.page), &cookies)
        }
        Err(No::Refused) => {
            site.aside("Countersign refuses that login: the form is shown again");
            page(StatusCode::UNAUTHORIZED, pages::login(site, Because::Refused(&name)))
        }
        Err(No::Unavailable) => try_again(site),
    }
}

async fn log_out<L: Login>(app: Data<WebApp<L>>, request: HttpRequest) -> HttpResponse {
    let WebApp { site, login } = &**app;
    if !is_from_own_page(&request) {
        return foreign(site);
    }
    if let Some(refresh) = cookie(&request, REFRESH) {
        // Until it is answered, the session lives, and whoever wanted to leave must know.
        if site.countersign.log_out(refresh).await == Err(No::Unavailable) {
            return try_again(site);
        }
        site.aside("log out: the session is revoked at Countersign, and the cookies are taken away");
    }
    login.forget(&request);
    with(redirect(StatusCode::SEE_OTHER, "/"), &[gone(L::COOKIE), gone(REFRESH), gone(ENDED)])
}

async fn list<L: Login>(app: Data<WebApp<L>>, request: HttpRequest) -> HttpResponse {
    let WebApp { site, login } = &**app;
    if request.path() != site.page {
        return page(StatusCode::NOT_FOUND, pages::unknown(site));
    }
    match login.visit(site, &request).await {
        Visit::In { who, cookies } => {
            with(page(StatusCode::OK, pages::list(site, &who.email, &site.lists.get(&who.sub))), &cookies)
        }
        Visit::Out { ended } => to_login::<L>(ended),
        Visit::Unknown => try_again(site),
    }
}

async fn add<L: Login>(
    app: Data<WebApp<L>>,
    request: HttpRequest,
    sent: Form<HashMap<String, String>>,
) -> HttpResponse {
    let WebApp { site, login } = &**app;
    if request.path() != site.page {
        return page(StatusCode::NOT_FOUND, pages::unknown(site));
    }
    if !is_from_own_page(&request) {
        return foreign(site);
    }
    match login.visit(site, &request).await {
        Visit::In { who, cookies } => {
            site.lists.add(&who.sub, sent.get(site.field).map_or("", String::as_str));
            with(redirect(StatusCode::SEE_OTHER, site.page), &cookies)
        }
        Visit::Out { ended } => to_login::<L>(ended),
        Visit::Unknown => try_again(site),
    }
}

fn to_login<L: Login>(ended: bool) -> HttpResponse {
    let answer = redirect(StatusCode::FOUND, "/login");
    if ended { with(answer, &[gone(L::COOKIE), gone(REFRESH), until_closed(ENDED, "yes")]) } else { answer }
}

async fn unknown<L: Login>(app: Data<WebApp<L>>) -> HttpResponse {
    page(StatusCode::NOT_FOUND, pages::unknown(&app.site))
}

async fn which(request: HttpRequest) -> HttpResponse {
    let host = text(request.headers(), HOST.as_str());
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    page(StatusCode::NOT_FOUND, pages::which(&port.map(|port| format!(":{port}")).unwrap_or_default()))
}
