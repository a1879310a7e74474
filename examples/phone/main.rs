//! A phone with the store's app on it: workflow 1 of docs/WORKFLOWS.md, played step by step against the example `mobile_backend`.
//!
//! ```text
//! PASSWORD=… cargo run --release --example phone
//! ```

#[path = "../common/told.rs"]
mod told;

use clap::Parser;
use serde_json::{Value, json};
use std::error::Error;
use std::thread::sleep;
use std::time::{Duration, Instant};
use told::step;

/// A phone that logs in, looks at its cart again and again, and finds itself logged out in the end.
#[derive(Parser)]
struct Arguments {
    /// Where the backend listens
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8093")]
    backend: String,
    /// Who logs in
    #[arg(long, value_name = "LOGIN", default_value = "alice@example.com")]
    login: String,
    // No argument: those can be seen by everybody on the machine.
    #[arg(long, env = "PASSWORD", hide = true, hide_env_values = true)]
    password: String,
    /// Seconds between two looks at the cart
    #[arg(long, value_name = "N", default_value_t = 4)]
    every: u64,
    /// Seconds after which to give up waiting for the end of the login
    #[arg(long, value_name = "N", default_value_t = 300)]
    patience: u64,
    /// Be the one who stole what the phone keeps, first the refresh token and then the JWT
    #[arg(long)]
    thief: bool,
}

/// What is kept on the phone, where other apps cannot read it.
#[derive(Clone)]
struct Kept {
    jwt: String,
    refresh: String,
}

/// One who talks to the backend: the owner's phone, or a thief elsewhere with another program.
struct Phone<'a> {
    agent: ureq::Agent,
    backend: &'a str,
    address: &'a str,
    name: &'a str,
}

impl<'a> Phone<'a> {
    fn new(backend: &'a str, address: &'a str, name: &'a str) -> Self {
        let config =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20))).http_status_as_error(false);
        Self { agent: config.build().into(), backend: backend.trim_end_matches('/'), address, name }
    }

    fn log_in(&self, login: &str, password: &str) -> Result<Kept, Box<dyn Error>> {
        let form = json!({"login": login, "password": password});
        let request = self.agent.post(format!("{}/api/login", self.backend));
        let request = request.header("X-Forwarded-For", self.address).header("User-Agent", self.name);
        let mut answer = request.send_json(form)?;
        let (status, said) = (answer.status().as_u16(), answer.body_mut().read_json::<Value>()?);
        match (status, said["token"].as_str(), said["refreshToken"].as_str()) {
            (200, Some(jwt), Some(refresh)) => Ok(Kept { jwt: jwt.to_owned(), refresh: refresh.to_owned() }),
            _ => Err(format!("the backend answers {status}: {}", said["message"]).into()),
        }
    }

    /// Asks for the cart with what is kept, and keeps what is new. `None`: logged out.
    fn cart(&self, kept: &mut Kept) -> Result<Option<Seen>, Box<dyn Error>> {
        let request = self.agent.get(format!("{}/api/cart", self.backend));
        let request = request.header("X-Forwarded-For", self.address).header("User-Agent", self.name);
        let request = request.header("Authorization", format!("Bearer {}", kept.jwt));
        let mut answer = request.header("X-Refresh-Token", &kept.refresh).call()?;
        let status = answer.status().as_u16();
        if status == 401 {
            return Ok(None);
        }
        let said: Value = answer.body_mut().read_json()?;
        if status != 200 {
            return Err(format!("the backend answers {status}: {}", said["message"]).into());
        }
        let renewed = said["token"].as_str();
        if let Some(jwt) = renewed {
            jwt.clone_into(&mut kept.jwt);
        }
        if let Some(refresh) = said["refreshToken"].as_str() {
            refresh.clone_into(&mut kept.refresh);
        }
        let items = said["items"].as_array().map_or(0, Vec::len);
        Ok(Some(Seen { items, renewed: renewed.is_some() }))
    }
}

/// A cart that was shown, and whether another JWT came with it.
struct Seen {
    items: usize,
    renewed: bool,
}

fn owner(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let phone = Phone::new(&arguments.backend, "203.0.113.9", "StoreApp/1.0 (phone)");
    step("phone", 1, "the app is opened, and shows its login form");
    step("phone", 2, "login and password are typed, and posted to the backend");
    let mut kept = phone.log_in(&arguments.login, &arguments.password)?;
    let until = Instant::now() + Duration::from_secs(arguments.patience);
    while let Some(seen) = phone.cart(&mut kept)? {
        let items = seen.items;
        if seen.renewed {
            step("phone", 8, format!("the cart, with a JWT that had expired: {items} items, and a new JWT to keep"));
        } else {
            step("phone", 6, format!("the cart, with the JWT that is kept: {items} items"));
        }
        if Instant::now() > until {
            return Err("the login does not end: start the backend with a shorter --refresh-ttl".into());
        }
        sleep(Duration::from_secs(arguments.every));
    }
    step("phone", 12, "the cart, with a JWT and a refresh token that have expired: 401");
    step("phone", 16, "so the app shows its login form, and the owner logs in again");
    phone.log_in(&arguments.login, &arguments.password)?;
    Ok(())
}

fn thief(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let phone = Phone::new(&arguments.backend, "203.0.113.9", "StoreApp/1.0 (phone)");
    let thief = Phone::new(&arguments.backend, "198.51.100.7", "thief/1.0");
    let kept = phone.log_in(&arguments.login, &arguments.password)?;
    told::aside("phone", "the owner has logged in; then somebody copies what the phone keeps");
    let says = |seen: Option<Seen>| match seen {
        Some(Seen { items, .. }) => format!("the thief is shown the owner's cart, {items} items"),
        None => "401: it is worth nothing any more".to_owned(),
    };
    let mut stolen = Kept { jwt: "not.a.jwt".to_owned(), refresh: kept.refresh.clone() };
    step("thief", 17, "the cart, with the stolen refresh token and a JWT that is none");
    let seen = thief.cart(&mut stolen)?;
    step("thief", 20, says(seen));
    let mut stolen = Kept { refresh: String::new(), ..kept.clone() };
    step("thief", 21, "the cart, with the stolen JWT alone");
    let seen = thief.cart(&mut stolen)?;
    step("thief", 22, says(seen));
    let mut kept = kept;
    told::aside("phone", "now the owner goes on, until the phone has to use its refresh token too");
    loop {
        match phone.cart(&mut kept)? {
            Some(Seen { renewed: false, .. }) => sleep(Duration::from_secs(1)),
            Some(_) => {
                told::aside(
                    "phone",
                    "the owner gets a new JWT: the refresh token is good for both, and nobody notices",
                );
                return Ok(());
            }
            None => {
                told::aside(
                    "phone",
                    "401: two have used one refresh token, so the session has ended, for the thief as well",
                );
                return Ok(());
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    if arguments.thief { thief(&arguments) } else { owner(&arguments) }
}
