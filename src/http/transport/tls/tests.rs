//! Certificates and keys as people write them, right and wrong.

use super::{Pair, Tls, TlsFiles};
use crate::metrics::Metrics;
use rcgen::{CertificateParams, KeyPair, SanType, date_time_ymd};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use tempfile::TempDir;

/// 2031-02-03, in seconds since 1970.
const END: i64 = 1_927_843_200;

/// A certificate and its key, as PEM.
fn issued() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.subject_alt_names.push(SanType::IpAddress("127.0.0.1".parse().unwrap()));
    params.not_after = date_time_ymd(2031, 2, 3);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn write(dir: &TempDir, cert: &str, key: &str) -> TlsFiles {
    let files = TlsFiles { cert: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    fs::write(&files.cert, cert).unwrap();
    let _ = fs::remove_file(&files.key);
    fs::write(&files.key, key).unwrap();
    chmod(&files, 0o600);
    files
}

fn chmod(files: &TlsFiles, mode: u32) {
    fs::set_permissions(&files.key, fs::Permissions::from_mode(mode)).unwrap();
}

fn refusal(files: &TlsFiles) -> String {
    Pair::read(files).err().expect("it is refused").to_string()
}

#[test]
fn a_pair_that_fits_tells_when_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = issued();
    let (other, _) = issued();
    assert_eq!(Pair::read(&write(&dir, &format!("{cert}{other}"), &key)).unwrap().ends_at, END);
}

#[test]
fn what_cannot_be_used_is_refused_with_what_to_do_and_without_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = issued();
    let (other, _) = issued();
    let cut = &key[..key.len() / 2];
    let locked = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let garbage = cert.replace("MII", "MIJ");
    for (cert, key, expected) in [
        (other.as_str(), key.as_str(), "does not belong to the first certificate"),
        (&format!("{other}{cert}"), &key, "does not belong to the first certificate"),
        ("", &key, "holds no certificate"),
        (&key, &key, "holds no certificate"),
        (&cert[..100], &key, "is no PEM file"),
        (&key.replace('\n', " "), &key, "is no PEM file"),
        (&garbage, &key, "cannot be read"),
        (&cert, "", "holds no private key"),
        (&cert, cut, "holds no private key"),
        (&cert, &locked, "without a passphrase"),
        (&cert, &cert, "holds no private key"),
        (&cert, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be used"),
    ] {
        let text = refusal(&write(&dir, cert, key));
        assert!(text.contains(expected), "{expected}: {text}");
        assert!(text.contains("`tls.") && !text.contains('\n'), "{text}");
        for secret in key.lines().filter(|line| line.len() > 20 && !line.starts_with("-----")) {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let files = write(&dir, &cert, &key);
    fs::remove_file(&files.cert).unwrap();
    assert!(refusal(&files).starts_with("cannot read `tls.cert` "), "{}", refusal(&files));
    let nowhere = TlsFiles { cert: dir.path().to_owned(), key: files.key };
    assert!(refusal(&nowhere).contains("is not a file"), "{}", refusal(&nowhere));
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = issued();
    let files = write(&dir, &cert, &key);
    let shared = if rustix::process::geteuid().is_root() { 0o640 } else { 0o600 };
    for mode in [0o644, 0o604, 0o660, 0o620, 0o610] {
        chmod(&files, mode);
        let text = refusal(&files);
        assert!(text.contains(&format!("chmod {shared:o} {}", files.key.display())), "{mode:o}: {text}");
    }
    for mode in [0o600, 0o400, shared] {
        chmod(&files, mode);
        assert!(Pair::read(&files).is_ok(), "{mode:o}");
    }
}

#[test]
fn a_pair_is_taken_when_it_is_whole_and_complained_of_once() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = issued();
    let files = write(&dir, &cert, &key);
    let metrics = Arc::new(Metrics::new());
    let tls = Tls::open(files.clone(), metrics.clone()).unwrap();
    assert_eq!(metrics.tls_certificate_expires_seconds.get(), END);
    let served = || tls.current.0.read().unwrap().cert.clone();
    let first = served();
    assert!(tls.look().is_none(), "nothing has changed");

    let (cert, key) = issued();
    fs::write(&files.cert, &cert).unwrap();
    assert!(tls.look().is_none(), "it may still be being written");
    assert!(tls.look().unwrap().is_err(), "the key is another's");
    assert!(tls.look().is_none(), "it was said");
    assert_eq!(served(), first);
    write(&dir, &cert, &key);
    assert!(tls.look().is_none());
    assert_eq!(tls.look().unwrap(), Ok(END));
    assert_ne!(served(), first);
    assert!(tls.look().is_none());

    let (cert, key) = issued();
    write(&dir, &cert, &key);
    let second = served();
    assert_eq!(tls.take_again(), Ok(END));
    assert_ne!(served(), second);
    assert!(tls.look().is_none(), "it was read already");
}
