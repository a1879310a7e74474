//! All places where a secret could have got to, on disk and in what programs print.

use crate::support::{Server, Stopped};
use std::fs;
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

/// What a frame of zstd begins with (RFC 8878 section 3.1.1).
const FRAME: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// Places with names.
#[derive(Default)]
pub struct Places(pub Vec<(String, Vec<u8>)>);

impl Places {
    pub fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((name.into(), bytes.into()));
    }

    /// Runs the program, and takes what it prints. Gives whether it ended well.
    pub fn print(&mut self, arguments: &[&str]) -> bool {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
        self.add(format!("{arguments:?}"), [output.stdout, output.stderr].concat());
        output.status.success()
    }

    /// Takes every file below a directory, as it is and with what is compressed in it.
    pub fn read_below(&mut self, dir: &Path) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.read_below(&path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let unpacked = unpacked(&bytes);
            if !unpacked.is_empty() {
                self.add(format!("{}, unpacked", path.display()), unpacked);
            }
            self.add(path.display().to_string(), bytes);
        }
    }

    /// The places whose names have this in them.
    pub fn named<'a>(&'a self, part: &'a str) -> impl Iterator<Item = &'a (String, Vec<u8>)> {
        self.0.iter().filter(move |(name, _)| name.contains(part))
    }

    /// What commands leave and print beside a running server: a back-up, what is restored from it, and an archive.
    pub fn copies(&mut self, server: &Server, below: &Path) {
        let path = |name: &str| below.join(name).to_str().unwrap().to_owned();
        let data = server.data_dir();
        let from = ["--data-dir", data.to_str().unwrap()];
        assert!(self.print(&[&["journal", "backup", "--to", &path("backup")], &from[..]].concat()));
        let key = data.with_extension("master.key");
        let key = ["--master-key", key.to_str().unwrap()];
        for (name, more) in [("restored", [].as_slice()), ("restored-open", &["--keep-sessions", "a trial"])] {
            let into = ["journal", "restore", "--from", &path("backup"), "--data-dir", &path(name)].map(str::to_owned);
            let into: Vec<_> = into.iter().map(String::as_str).collect();
            assert!(self.print(&[&into, &key[..], more].concat()));
        }
        let all = ["--before", "2100-01-01T00:00:00Z"];
        assert!(self.print(&[&["journal", "archive", "--to", &path("archive")], &all[..], &from].concat()));
        for name in ["backup", "restored", "restored-open", "archive"] {
            self.read_below(&below.join(name));
        }
    }

    /// What commands leave and print beside a server that has stopped.
    pub fn stopped(&mut self, stopped: &Stopped) {
        let data = stopped.data_dir();
        let from = ["--data-dir", data.to_str().unwrap()];
        for (command, well) in [
            (["key", "list"].as_slice(), true),
            (&["key", "list", "--json"], true),
            (&["key", "rotate"], true),
            (&["key", "rotate", "--refresh"], true),
            (&["key", "distrust", "1"], true),
            (&["key", "distrust", "nobody"], false),
            (&["journal", "repair"], true),
            (&["config", "show"], true),
            (&["config", "check"], true),
        ] {
            assert_eq!(self.print(&[command, &from[..]].concat()), well, "{}", {
                let (_, said) = self.0.last().unwrap();
                String::from_utf8_lossy(said).into_owned()
            });
        }
    }
}

/// Every frame of zstd in there, unpacked as far as it goes.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let starts = bytes.windows(FRAME.len()).enumerate().filter(|(_, window)| *window == FRAME);
    for (at, _) in starts {
        let frame = zstd::stream::read::Decoder::with_buffer(BufReader::new(&bytes[at..]));
        // Where the bytes only look like the beginning of a frame, or it was cut, there is no more in it than this.
        let _ = frame.unwrap().single_frame().read_to_end(&mut text);
    }
    text
}
