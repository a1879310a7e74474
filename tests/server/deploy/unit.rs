//! What systemd thinks of the unit, without starting it, and what the program thinks of the sample configurations.

use super::{ops, said};
use crate::support::is_installed;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The unit's exposure in tenths, as `--threshold` counts.
const MOST_EXPOSED: &str = "20";
const DROP_INS: [&str; 2] = ["bootstrap.conf", "tls.conf"];

/// The unit below a root directory, with the drop-ins that are named.
fn unit_below(root: &Path, drop_ins: &[&str]) -> PathBuf {
    let units = root.join("etc/systemd/system");
    fs::create_dir_all(units.join("countersign.service.d")).unwrap();
    fs::copy(ops("systemd/countersign.service"), units.join("countersign.service")).unwrap();
    for name in drop_ins {
        fs::copy(ops("systemd").join(name), units.join("countersign.service.d").join(name)).unwrap();
    }
    for target in ["sysinit", "basic", "shutdown", "multi-user", "network-online", "time-sync"] {
        fs::write(units.join(format!("{target}.target")), "[Unit]\nDefaultDependencies=no\n").unwrap();
    }
    for program in ["usr/local/bin/countersign", "bin/kill"] {
        let program = root.join(program);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, "").unwrap();
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    units.join("countersign.service")
}

/// What `systemd-analyze verify` has to say, which is nothing where it is content.
fn complaints(root: &Path) -> String {
    let mut verify = Command::new("systemd-analyze");
    let output = verify.arg("verify").arg("--root").arg(root).arg("countersign.service").output().unwrap();
    let code = output.status.code().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(code == 0 || !said.is_empty(), "it ended with {code}, and without a word");
    said
}

#[test]
fn systemd_has_nothing_to_say_against_the_unit_and_its_drop_ins() {
    if !is_installed("systemd-analyze", "systemd") {
        return;
    }
    for drop_ins in [&[][..], &DROP_INS[..1], &DROP_INS[1..], &DROP_INS] {
        let root = tempfile::tempdir().unwrap();
        unit_below(root.path(), drop_ins);
        assert_eq!(complaints(root.path()), "", "with {drop_ins:?}");
    }
    // That it would complain.
    let root = tempfile::tempdir().unwrap();
    let unit = unit_below(root.path(), &[]);
    let text = fs::read_to_string(&unit).unwrap().replace("ProtectSystem=", "ProtectSystems=");
    fs::write(unit, text).unwrap();
    assert!(complaints(root.path()).contains("ProtectSystems"), "{}", complaints(root.path()));
}

#[test]
fn the_unit_is_exposed_to_little_also_where_it_speaks_tls() {
    if !is_installed("systemd-analyze", "systemd") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let unit = unit_below(root.path(), &[]);
    let alone = fs::read_to_string(&unit).unwrap();
    let tls = fs::read_to_string(ops("systemd/tls.conf")).unwrap();
    for (what, text) in [("alone", alone.clone()), ("with tls.conf", format!("{alone}\n{tls}"))] {
        fs::write(&unit, text).unwrap();
        let mut security = Command::new("systemd-analyze");
        security.args(["security", "--offline=true", "--no-pager", "--threshold", MOST_EXPOSED]).arg(&unit);
        let table = said(&mut security).unwrap_or_else(|why| panic!("{what}: {why}"));
        let overall = table.lines().find(|line| line.contains("Overall exposure level")).unwrap();
        println!("{what}: {overall}");
    }
}

fn config_check(file: &str, env: &[(&str, &str)]) -> Result<String, String> {
    let mut check = Command::new(env!("CARGO_BIN_EXE_countersign"));
    said(check.args(["config", "check", "--config"]).arg(ops(file)).envs(env.iter().copied()))
}

#[test]
fn the_sample_configurations_are_accepted_and_the_containers_asks_who_ends_tls() {
    assert_eq!(config_check("countersign.toml", &[]).unwrap(), "the configuration is right\n");
    let refused = config_check("docker/countersign.toml", &[]).unwrap_err();
    assert!(refused.contains("http.behind_proxy = true") && refused.contains("tls.cert"), "{refused}");
    config_check("docker/countersign.toml", &[("COUNTERSIGN__HTTP__BEHIND_PROXY", "true")]).unwrap();
}

/// Settings that are commented out are right, too: whoever takes the signs away gets what the comment says.
#[test]
fn what_is_commented_out_in_the_sample_configuration_is_known() {
    let text = fs::read_to_string(ops("countersign.toml")).unwrap();
    let is_setting = |line: &str| line.starts_with('[') || line.contains(" = ");
    let opened = text.lines().map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line));
    let opened = opened.collect::<Vec<_>>().join("\n");
    let dir = tempfile::tempdir().unwrap();
    let key = rcgen::generate_simple_self_signed(vec!["auth.example.com".to_owned()]).unwrap();
    fs::write(dir.path().join("tls.cert"), key.cert.pem()).unwrap();
    fs::write(dir.path().join("tls.key"), key.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(dir.path().join("tls.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let opened = opened.replace("/etc/countersign", dir.path().to_str().unwrap());
    assert!(opened.contains("\n[tls]\n") && opened.contains("\n[metrics]\n"), "{opened}");
    let file = dir.path().join("countersign.toml");
    fs::write(&file, opened).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_countersign"));
    said(check.args(["config", "check", "--config"]).arg(file)).unwrap();
}
