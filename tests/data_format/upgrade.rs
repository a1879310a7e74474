//! Formats that this program does not read, and the real program on the golden directory.

use crate::expected::{copy, expected, of_format_1};
use crate::facts::rebuild;
use countersign::journal::checked_store::STATE_FORMAT;
use countersign::journal::files::copy::content_on_disk;
use countersign::journal::files::dropped::{Dropped, base_path};
use countersign::journal::files::real_disk::RealDisk;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A copy of one of the directories, whose master key is elsewhere.
fn copied(name: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let (data, key) = (root.path().join("data"), root.path().join("another.key"));
    copy(&of_format_1(name), &data);
    fs::rename(data.with_extension("master.key"), &key).unwrap();
    (root, data, key)
}

fn serve(data: &Path, key: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--check-all", "--accept-clock", "--data-dir"]).arg(data);
    command.arg("--master-key").arg(key);
    let cheap = [("HASH__MEMORY_KIB", "64"), ("HASH__ITERATIONS", "1"), ("LOG__LEVEL", "info")];
    command.envs(cheap.map(|(name, value)| (format!("COUNTERSIGN__{name}"), value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A server that is killed when the test is over.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Its exit code and the last line of its diagnostics.
fn refused(data: &Path, key: &Path) -> (Option<i32>, String) {
    let output = serve(data, key).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text.lines().last().unwrap_or_default().to_owned())
}

#[test]
fn the_program_checks_the_golden_directory_serves_it_and_leaves_its_number() {
    for name in ["whole", "dropped"] {
        let (_root, data, key) = copied(name);
        let mut server = Running(serve(&data, &key).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{name} is not served")).trim_end();
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        for login in expected().logins.iter().filter(|login| login.client == "app") {
            let form = [
                ("grant_type", "password"),
                ("client_id", "app"),
                ("username", &login.login),
                ("password", &login.password),
            ];
            let answer = agent.post(format!("{url}/oauth2/token")).send_form(form).unwrap();
            assert_eq!(answer.status(), 200, "{name}: {}", login.login);
        }
        drop(server);
        assert_eq!(fs::read_to_string(data.join("format")).unwrap(), "1\n", "{name}");
    }
}

#[test]
fn a_newer_format_is_refused_by_its_number_and_nothing_is_changed() {
    let (_root, data, key) = copied("whole");
    fs::write(data.join("format"), "2\n").unwrap();
    let files = || {
        let mut files = Vec::new();
        for dir in ["", "journal", "keys", "store"] {
            for file in fs::read_dir(data.join(dir)).unwrap().map(|file| file.unwrap().path()) {
                // The lock has the process id of who tried.
                if file.is_file() && file.file_name().unwrap() != "lock" {
                    files.push((fs::read(&file).unwrap(), file));
                }
            }
        }
        files.sort();
        files
    };
    let before = files();
    let (code, said) = refused(&data, &key);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("has format 2, but this program knows formats up to 1; use a newer version"), "{said}");
    assert!(files() == before, "a refused start changes nothing");
}

/// Makes the base of dropped history one whose states are in another format, as another version would have written it.
fn in_state_format(data: &Path, number: u32) {
    let disk = RealDisk::new(data);
    let mut dropped = Dropped::read(&disk).unwrap().unwrap();
    let path = data.join(base_path(dropped.base));
    let base = fs::read(&path).unwrap();
    let end = base.iter().position(|byte| *byte == b'\n').unwrap();
    let line = String::from_utf8(base[..end].to_vec()).unwrap();
    let other = line.replace(r#""state_format":2"#, &format!(r#""state_format":{number}"#));
    assert_ne!(line, other);
    let body = other.split_once(',').unwrap().1;
    let head = format!(r#"{{"crc32c":"{:08x}",{body}"#, crc32c::crc32c(body.as_bytes()));
    fs::write(&path, [head.as_bytes(), &base[end..]].concat()).unwrap();
    dropped.base_digest = content_on_disk(&disk, &base_path(dropped.base)).unwrap().digest;
    dropped.put(&disk).unwrap();
}

#[test]
fn a_base_in_another_state_format_is_refused_until_the_dropped_segments_are_put_back() {
    let (_root, data, key) = copied("dropped");
    in_state_format(&data, STATE_FORMAT + 1);
    let (code, said) = refused(&data, &key);
    assert_eq!(code, Some(1), "{said}");
    for words in [
        format!("it holds states in format {}", STATE_FORMAT + 1),
        "start the version that wrote it".to_owned(),
        "put the dropped segments back from their archive into journal/".to_owned(),
    ] {
        assert!(said.contains(&words), "{said}");
    }
    // What an archive has of them.
    let archive = of_format_1("whole").join("journal");
    for file in fs::read_dir(archive).unwrap().map(|file| file.unwrap().path()) {
        let to = data.join("journal").join(file.file_name().unwrap());
        if !to.exists() && matches!(file.extension().unwrap().to_str(), Some("zst" | "idx")) {
            fs::copy(&file, to).unwrap();
        }
    }
    fs::rename(key, data.with_extension("master.key")).unwrap();
    let journal = rebuild(&data).unwrap();
    assert_eq!(journal.head(), expected().head + 1, "the last entry is the drop");
    assert_eq!(journal.engine().read(1).count() as u64, expected().head + 1);
}
