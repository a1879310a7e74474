//! A Countersign of the demo's own: this program starts itself again as `countersign serve`, on a temporary directory and a free port.

use super::site::{FORUMS, STORE};
use countersign::domain::time::Span;
use countersign::entropy::{SystemEntropy, token};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::env::{args, current_exe};
use std::error::Error;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, ExitCode, Stdio};
use tempfile::TempDir;

/// Who can log in.
pub const LOGIN: &str = "alice@example.com";

/// It ends when this is dropped, and when this process dies.
pub struct OwnServer {
    child: Child,
    pub url: String,
    pub password: String,
    /// The client secret and the API key of each app.
    pub store: (String, String),
    pub forums: (String, String),
    _data: TempDir,
}

/// To be asked first in `main`: whether this process was started to be the server, and then how it ended.
pub fn is_the_server() -> Option<ExitCode> {
    (args().nth(1).as_deref() == Some("serve")).then(|| {
        // A demo that is killed takes its server with it. Where the kernel refuses, the server is ended in the ordinary case only.
        let _ = set_parent_process_death_signal(Some(Signal::TERM));
        countersign::cli::run()
    })
}

impl OwnServer {
    pub fn start(rotation: &str, access_ttl: Span, refresh_ttl: Span) -> Result<Self, Box<dyn Error>> {
        let data = tempfile::tempdir()?;
        let draw = || token(&SystemEntropy);
        let (password, store, forums) = (draw()[..16].to_owned(), (draw(), draw()), (draw(), draw()));
        let mut declared = format!(
            "[[accounts]]\nlogin = \"{LOGIN}\"\npassword = \"{password}\"\nroles = [\"shopper\"]\nclients = [\"{STORE}\", \"{FORUMS}\"]\n"
        );
        for (name, id, (secret, key)) in [("store", STORE, &store), ("forums", FORUMS, &forums)] {
            declared += &format!(
                r#"
[[api_keys]]
name = "{name}"
key = "{key}"
permissions = ["login", "tokens"]
clients = ["{id}"]

[[clients]]
id = "{id}"
secret = "{secret}"
profile = "fusionauth"
rotation = "{rotation}"
access_ttl = "{access_ttl}"
refresh_idle_ttl = "{refresh_ttl}"
refresh_absolute_ttl = "{refresh_ttl}"
"#
            );
        }
        let bootstrap = data.path().join("bootstrap.toml");
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&bootstrap)?;
        file.write_all(declared.as_bytes())?;
        let mut command = Command::new(current_exe()?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path().join("data"));
        command.arg("--bootstrap").arg(&bootstrap).env("COUNTERSIGN__LOG__LEVEL", "warn");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut listening = String::new();
        // Its standard output stays open as long as the server lives, and has no second line.
        BufReader::new(child.stdout.take().ok_or("it has no output")?).read_line(&mut listening)?;
        let url = listening.trim().strip_prefix("listening on ").ok_or("Countersign did not start")?.to_owned();
        Ok(Self { child, url, password, store, forums, _data: data })
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // Its data is thrown away, so it need not stop in good order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
