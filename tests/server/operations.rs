//! docs/OPERATIONS.md by the letter: its shell blocks are run in order, in one directory, with the real program, and print what
//! the page says they print.

use crate::support::{signal, wait_for_end, wait_until};
use rustix::process::Signal;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The page's paths and address, which are others here.
const ETC: &str = "/etc/countersign";
const LIB: &str = "/var/lib/countersign";
const SRV: &str = "/srv";
const LETSENCRYPT: &str = "/etc/letsencrypt";
const ADDRESS: &str = "127.0.0.1:8080";
/// The machine of the page is old, and this one was made just now.
const AGE: &str = "1 year ago";
/// Enough for three segments of the least size and half of a fourth.
const TOKENS: u32 = 230;
/// Somebody who makes events.
const BOOTSTRAP: &str = r#"
[[clients]]
id = "machine"
secret = "a-secret-of-a-machine-that-nobody-guesses"
grants = ["client_credentials"]
"#;
/// Stands for anything in what a block prints.
const ANYTHING: char = '…';

/// A shell block of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    line: usize,
    /// The situation that it is run in, as the comment above it says: `<!-- run: SITUATION -->`.
    situation: Option<String>,
    commands: String,
    /// The `text` block behind it.
    prints: Option<String>,
}

/// The shell blocks of a page, in order.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = (1..).zip(page.lines());
    let (mut situation, mut may_print) = (None, false);
    while let Some((number, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let content = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            let content = content.fold(String::new(), |text, line| text + line + "\n");
            match language {
                "sh" => {
                    let situation = situation.take();
                    blocks.push(Block { line: number, situation, commands: content, prints: None });
                }
                "text" if may_print => blocks.last_mut().unwrap().prints = Some(content),
                "text" => panic!("line {number}: what prints this? A text block stands behind a shell block"),
                _ => {}
            }
            may_print = language == "sh";
            situation = None;
        } else if !line.is_empty() {
            may_print = false;
            let run = line.strip_prefix("<!-- run: ").and_then(|line| line.strip_suffix(" -->"));
            situation = run.map(str::to_owned);
        }
    }
    blocks
}

/// Whether a text has the shape of a pattern, in which `…` stands for anything. White space at the end says nothing.
fn has_shape(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.trim_end(), pattern.trim_end());
    let mut parts = pattern.split(ANYTHING);
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The machine that the page speaks of: two directories, and perhaps a server.
struct Machine {
    root: tempfile::TempDir,
    server: Option<(Child, String)>,
}

impl Machine {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), server: None }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// A text of the page with this machine's paths, and with the address of the server that runs, or any that is free.
    fn here(&self, text: &str) -> String {
        let at = |path: &str| self.path(path).to_str().unwrap().to_owned();
        let address = self.server.as_ref().map_or("127.0.0.1:0", |(_, address)| address);
        let text = text.replace(ETC, &at("etc")).replace(LIB, &at("lib")).replace(SRV, &at("srv"));
        let text = text.replace(LETSENCRYPT, &at("letsencrypt"));
        text.replace(ADDRESS, address).replace(AGE, "1 hour")
    }

    fn bash(&self, commands: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_countersign")).parent().unwrap();
        let path = std::env::join_paths(
            std::iter::once(program.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let mut command = Command::new("bash");
        command.args(["--norc", "-euo", "pipefail", "-c", &self.here(commands)]).env("PATH", path.unwrap());
        command.env("LC_ALL", "C").env_remove("BASH_ENV").current_dir(self.root.path()).stdin(Stdio::null());
        command
    }

    /// Runs a block in the situation that it needs, and gives what it printed.
    fn run(&mut self, block: &Block, situation: &str) -> Result<String, String> {
        if let Some(situation) = situation.strip_prefix("aside") {
            return self.aside(block, situation.strip_prefix(", ").unwrap_or("stopped"));
        }
        match situation {
            "fresh" => assert_eq!(std::fs::read_dir(self.root.path()).unwrap().count(), 0, "something is here already"),
            "stopped" => self.stop(),
            "damaged" => self.damage(),
            "keys damaged" => flip(&self.path("lib/data/keys/keys"), |length| length / 2),
            "end lost" => {
                self.damage();
                std::fs::remove_dir_all(self.path("lib/data/store")).unwrap();
            }
            "sealed" => self.seal(),
            "issued" => self.issue(),
            "running" | "stopping" => self.be_running(),
            "server" => {
                self.stop();
                return Ok(self.serve(&block.commands));
            }
            other => panic!("line {}: say here what the situation {other:?} is", block.line),
        }
        let mut commands = block.commands.clone();
        if situation == "end lost" {
            commands = commands.replace(" N\n", &format!(" {}\n", self.last_good()));
        }
        let Output { status, stdout, .. } = self.bash(&format!("exec 2>&1\n{commands}")).output().unwrap();
        let printed = String::from_utf8(stdout).unwrap();
        if situation == "stopping" {
            // The commands have asked it to stop: a second signal would not let it end in good order.
            let (mut child, _) = self.server.take().unwrap();
            assert_eq!(wait_for_end(&mut child), Some(0), "line {}", block.line);
        }
        if status.success() { Ok(printed) } else { Err(format!("{status}: {printed}")) }
    }

    /// Runs a block on a copy of everything, which must serve afterwards and is thrown away: what follows on the page is not about it.
    fn aside(&mut self, block: &Block, situation: &str) -> Result<String, String> {
        self.stop();
        let mut copy = Self::new();
        let copied = Command::new("cp").arg("-a").arg(self.path(".")).arg(copy.path(".")).status().unwrap();
        assert!(copied.success());
        let mut config = std::fs::read_to_string(copy.path("etc/countersign.toml")).unwrap();
        config = config.replace(self.root.path().to_str().unwrap(), copy.root.path().to_str().unwrap());
        std::fs::write(copy.path("etc/countersign.toml"), config).unwrap();
        let printed =
            copy.run(block, situation)?.replace(copy.root.path().to_str().unwrap(), self.root.path().to_str().unwrap());
        copy.be_running();
        copy.stop();
        Ok(printed)
    }

    /// The entry that the diagnosis of the damage names.
    fn last_good(&self) -> String {
        let told = self.bash(&format!("countersign journal repair --config {ETC}/countersign.toml")).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        let (_, rest) = told.split_once("accept-loss ").unwrap_or_else(|| panic!("it names no entry: {told}"));
        rest.chars().take_while(char::is_ascii_digit).collect()
    }

    /// Runs a block that serves until it is stopped, and gives the line that it prints.
    fn serve(&mut self, commands: &str) -> String {
        let mut command = self.bash(&format!("exec {commands}"));
        let stderr = self.path("stderr");
        let mut child = command.stdout(Stdio::piped()).stderr(File::create(&stderr).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on http");
        let Some((_, address)) = url.and_then(|url| url.split_once("://")) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{commands} printed {line:?}: {}", std::fs::read_to_string(stderr).unwrap());
        };
        self.server = Some((child, address.to_owned()));
        line
    }

    /// Runs a server with small segments until all are sealed but the last, and nothing more is written.
    fn seal(&mut self) {
        self.stop();
        let bootstrap = self.path("bootstrap.toml");
        std::fs::write(&bootstrap, BOOTSTRAP).unwrap();
        std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o600)).unwrap();
        self.serve(&format!(
            "env COUNTERSIGN__JOURNAL__SEGMENT_BYTES=64KiB countersign serve --config {ETC}/countersign.toml --bootstrap bootstrap.toml"
        ));
        let mut asked = self.bash(&format!(
            "curl -sf -u machine:a-secret-of-a-machine-that-nobody-guesses -d grant_type=client_credentials \
             'http://{ADDRESS}/oauth2/token?[1-{TOKENS}]'"
        ));
        let answers = asked.output().unwrap();
        assert!(answers.status.success(), "{answers:?}");
        let count = |end: &str| {
            let files = std::fs::read_dir(self.path("lib/data/journal")).unwrap();
            files.filter(|file| file.as_ref().unwrap().file_name().to_str().unwrap().ends_with(end)).count()
        };
        wait_until("all segments are sealed but the last", || count(".idx") >= 3 && count(".jsonl") == 1);
    }

    /// Has a certificate issued, where certbot puts it.
    fn issue(&mut self) {
        self.stop();
        let issued = rcgen::generate_simple_self_signed(vec!["auth.example.com".to_owned()]).unwrap();
        let live = self.path("letsencrypt/live/auth.example.com");
        std::fs::create_dir_all(&live).unwrap();
        std::fs::write(live.join("fullchain.pem"), issued.cert.pem()).unwrap();
        std::fs::write(live.join("privkey.pem"), issued.signing_key.serialize_pem()).unwrap();
    }

    /// Stops the server and flips a bit near the end of the open segment.
    fn damage(&mut self) {
        self.stop();
        let journal = std::fs::read_dir(self.path("lib/data/journal")).unwrap();
        let paths = journal.map(|entry| entry.unwrap().path());
        // Not one that was damaged before and is kept.
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let is_segment =
            |path: &PathBuf| name(path).strip_suffix(".jsonl").is_some_and(|first| first.parse::<u64>().is_ok());
        let open = paths.filter(is_segment).max().unwrap();
        // Behind the commit that a journal begins with: without that one nothing could be gone on with.
        flip(&open, |length| length - length / 8);
    }

    fn be_running(&mut self) {
        if self.server.is_none() {
            self.serve(&format!("countersign serve --config {ETC}/countersign.toml"));
        }
    }

    /// Stops the server in good order, if one runs.
    fn stop(&mut self) {
        let Some((mut child, _)) = self.server.take() else { return };
        signal(child.id(), Signal::TERM);
        assert_eq!(wait_for_end(&mut child), Some(0));
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.server {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Flips a bit of a file.
fn flip(path: &Path, at: impl FnOnce(usize) -> usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = at(bytes.len());
    bytes[at] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/OPERATIONS.md")).unwrap()
}

#[test]
fn every_command_of_the_page_does_what_the_page_says() {
    let mut machine = Machine::new();
    let (mut ran, mut unmarked) = (0, Vec::new());
    for block in blocks(&page()) {
        let Some(situation) = &block.situation else {
            unmarked.push(block.line);
            continue;
        };
        let printed = machine.run(&block, situation).unwrap_or_else(|why| panic!("line {}: {why}", block.line));
        if let Some(pattern) = block.prints.as_ref().map(|pattern| machine.here(pattern)) {
            assert!(
                has_shape(&printed, &pattern),
                "line {}: it printed\n{printed}\nand the page says\n{pattern}",
                block.line
            );
        }
        ran += 1;
    }
    machine.stop();
    println!("{ran} blocks ran");
    assert_eq!(unmarked, Vec::<usize>::new(), "lines of shell blocks that do not say in what situation they run");
    assert!(ran >= 30, "{ran} blocks ran");
}

#[test]
fn every_metric_that_the_page_names_exists() {
    let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/metrics.rs")).unwrap();
    let page = page();
    let names = page
        .split(|c: char| !(c.is_ascii_lowercase() || c == '_'))
        .filter_map(|word| word.strip_prefix("countersign_"));
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    assert!(names.contains(&"journal_sync_seconds"), "{names:?}");
    for name in names {
        assert!(source.contains(&format!("    {name}: ")), "countersign_{name}");
    }
}

#[test]
fn a_page_is_read_as_people_read_it() {
    let page = "\
Text.

<!-- run: stopped -->
```sh
one
two
```

```text
out
```

```ini
[x]
```

```sh
three
```
";
    let block = |line, situation: Option<&str>, commands: &str, prints: Option<&str>| Block {
        line,
        situation: situation.map(str::to_owned),
        commands: commands.to_owned(),
        prints: prints.map(str::to_owned),
    };
    let expected = [block(4, Some("stopped"), "one\ntwo\n", Some("out\n")), block(17, None, "three\n", None)];
    assert_eq!(blocks(page), expected);
}

#[test]
fn a_shape_holds_where_it_says_something_and_lets_through_the_rest() {
    for (text, pattern, holds) in [
        ("a b c\n", "a b c\n", true),
        ("a b c\n", "a b\n", false),
        ("a b c\n", "a … c\n", true),
        ("a b c\nd\n", "a …\nd\n", true),
        ("a b c\n", "…", true),
        ("", "…", true),
        ("a b c\n", "…b…", true),
        ("a b c\n", "…d…", false),
        ("a b c\n", "b…", false),
        ("a b c\n", "…b", false),
        ("ab", "ab…b", false),
    ] {
        assert_eq!(has_shape(text, pattern), holds, "{text:?} {pattern:?}");
    }
}
