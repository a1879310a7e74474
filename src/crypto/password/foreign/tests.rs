use super::super::{Kernel, Params};
use super::*;

/// All of them are of this password, where nothing else is said.
const PASSWORD: &[u8] = b"correct horse";

fn opens(password: &[u8], phc: &str) {
    let mut kernel = Kernel::new(Params { m_kib: 32, t: 1, p: 1 });
    assert_eq!(kernel.verify(password, phc), Ok(true), "{phc}");
    assert_eq!(kernel.verify(b"Correct horse", phc), Ok(false), "{phc}");
    assert_eq!(phc_of(phc).unwrap().as_str(), phc, "it is the text of the same hash");
}

fn opens_as(head: &str, text: &str) {
    let phc = phc_of(text).unwrap_or_else(|why| panic!("{text}: {why}"));
    assert!(phc.starts_with(head), "{}", *phc);
    opens(PASSWORD, &phc);
}

fn refused(text: &str) -> PasswordHashError {
    let error = phc_of(text).unwrap_err();
    let said = error.to_string();
    for part in text.split(['$', ':']).filter(|part| part.len() > 13 && part.chars().any(|c| c.is_ascii_digit())) {
        assert!(!said.contains(part), "{said}");
    }
    error
}

/// Made by passlib 1.7.4: `pbkdf2_sha256.using(rounds=29000).hash("correct horse")` and so on.
#[test]
fn what_passlib_made_opens() {
    let sha256 = "$pbkdf2-sha256$29000$YkzJeS9l7F2rNYZQqvU.Rw$e.wjr5iJ0X2pEdY8IzW5L1C1w3Cl8A0vy6ss1C/xBZc";
    opens_as("$pbkdf2-sha256$i=29000,l=32$YkzJeS9l7F2rNYZQqvU+Rw$", sha256);
    opens_as("$pbkdf2-sha256$i=29000,l=32$", &sha256.replace('.', "+"));
    opens_as(
        "$pbkdf2-sha512$i=25000,l=64$",
        "$pbkdf2-sha512$25000$co7RmhMiBMCYs/Ze6z0HgA$Q.L7dMXM17g5jF/0Ruwt8Uvs.n40v4aUbcj3Earv/.Q3uPdw/gO9wVEfgFG4VNnc1WawPrzrZVQ7pKJXRs9hKA",
    );
    opens_as(
        "$scrypt$ln=10,",
        "$scrypt$ln=10,r=8,p=1$25vzvleq9d57b01pbc1ZCw$VOvdWJ5h/4DMknab9vKnA7WvkktXXG8X/eGKF6XjoZ8",
    );
    for other in ["$029000$", "$+29000$", "$$", "$29000 $"] {
        let error = refused(&sha256.replace("$29000$", other));
        assert!(matches!(error, PasswordHashError::Unsupported(why) if why.contains("passlib")), "{other}: {error}");
    }
    assert!(matches!(refused(&format!("{sha256}=")), PasswordHashError::Unsupported(_)), "passlib does not pad");
    assert!(matches!(refused(&sha256.replace("29000", "2000001")), PasswordHashError::OutOfBounds(_)));
    assert!(matches!(refused(&sha256.replace("$YkzJeS9l7F2rNYZQqvU.Rw$", "$$")), PasswordHashError::OutOfBounds(_)));
}

/// Made by Django 5.2: `PBKDF2PasswordHasher().encode("correct horse", "seasalt1234", 260000)`, and `make_password` with the hasher
/// `scrypt`.
#[test]
fn what_django_made_opens() {
    let text = "pbkdf2_sha256$260000$seasalt1234$GxXMaANP8hhZ9x3PB5I1MgrwZZuPtIgkeO5F909avOQ=";
    opens_as("$pbkdf2-sha256$i=260000,l=32$c2Vhc2FsdDEyMzQ$", text);
    opens_as(
        "$scrypt$ln=14,r=8,p=5$",
        "scrypt$16384$seasaltseasalt$8$5$RACha5x/l4GmSR5Y4hqxqFJ1UAxALEIcp9CjuGP0x8dGdi/aMG8S2PquN4mZ7aTwdlLXQYUj14G/pLCOkDr/jA==",
    );
    for other in [
        text.replace("$260000$", "$0260000$"),
        text.replace("avOQ=", "av.Q="),
        text.replace("pbkdf2_sha256", "pbkdf2_sha1"),
        text.replace("$seasalt1234", ""),
        "scrypt$16383$seasaltseasalt$8$5$RACha5x/l4GmSR5Y4hqxqFJ1UAxALEIcp9CjuGP0x8c=".to_owned(),
        "scrypt$16384$seasaltseasalt$8$RACha5x/l4GmSR5Y4hqxqFJ1UAxALEIcp9CjuGP0x8c=".to_owned(),
    ] {
        assert!(matches!(refused(&other), PasswordHashError::Unsupported(_)), "{other}");
    }
    assert!(matches!(refused(&text.replace("seasalt1234", "")), PasswordHashError::OutOfBounds(_)), "without salt");
    assert!(
        matches!(refused(&text.replace("1234", &"1".repeat(60))), PasswordHashError::OutOfBounds(_)),
        "67 bytes of salt"
    );
}

/// Made by Werkzeug 3.1.8: `generate_password_hash("correct horse", method)`.
#[test]
fn what_werkzeug_made_opens() {
    let scrypt = "scrypt:32768:8:1$pyEbMnTKDbUOUBFU$2ba5f6a452bc023b2cf80b9d032b75ae940fb14c036a0c1ddf1eb7d7a5ab4fc2f944bd2fe6db215516df457a08ae13cb5f2b9bd013b6e0ee1f92a8546a7608a9";
    opens_as("$scrypt$ln=15,r=8,p=1$cHlFYk1uVEtEYlVPVUJGVQ$", scrypt);
    let sha256 = "pbkdf2:sha256:1000$8K1iTXQM2nNCg30d$4b4287cf00e800524bc4ebc91cce4636802efb092e89c9beb3533b0fd31fd85f";
    opens_as("$pbkdf2-sha256$i=1000,l=32$", sha256);
    opens_as(
        "$pbkdf2-sha512$i=1000,l=64$",
        "pbkdf2:sha512:1000$dTc2kLIMx4v2a0pz$28ac0266502905d400e7ad39e5be9a0ef9c1cf47764bea6300e24055c57d61b3476cc6b4f782d6bfe7a543de8c4682665a344992179798f38f8017f4856cc472",
    );
    for other in [
        sha256.replace("fd85f", "fd85F"),
        sha256.replace("fd85f", "fd85"),
        sha256.replace("fd85f", "fd85g"),
        sha256.replace(":1000", ""),
        sha256.replace(":1000", ":01000"),
        sha256.replace("sha256", "sha1"),
        sha256.replace("pbkdf2", "PBKDF2"),
        scrypt.replace(":32768:", ":32767:"),
        scrypt.replace(":32768:", ":0:"),
        scrypt.replace(":8:1", ":8"),
        scrypt.replace(":8:1", ":8:1:1"),
        "plain:secret1234567$x$y".to_owned(),
    ] {
        assert!(matches!(refused(&other), PasswordHashError::Unsupported(_)), "{other}");
    }
    assert!(matches!(refused(&scrypt.replace(":32768:", ":2147483648:")), PasswordHashError::OutOfBounds(_)));
}

/// Computed by Python's `hashlib.pbkdf2_hmac` with 64 bytes, which is the length that Keycloak's `Pbkdf2PasswordHashProvider` has,
/// and in base64 as its `credentialData` and `secretData` have it.
#[test]
fn fields_of_keycloak_open() {
    let of = |algorithm, factor, hash| Parts { algorithm, factor, salt: "yMnKy8zNzs/Q0dLT1NXW1w==", hash };
    let hash = "wf5sz4c9P5d4P8LQ1QqvZV5d+oBcIgqW8WUjK3PI7ecVUZkC4dFHX77498MY/Bp9wWEdps/QHeRHrf+fTvXOAw==";
    opens(PASSWORD, &of("pbkdf2-sha256", 27_500, hash).to_phc().unwrap());
    opens(PASSWORD, &of("pbkdf2-sha256", 27_500, hash.trim_end_matches('=')).to_phc().unwrap());
    let sha512 = "izIgiVdqlkXnXBRYqjP6Pfcu6oqEFWog0lLgBJb486T1rJEB5+NeduRFtUx0uzmusEKV9089WT5LDSUNqFUihw==";
    opens(PASSWORD, &of("pbkdf2-sha512", 30_000, sha512).to_phc().unwrap());
    for (parts, said) in [
        (of("pbkdf2", 27_500, hash), "its algorithm is none of"),
        (of("argon2", 5, hash), "its algorithm is none of"),
        (of("pbkdf2-sha256", 27_500, "wf5sz4c9P5d4P8LQ.QqvZV5d"), "must be base64"),
        (of("pbkdf2-sha256", 27_500, &"A".repeat(513)), "longer than 512"),
        (of("pbkdf2-sha256", 0, hash), "1 to 2000000 iterations"),
        (of("pbkdf2-sha256", u32::MAX, hash), "1 to 2000000 iterations"),
        (of("pbkdf2-sha256", 1, "wf5sz4c9"), "16 to 64 bytes"),
    ] {
        let error = parts.to_phc().unwrap_err().to_string();
        assert!(error.contains(said) && !error.contains("wf5s"), "{error}");
    }
}

/// PBKDF2 computed by Python's `hashlib.pbkdf2_hmac` with the lengths that FusionAuth's documentation of password hashes gives;
/// bcrypt is that of crypt_blowfish (wrapper.c) in its two parts.
#[test]
fn fields_of_fusionauth_open() {
    let of = |algorithm, hash| Parts {
        algorithm,
        factor: 24_000,
        salt: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        hash,
    };
    let (short, long) = (
        "eBCgAHjhhdOwKkS44oDvIvmYHz2lXD5m/sm2YvqYPJA=",
        "eBCgAHjhhdOwKkS44oDvIvmYHz2lXD5m/sm2YvqYPJCT4PClhYFwYZcuqeoTJiTALih4Xk9iErKOcd/wjmjTSQ==",
    );
    opens(PASSWORD, &of("salted-pbkdf2-hmac-sha256", short).to_phc().unwrap());
    opens(PASSWORD, &of("salted-pbkdf2-hmac-sha256-512", long).to_phc().unwrap());
    assert!(of("salted-pbkdf2-hmac-sha512-512", long).to_phc().unwrap().starts_with("$pbkdf2-sha512$i=24000,l=64$"));
    for (algorithm, hash) in [("salted-pbkdf2-hmac-sha256", long), ("salted-pbkdf2-hmac-sha256-512", short)] {
        let error = of(algorithm, hash).to_phc().unwrap_err().to_string();
        assert!(error.contains("not the length"), "{error}");
    }
    assert!(of("salted-sha256", short).to_phc().is_err());
    let bcrypt = |factor, salt, hash| Parts { algorithm: "bcrypt", factor, salt, hash }.to_phc();
    let (salt, hash) = ("CCCCCCCCCCCCCCCCCCCCC.", "E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
    opens(b"U*U", &bcrypt(5, salt, hash).unwrap());
    assert_eq!(bcrypt(15, salt, hash), Err(PasswordHashError::OutOfBounds("a bcrypt cost is 4 to 14")));
    assert_eq!(bcrypt(100, salt, hash), Err(PasswordHashError::OutOfBounds("a bcrypt cost is 4 to 14")));
    assert!(bcrypt(5, &salt[1..], hash).is_err());
    assert!(bcrypt(5, salt, &hash[1..]).is_err());
    assert!(bcrypt(5, "$CCCCCCCCCCCCCCCCCCCC.", hash).is_err());
}

#[test]
fn argon2id_and_bcrypt_pass_as_they_are() {
    for phc in [
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
    ] {
        assert_eq!(phc_of(phc).unwrap().as_str(), phc);
    }
}

#[test]
fn what_is_no_hash_is_refused() {
    for text in ["", "$", "$$$", "secret", "5f4dcc3b5aa765d61d8327deb882cf99", "$1$salt$hash", "{SSHA}AAAA", "a:b$c$d"]
    {
        assert!(matches!(refused(text), PasswordHashError::Unsupported(_)), "{text}");
    }
    assert!(matches!(refused(&"$".repeat(513)), PasswordHashError::Unsupported(why) if why.contains("512")));
}
