//! The container's image without an engine for containers: its scripts are run, and what they put together is run as an engine
//! would.

use super::{BOOTSTRAP, is_active, is_root, login, ops, refresh, repository, said};
use crate::support::{signal, wait_for_end};
use rustix::process::Signal;
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The user of the image.
const USER: u32 = 10001;

fn dockerfile() -> String {
    fs::read_to_string(ops("docker/Dockerfile")).unwrap()
}

/// The instructions of a Dockerfile, with what they are about.
fn instructions(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').unwrap_or_else(|| panic!("{line:?} is no instruction"))).collect()
}

/// Puts the image's two trees together as the Dockerfile's COPY lines do.
fn image() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let built = dir.path().join("built");
    let program = env!("CARGO_BIN_EXE_countersign");
    said(Command::new(ops("docker/rootfs")).arg(program).arg(&built)).unwrap();
    fs::rename(built.join("system"), dir.path().join("root")).unwrap();
    for volume in ["data", "keys"] {
        fs::create_dir(dir.path().join("root").join(volume)).unwrap();
        fs::rename(built.join("volumes").join(volume), dir.path().join(volume)).unwrap();
        if rustix::process::geteuid().is_root() {
            chown(dir.path().join(volume), Some(USER), Some(USER)).unwrap();
        }
    }
    assert!(fs::remove_dir(built.join("volumes")).is_ok(), "there are two volumes, and nothing beside them");
    dir
}

/// A container of that image. It is killed when dropped.
struct Container {
    outside: Child,
    stderr: PathBuf,
}

impl Container {
    fn run(image: &Path, env: &[(&str, &str)], arguments: &[&str]) -> Self {
        let stderr = image.join("stderr");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts"]);
        command.arg(repository().join("tests/server/deploy/contain")).arg(image).args(arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).envs(env.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&stderr).unwrap());
        Self { outside: command.spawn().unwrap(), stderr }
    }

    fn url(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.outside.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").map(str::to_owned);
        url.unwrap_or_else(|| panic!("it printed {line:?}: {}", self.stderr()))
    }

    fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// The server, process 1 in there, by its number outside.
    fn server(&self) -> u32 {
        let pid = self.outside.id();
        fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap().trim().parse().unwrap()
    }

    fn stop(mut self) -> Option<i32> {
        signal(self.server(), Signal::TERM);
        wait_for_end(&mut self.outside)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.outside.kill();
        let _ = self.outside.wait();
    }
}

/// What an operator sets. Inside, it listens on every address; the trial does not.
const SETTINGS: [(&str, &str); 4] = [
    ("COUNTERSIGN__HTTP__LISTEN", "127.0.0.1:0"),
    ("COUNTERSIGN__METRICS__LISTEN", "127.0.0.1:0"),
    ("COUNTERSIGN__ISSUER", "https://auth.example.com"),
    ("COUNTERSIGN__LOG__LEVEL", "info"),
];

/// The arguments that the image has by itself.
fn arguments() -> Vec<String> {
    let text = dockerfile();
    let (_, json) = *instructions(&text).iter().find(|(what, _)| *what == "CMD").unwrap();
    serde_json::from_str(json).unwrap()
}

#[test]
fn the_image_serves_as_its_own_user_from_a_read_only_root_and_stops_in_good_order() {
    if !is_root() {
        return;
    }
    let image = image();
    let bootstrap = image.path().join("root/etc/countersign/bootstrap.toml");
    fs::write(&bootstrap, BOOTSTRAP).unwrap();
    // As Kubernetes mounts a secret: root's own, for the group of the user to read.
    fs::set_permissions(&bootstrap, Permissions::from_mode(0o440)).unwrap();
    chown(&bootstrap, Some(0), Some(USER)).unwrap();
    let given = arguments();
    let mut all: Vec<&str> = given.iter().map(String::as_str).collect();

    // Before anybody has said who ends TLS it serves nobody.
    let mut refused = Container::run(image.path(), &[], &all);
    assert_eq!(wait_for_end(&mut refused.outside), Some(2));
    assert!(refused.stderr().contains("http.behind_proxy = true"), "{}", refused.stderr());

    all.extend(["--bootstrap", "/etc/countersign/bootstrap.toml"]);
    let mut container = Container::run(image.path(), &SETTINGS, &all);
    let url = container.url();
    assert!(super::get(&url, "/health/ready").contains("\"ready\":true"));
    let (access, token) = login(&url);
    assert!(is_active(&url, &access));
    let status = fs::read_to_string(format!("/proc/{}/status", container.server())).unwrap();
    for line in ["Uid:\t10001\t10001\t10001\t10001", "Groups:\t ", "NoNewPrivs:\t1", "CapEff:\t0000000000000000"] {
        assert!(status.lines().any(|other| other == line), "{line:?} in {status}");
    }
    assert_eq!(container.stop(), Some(0));

    // Another container with the same volumes goes on.
    let mut container = Container::run(image.path(), &SETTINGS, &all);
    let url = container.url();
    let (access, _) = refresh(&url, &token);
    assert!(is_active(&url, &access));
    assert_eq!(container.stop(), Some(0));
    let key = fs::metadata(image.path().join("keys/master.key")).unwrap();
    assert_eq!((key.uid(), key.mode() & 0o777), (USER, 0o600));
}

#[test]
fn the_image_holds_the_program_its_libraries_and_next_to_nothing_else() {
    let image = image();
    let files = crate::support::files_below(&image.path().join("root"));
    let others = files.iter().map(|file| file.strip_prefix(image.path().join("root")).unwrap().to_str().unwrap());
    let others: Vec<&str> = others.filter(|file| !file.contains(".so")).collect();
    let expected = ["etc/countersign/countersign.toml", "etc/group", "etc/passwd", "usr/local/bin/countersign"];
    assert_eq!(others, expected);
    for file in files {
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o022, 0, "others than its owner may write {file:?}");
    }
    let again = Command::new(ops("docker/rootfs")).arg("/bin/true").arg(image.path()).output().unwrap();
    assert_eq!(again.status.code(), Some(2), "what is there is not written over");
}

#[test]
fn each_step_of_the_dockerfile_is_a_script_beside_it() {
    let text = dockerfile();
    let instructions = instructions(&text);
    let about = |what: &str| -> Vec<&str> {
        instructions.iter().filter(|(name, _)| *name == what).map(|(_, about)| *about).collect()
    };
    let runs = about("RUN");
    assert_eq!(runs, ["ops/docker/build", "ops/docker/rootfs target/release/countersign /image"]);
    for run in runs {
        let script = repository().join(run.split(' ').next().unwrap());
        assert_eq!(fs::metadata(&script).unwrap().mode() & 0o111, 0o111, "{script:?} can be run");
    }
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let rust = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    let base = format!("docker.io/library/rust:{rust}-bookworm AS build");
    assert_eq!(about("FROM"), [base.as_str(), "scratch"]);
    assert_eq!(about("USER"), [format!("{USER}:{USER}")]);
    assert_eq!(about("ENTRYPOINT"), ["[\"/usr/local/bin/countersign\"]"]);
    let copied = ["/image/system/ /", "/image/volumes/ /"];
    assert!(copied.iter().all(|copy| about("COPY").iter().any(|line| line.ends_with(copy))), "{text}");
}

/// With a cargo that only tells what it was asked, and where: the program itself is built by the suite already.
#[test]
fn the_program_of_the_image_is_built_from_the_crates_that_are_locked() {
    let dir = tempfile::tempdir().unwrap();
    let cargo = dir.path().join("cargo");
    fs::write(&cargo, "#!/bin/sh\npwd\necho \"$@\"\n").unwrap();
    fs::set_permissions(&cargo, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let told = said(Command::new(ops("docker/build")).current_dir(dir.path()).env("PATH", path)).unwrap();
    let repository = repository().canonicalize().unwrap();
    assert_eq!(told, format!("{}\nbuild --release --locked --bin countersign\n", repository.display()));
}
