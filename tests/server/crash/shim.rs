//! The C sources of `tests/shim`: what Rust without `unsafe` cannot do.

use std::path::Path;
use std::process::Command;

/// Builds a library that is loaded before others.
pub fn compile(source: &str, library: &Path) {
    cc(&["-shared", "-fPIC"], source, library);
}

/// Builds a program.
pub fn compile_program(source: &str, program: &Path) {
    cc(&[], source, program);
}

fn cc(how: &[&str], source: &str, to: &Path) {
    let mut cc = Command::new("cc");
    cc.args(how).args(["-O1", "-o"]).arg(to);
    cc.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shim").join(source)).arg("-ldl");
    let output = cc.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The numbers that a library keeps in a file, in its order.
///
/// All trials run on little-endian machines; elsewhere the assertions on these would fail, not pass.
pub fn numbers(file: &Path) -> Vec<u64> {
    let bytes = std::fs::read(file).unwrap();
    bytes.chunks_exact(8).map(|number| u64::from_le_bytes(number.try_into().unwrap())).collect()
}
