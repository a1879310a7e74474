//! A Countersign of the demo's own: this program starts itself again as `countersign serve`, on a temporary directory and a free port.

use super::countersign::Credentials;
use super::site::{FORUMS, STORE};
use countersign::domain::time::Span;
use countersign::entropy::{SystemEntropy, token};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::env::{args, current_exe, vars_os};
use std::error::Error;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, ExitCode, Stdio};
use tempfile::TempDir;

/// Who can log in.
pub const LOGIN: &str = "alice@example.com";

/// It ends, and its directory is removed, when this is dropped. When this process is killed the server ends too, and the directory stays.
pub struct OwnServer {
    child: Child,
    pub url: String,
    pub password: String,
    pub store: Credentials,
    pub forums: Credentials,
    _data: TempDir,
}

/// To be asked first in `main`: whether this process was started to be the server, and then how it ended.
pub fn is_the_server() -> Option<ExitCode> {
    (args().nth(1).as_deref() == Some("serve")).then(|| {
        // Where the kernel refuses, a demo that is killed leaves its server.
        let _ = set_parent_process_death_signal(Some(Signal::TERM));
        countersign::cli::run()
    })
}

impl OwnServer {
    pub fn start(rotation: &str, access_ttl: Span, refresh_ttl: Span) -> Result<Self, Box<dyn Error>> {
        let data = tempfile::tempdir()?;
        let draw = || token(&SystemEntropy);
        let credentials = |client| Credentials { client, secret: draw(), key: draw() };
        let (password, store, forums) = (draw()[..16].to_owned(), credentials(STORE), credentials(FORUMS));
        let mut declared = format!(
            "[[accounts]]\nlogin = \"{LOGIN}\"\npassword = \"{password}\"\nroles = [\"shopper\"]\nclients = [\"{STORE}\", \"{FORUMS}\"]\n"
        );
        for (name, app) in [("store", &store), ("forums", &forums)] {
            declared += &declaration(name, app, rotation, access_ttl, refresh_ttl);
        }
        let bootstrap = data.path().join("bootstrap.toml");
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&bootstrap)?;
        file.write_all(declared.as_bytes())?;
        let mut command = Command::new(current_exe()?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path().join("data"));
        command.arg("--bootstrap").arg(&bootstrap);
        // What is set for another server is not meant for this one.
        for (name, _) in vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COUNTERSIGN__")) {
            command.env_remove(name);
        }
        command.env("COUNTERSIGN__LOG__LEVEL", "warn").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut own = Self { child: command.spawn()?, url: String::new(), password, store, forums, _data: data };
        let mut line = String::new();
        // It prints this one line and no second, so the pipe may be closed behind it.
        BufReader::new(own.child.stdout.take().ok_or("the server has no output")?).read_line(&mut line)?;
        let url = line.trim().strip_prefix("listening on ");
        own.url = url.ok_or("the demo's own Countersign did not start: it says why above")?.to_owned();
        Ok(own)
    }
}

/// An app's client and API key. Nobody redeems a refresh token without the key (`token_refresh`), so that one app's token is worth
/// nothing at the other.
fn declaration(name: &str, app: &Credentials, rotation: &str, access_ttl: Span, refresh_ttl: Span) -> String {
    let Credentials { client, secret, key } = app;
    format!(
        r#"
[[api_keys]]
name = "{name}"
key = "{key}"
permissions = ["login", "tokens"]
clients = ["{client}"]

[[clients]]
id = "{client}"
secret = "{secret}"
profile = "fusionauth"
token_refresh = false
rotation = "{rotation}"
access_ttl = "{access_ttl}"
refresh_idle_ttl = "{refresh_ttl}"
refresh_absolute_ttl = "{refresh_ttl}"
"#
    )
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // Its data is thrown away, so it need not stop in good order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
