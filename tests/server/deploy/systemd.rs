//! A systemd of the trial's own starts the unit as it stands, with every restriction in force, on a throw-away copy of this
//! machine's root directory. A system call beyond the filter kills the server here, so that none goes unseen.

use super::{BOOTSTRAP, get, is_active, is_root, login, refresh, repository, said};
use crate::support::{is_installed, wait_until};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// What the trial changes: where its output goes, and that a call that is refused is fatal.
const DROP_IN: &str = "[Service]
StandardOutput=append:/trial/stdout
StandardError=append:/trial/stderr
SystemCallErrorNumber=kill
";

/// Run on the root directory before systemd is, which is `$1`.
const PREPARE: &str = r#"
sed -i 's/^listen = "127.0.0.1:8080"$/listen = "127.0.0.1:0"/' "$1/etc/countersign/countersign.toml"
install -m 600 "$1/trial/bootstrap.toml" "$1/etc/countersign/bootstrap.toml"
install -m 644 "$1/trial/bootstrap.conf" "$1/etc/systemd/system/countersign.service.d/"
"#;

/// Lets the server speak TLS.
const SPEAK_TLS: &str = r"
install -m 644 /trial/tls.cert /etc/countersign/tls.cert
install -m 640 -g countersign /trial/tls.key /etc/countersign/tls.key
sed -i '/^# \[tls\]/,/^# key/s/^# //' /etc/countersign/countersign.toml
install -m 644 /trial/tls.conf /etc/systemd/system/countersign.service.d/
systemctl daemon-reload
systemctl restart countersign
";

/// Takes a call away that the server makes.
const ONE_CALL_LESS: &str = r"
printf '[Service]\nSystemCallFilter=~setpriority\n' >/etc/systemd/system/countersign.service.d/zz.conf
systemctl daemon-reload
systemctl start countersign || true
";

/// A systemd with all that it started. They are killed when it is dropped.
struct Booted {
    dir: TempDir,
    cgroup: PathBuf,
    outside: Child,
    /// Process 1 of the namespace, by its number outside.
    init: String,
}

impl Booted {
    fn boot() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let trial = dir.path().join("trial");
        fs::create_dir(&trial).unwrap();
        let put = |name: &str, text: &str| fs::write(trial.join(name), text).unwrap();
        put("unit.conf", DROP_IN);
        put("prepare", PREPARE);
        put("bootstrap.toml", BOOTSTRAP);
        for name in ["bootstrap.conf", "tls.conf"] {
            put(name, &fs::read_to_string(super::ops("systemd").join(name)).unwrap());
        }
        let issued = rcgen::generate_simple_self_signed(vec!["auth.example.com".to_owned()]).unwrap();
        put("tls.cert", &issued.cert.pem());
        put("tls.key", &issued.signing_key.serialize_pem());

        let cgroup = cgroups().join(format!("countersign-trial-{}", std::process::id()));
        fs::create_dir(&cgroup).unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(
            "echo $$ >\"$1/cgroup.procs\"; shift; exec unshare --mount --pid --fork --kill-child --cgroup --ipc --uts \"$@\"",
        );
        command.arg("sh").arg(&cgroup).arg(repository().join("tests/server/deploy/boot")).arg(dir.path());
        command.arg(env!("CARGO_BIN_EXE_countersign")).arg(repository());
        let log = fs::File::create(dir.path().join("boot.log")).unwrap();
        let outside = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut booted = Self { dir, cgroup, outside, init: String::new() };
        booted.wait("systemd has booted", |booted| booted.log("trial/systemd.log").contains("Startup finished in"));
        let pid = booted.outside.id();
        booted.init = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap().trim().to_owned();
        booted
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    fn wait(&mut self, what: &str, come: impl Fn(&Self) -> bool) {
        let mut ended = None;
        wait_until(what, || {
            ended = self.outside.try_wait().unwrap();
            ended.is_some() || come(self)
        });
        assert!(ended.is_none(), "{what}: it ended: {}{}", self.log("boot.log"), self.log("trial/systemd.log"));
    }

    /// Runs a shell script in there as root.
    fn run(&self, script: &str) -> Result<String, String> {
        let mut nsenter = Command::new("nsenter");
        nsenter.args(["--mount", "--pid", "--cgroup", "--uts", "--ipc", "--root", "--wd", "--target", &self.init]);
        let told = said(nsenter.args(["timeout", "110", "sh", "-euc", script]));
        told.map_err(|why| format!("{why}\n{}{}", self.log("trial/systemd.log"), self.log("trial/stderr")))
    }

    /// The address that the server told when it started for the n-th time.
    fn url(&mut self, start: usize) -> String {
        self.wait(&format!("start {start}"), |booted| booted.log("trial/stdout").lines().count() >= start);
        let line = self.log("trial/stdout").lines().nth(start - 1).unwrap().to_owned();
        line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned()
    }

    /// A property of the unit.
    fn show(&self, property: &str) -> String {
        self.run(&format!("systemctl show --value --property {property} countersign")).unwrap().trim().to_owned()
    }

    /// A line of the server's `/proc/…/status`.
    fn status(&self, name: &str) -> String {
        let status = self.run(&format!("cat /proc/{}/status", self.show("MainPID"))).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        let _ = fs::write(self.cgroup.join("cgroup.kill"), "1");
        let _ = self.outside.kill();
        let _ = self.outside.wait();
        for _ in 0..100 {
            remove_below(&self.cgroup);
            if fs::remove_dir(&self.cgroup).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

/// Where the kernel's control groups are, of the second version.
fn cgroups() -> PathBuf {
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let mut mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mount = mounts.find(|mount| mount[2] == "cgroup2");
    mount.expect("control groups of version 2 are mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup")[1].into()
}

/// Removes the control groups below one; they are empty, or it is tried again.
fn remove_below(cgroup: &Path) {
    for entry in fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_below(&entry.path());
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// As many at a time as make every hash thread and its arena work.
fn many_log_in(url: &str) {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let (access, token) = login(url);
                    assert!(is_active(url, &access));
                    refresh(url, &token);
                }
            });
        }
    });
}

fn is_confined(booted: &Booted, capabilities: &str) {
    for (name, value) in [
        ("NoNewPrivs", "1"),
        // By a filter.
        ("Seccomp", "2"),
        ("CapEff", capabilities),
        ("CapBnd", capabilities),
    ] {
        assert_eq!(booted.status(name), value, "{name}");
    }
    assert!(!booted.status("Uid").split_whitespace().any(|uid| uid == "0"), "{}", booted.status("Uid"));
    let inside = format!("nsenter --mount --target {}", booted.show("MainPID"));
    for path in ["/etc/countersign/x", "/usr/local/bin/x", "/var/x"] {
        let refused = booted.run(&format!("{inside} touch {path}")).unwrap_err();
        assert!(refused.contains("Read-only file system"), "{refused}");
    }
    booted.run(&format!("{inside} touch /var/lib/countersign/x")).unwrap();
    booted.run("rm /var/lib/countersign/x").unwrap();
}

#[test]
fn systemd_starts_the_unit_as_it_stands_and_people_log_in_with_every_restriction_in_force() {
    if !is_root() || !is_installed("systemd-analyze", "systemd") {
        return;
    }
    let mut booted = Booted::boot();
    booted.run("systemctl enable --now countersign").unwrap();
    let url = booted.url(1);
    let (access, token) = login(&url);
    assert!(is_active(&url, &access));
    many_log_in(&url);
    let metrics = get(&url, "/metrics");
    let began = metrics.lines().find_map(|line| line.strip_prefix("process_start_time_seconds "));
    assert_ne!(began.unwrap(), "0", "it can tell when it started");
    is_confined(&booted, "0000000000000000");

    // It ends as no server should, and is there again by itself.
    booted.run("systemctl kill --signal KILL countersign").unwrap();
    let url = booted.url(2);
    let (access, token) = refresh(&url, &token);
    assert!(is_active(&url, &access));

    booted.run(SPEAK_TLS).unwrap();
    let url = booted.url(3);
    assert!(url.starts_with("https://"), "{url}");
    let (access, _) = refresh(&url, &token);
    many_log_in(&url);
    // The one right is for a port below 1024.
    is_confined(&booted, "0000000000000400");
    let before = booted.show("MainPID");
    booted.run("systemctl reload countersign").unwrap();
    assert!(is_active(&url, &access));
    assert_eq!(booted.show("MainPID"), before, "it reads its certificate, and does not end");

    booted.run("systemctl stop countersign").unwrap();
    assert_eq!((booted.show("Result"), booted.show("ExecMainStatus")), ("success".to_owned(), "0".to_owned()));
    let accounts = booted.run("countersign-offline account list").unwrap();
    assert!(accounts.contains("alice@example.com"), "{accounts}");
    let made = booted.run("countersign-offline api-key create ops --permissions admin").unwrap();
    assert!(made.lines().any(|line| line.starts_with("key ")), "{made}");
    let strangers = booted.run("find /var/lib/countersign ! -user countersign -o -perm /077 -type f").unwrap();
    assert_eq!(strangers, "", "files that are not the server's own");

    // That a call beyond the filter would have been seen: with one call less it is killed at every start.
    booted.run(ONE_CALL_LESS).unwrap();
    booted.wait("it is killed and started again", |booted| booted.show("NRestarts") != "0");
    let log = booted.log("trial/systemd.log");
    assert!(log.contains("code=killed, status=31/SYS"), "{log}");
    booted.run("systemctl stop countersign; systemctl reset-failed countersign || true").unwrap();

    booted
        .run("echo 'no_such_key = 1' >/etc/countersign/countersign.toml; systemctl start countersign || true")
        .unwrap();
    booted.wait("a wrong configuration has ended it", |booted| booted.show("ActiveState") == "failed");
    assert_eq!((booted.show("ExecMainStatus"), booted.show("NRestarts")), ("2".to_owned(), "0".to_owned()));
}
