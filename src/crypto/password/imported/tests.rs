use super::super::{Kernel, Params, is_weaker, scheme, scheme_of};
use super::*;

const CHEAP: Params = Params { m_kib: 32, t: 1, p: 1 };

fn kernel() -> Kernel {
    Kernel::new(CHEAP)
}

/// A stored hash of bytes that are published in hexadecimal.
fn phc(head: &str, salt: &str, hash: &str) -> String {
    let bytes: Vec<u8> =
        (0..hash.len()).step_by(2).map(|at| u8::from_str_radix(&hash[at..at + 2], 16).unwrap()).collect();
    format!("${head}${}${}", STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(bytes))
}

fn opens_for_this_password_only(password: &[u8], phc: &str) {
    let mut kernel = kernel();
    assert_eq!(kernel.verify(password, phc), Ok(true), "{phc}");
    assert_eq!(kernel.verify(b"Password?", phc), Ok(false), "{phc}");
    assert_eq!(kernel.hashes_done(), 2);
    assert_eq!(is_weaker(phc, CHEAP), Ok(true), "{phc}");
}

/// Section 11. Only the first 32 bytes are looked at.
#[test]
fn pbkdf2_gives_the_known_answers_of_rfc_7914() {
    for (password, salt, i, hash) in [
        (
            "passwd",
            "salt",
            1,
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
        ),
        (
            "Password",
            "NaCl",
            80_000,
            "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d",
        ),
    ] {
        let phc = phc(&format!("pbkdf2-sha256$i={i},l=64"), salt, hash);
        opens_for_this_password_only(password.as_bytes(), &phc);
        assert_eq!(scheme_of(&phc), Ok(Scheme::Pbkdf2Sha256 { iterations: i }));
    }
}

/// The inputs of RFC 6070 with SHA-512, from the tests of trezor-crypto (tests/test_check.c).
#[test]
fn pbkdf2_gives_the_known_answers_for_sha_512() {
    for (password, salt, i, hash) in [
        (
            "password",
            "salt",
            1,
            "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce",
        ),
        (
            "password",
            "salt",
            4096,
            "d197b1b33db0143e018b12f3d1d1479e6cdebdcc97c5c0f87f6902e072f457b5143f30602641b3d55cd335988cb36b84376060ecd532e039b742a239434af2d5",
        ),
        (
            "passwordPASSWORDpassword",
            "saltSALTsaltSALTsaltSALTsaltSALTsalt",
            4096,
            "8c0511f4c6e597c6ac6315d8f0362e225f3c501495ba23b868c005174dc4ee71115b59f9e60cd9532fa33e0f75aefe30225c583a186cd82bd4daea9724a3d3b8",
        ),
    ] {
        let phc = phc(&format!("pbkdf2-sha512$i={i},l=64"), salt, hash);
        opens_for_this_password_only(password.as_bytes(), &phc);
        assert_eq!(scheme_of(&phc), Ok(Scheme::Pbkdf2Sha512 { iterations: i }));
    }
}

/// Section 12: of the four, the first has no salt and the last needs a GiB, and both are refused.
#[test]
fn scrypt_gives_the_known_answers_of_rfc_7914() {
    for (password, salt, params, hash) in [
        (
            "password",
            "NaCl",
            "ln=10,r=8,p=16",
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
        ),
        (
            "pleaseletmein",
            "SodiumChloride",
            "ln=14,r=8,p=1",
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
        ),
    ] {
        opens_for_this_password_only(password.as_bytes(), &phc(&format!("scrypt${params}"), salt, hash));
    }
}

/// Printed once by Python 3.11: `hashlib.pbkdf2_hmac(digest, password, salt, i, l)` and `hashlib.scrypt(password, salt=salt,
/// n=1 << ln, r=r, p=p, dklen=l, maxmem=1 << 28)`, salt and hash by `base64.b64encode(…).rstrip(b"=")`. The salts are `b"s"`,
/// `b"NaCl"`, `bytes(range(64))` and `b"\xff" * 16`, in this order.
const OF_HASHLIB: [[&str; 4]; 3] = [
    [
        "$pbkdf2-sha256$i=1,l=16$cw$hlaZvx+fQUB7nsOXctgpvw",
        "$pbkdf2-sha256$i=3,l=20$TmFDbA$mOwKWcEZ+SnYWfriMId4/RjENH0",
        "$pbkdf2-sha256$i=1000,l=32$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw$s3+As1ubabwx+JoA9SG0r0FXQTx1maIR+oFDQDpKoyc",
        "$pbkdf2-sha256$i=29,l=48$/////////////////////w$Mox7zo74EsQz0V2P6sXOGEf7689zBiboSBwRUHJ5jcrEyx+sDi19mp6zvjkrKLrA",
    ],
    [
        "$pbkdf2-sha512$i=1,l=16$cw$tIGmIX16HkwEcVub2qdMDQ",
        "$pbkdf2-sha512$i=3,l=20$TmFDbA$E+fMtYYprt6VQpl6YoQF06O73eY",
        "$pbkdf2-sha512$i=1000,l=64$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw$sTi+kBKJoGapM3C50JQ80rPScYMA+w4vfDi5JlSHgdOWOsYmjEvFxUoQQKy8t72jADtDd4wT4ejJP4SxIOTGdw",
        "$pbkdf2-sha512$i=29,l=48$/////////////////////w$Ly619B5O4C+2INT+pVbR+QTpT75xJnVCty3snYsaTqPE98zu0h0XcqLB8XT9/CL0",
    ],
    [
        "$scrypt$ln=1,r=1,p=1$cw$IGNYDd2OSIkcptLMLmaYeg",
        "$scrypt$ln=4,r=3,p=2$TmFDbA$WHyilKOB+Z912n9vXMAiXJ8jU4E",
        "$scrypt$ln=10,r=8,p=16$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw$8sTTlBhx6OKxORxEQoiKOMRITwvn66PMEh7fVl5YejovNHXKmFkdpDF4lkUBxZ2t2JD+BmwaGs7JdG1jtlnm1Q",
        "$scrypt$ln=9,r=32,p=1$/////////////////////w$E3Ke358ByX1a0Xj5HM161EGIUH0muSJZXzz41skACog",
    ],
];

#[test]
fn short_long_and_odd_inputs_hash_as_they_do_in_python() {
    let (umlauts, long) = ("pässwörd ".repeat(16), "x".repeat(1024));
    let passwords: [&[u8]; 4] = [b"", b"pa\0ss", umlauts.as_bytes(), long.as_bytes()];
    for phcs in OF_HASHLIB {
        for (password, phc) in passwords.into_iter().zip(phcs) {
            opens_for_this_password_only(password, phc);
        }
        let mut kernel = kernel();
        assert_eq!(kernel.verify(&long.as_bytes()[1..], phcs[3]), Ok(false), "the whole password counts: {}", phcs[3]);
        assert_eq!(kernel.verify(b"pa\0sS", phcs[1]), Ok(false), "also behind a NUL: {}", phcs[1]);
    }
}

#[test]
fn a_change_of_any_bit_of_what_is_looked_at_is_refused() {
    for (phc, bytes) in [(OF_HASHLIB[0][3], 32), (OF_HASHLIB[1][3], 48), (OF_HASHLIB[2][1], 20)] {
        let Imported { kdf, salt, hash } = Imported::parse(phc).unwrap();
        let password = if bytes == 20 { b"pa\0ss".to_vec() } else { vec![b'x'; 1024] };
        for bit in 0..bytes * 8 {
            let mut changed = hash.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(kernel().verify(&password, &kdf.to_phc(&salt, &changed)), Ok(false), "{phc}, bit {bit}");
        }
        let mut salt = salt;
        salt[0] ^= 1;
        assert_eq!(kernel().verify(&password, &kdf.to_phc(&salt, &hash)), Ok(false), "{phc}, another salt");
    }
}

#[test]
fn a_hash_is_written_as_it_was_read() {
    for phc in OF_HASHLIB.as_flattened() {
        let Imported { kdf, salt, hash } = Imported::parse(phc).unwrap();
        assert_eq!(kdf.to_phc(&salt, &hash), *phc);
    }
    let without = OF_HASHLIB[0][0].replace(",l=16", "");
    assert_eq!(kernel().verify(b"", &without), Ok(true), "its length says what it is");
}

#[test]
fn what_costs_too_much_is_refused_before_any_work() {
    let mut kernel = kernel();
    let hash = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let with = |head: &str| format!("${head}$c2FsdA${hash}");
    for (bomb, said) in [
        (with("pbkdf2-sha256$i=0"), "1 to 2000000 iterations"),
        (with("pbkdf2-sha256$i=2000001,l=32"), "1 to 2000000 iterations"),
        (with("pbkdf2-sha512$i=4294967295"), "1 to 2000000 iterations"),
        (with("scrypt$ln=0,r=8,p=1"), "ln must be 1 to 21"),
        (with("scrypt$ln=22,r=1,p=1"), "ln must be 1 to 21"),
        (with("scrypt$ln=63,r=1,p=1"), "ln must be 1 to 21"),
        (with("scrypt$ln=257,r=1,p=1"), "ln must be 1 to 21"),
        (with("scrypt$ln=14,r=0,p=1"), "r must be 1 to 32"),
        (with("scrypt$ln=1,r=33,p=1"), "r must be 1 to 32"),
        (with("scrypt$ln=1,r=4294967295,p=1"), "r must be 1 to 32"),
        (with("scrypt$ln=14,r=8,p=0"), "p must be 1 to 16"),
        (with("scrypt$ln=1,r=1,p=17"), "p must be 1 to 16"),
        (with("scrypt$ln=19,r=8,p=1"), "at most 2097152"),
        (with("scrypt$ln=21,r=1,p=2"), "at most 2097152"),
        (with("scrypt$ln=21,r=32,p=16"), "at most 2097152"),
        (format!("$scrypt$ln=1,r=1,p=1$${hash}"), "1 to 64 bytes"),
        (format!("$pbkdf2-sha256$i=1${}${hash}", "A".repeat(87)), "1 to 64 bytes"),
        ("$pbkdf2-sha256$i=1$c2FsdA$c2FsdHNhbHRzYWx0c2Fs".to_owned(), "16 to 64 bytes"),
        (format!("$scrypt$ln=1,r=1,p=1$c2FsdA${}", "A".repeat(87)), "16 to 64 bytes"),
    ] {
        let error = kernel.verify(b"password", &bomb).unwrap_err();
        assert!(matches!(error, PasswordHashError::OutOfBounds(_)), "{bomb}: {error}");
        assert!(error.to_string().contains(said), "{bomb}: {error}");
        assert_eq!(scheme_of(&bomb), Err(error), "{bomb}");
    }
    assert_eq!(kernel.hashes_done(), 0);
    for costliest in
        ["pbkdf2-sha512$i=2000000", "scrypt$ln=18,r=8,p=1", "scrypt$ln=14,r=8,p=16", "scrypt$ln=21,r=1,p=1"]
    {
        assert!(scheme_of(&with(costliest)).is_ok(), "{costliest}");
    }
}

#[test]
fn other_spellings_are_refused() {
    let rest = "c2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    for other in [
        format!("$pbkdf2$i=1${rest}"),
        format!("$pbkdf2-sha1$i=1${rest}"),
        format!("$pbkdf2-sha256$1${rest}"),
        format!("$pbkdf2-sha256$i=01${rest}"),
        format!("$pbkdf2-sha256$i=+1${rest}"),
        format!("$pbkdf2-sha256$i=1,l=31${rest}"),
        format!("$pbkdf2-sha256$i=1,l=${rest}"),
        format!("$pbkdf2-sha256$i=1,l=32,l=32${rest}"),
        format!("$pbkdf2-sha256$l=32,i=1${rest}"),
        format!("$pbkdf2-sha256$v=1$i=1${rest}"),
        format!("$pbkdf2-sha256$i=1${rest}="),
        format!("$pbkdf2-sha256$i=1${rest}$"),
        format!("$pbkdf2-sha256$i=1${}", rest.replace("PPc", "PPd")),
        format!("$pbkdf2-sha256$i=1${}", rest.replace('J', ".")),
        format!("$scrypt$ln=1,r=1${rest}"),
        format!("$scrypt$ln=1,r=1,p=1,l=32${rest}"),
        format!("$scrypt$r=1,ln=1,p=1${rest}"),
        format!("$scrypt$ln=1,r=1,p=1${rest}="),
        format!("$scrypt$n=2,r=1,p=1${rest}"),
        "$scrypt$".to_owned(),
    ] {
        assert!(matches!(scheme_of(&other), Err(PasswordHashError::Unsupported(_))), "{other}");
    }
}

#[test]
fn a_dummy_costs_what_its_scheme_costs() {
    let mut kernel = kernel();
    let schemes = [
        Scheme::Pbkdf2Sha256 { iterations: 7 },
        Scheme::Pbkdf2Sha512 { iterations: 2_000_000 },
        Scheme::Scrypt { log_n: 4, r: 8, p: 2 },
    ];
    for scheme in schemes {
        let dummy = scheme::dummy(&scheme, 7);
        assert_eq!(scheme_of(&dummy), Ok(scheme));
        assert_eq!(scheme::dummy(&scheme, 7), dummy);
        assert_ne!(scheme::dummy(&scheme, 8), dummy);
    }
    for (done, scheme) in [schemes[0], schemes[2]].into_iter().enumerate() {
        assert!(!kernel.dummy_verify(&scheme, b"password", 7));
        assert_eq!(kernel.hashes_done(), done as u64 + 1);
    }
}

/// A dummy has 32 bytes of hash. A stored hash of 64, two blocks of SHA-256, must not take twice its time.
#[test]
fn a_longer_hash_of_the_same_scheme_costs_no_more() {
    let kdf = Kdf::Pbkdf2(Digest::Sha256, 1);
    let (long, short) = (kdf.to_phc(b"salt", &[0; 64]), kdf.to_phc(b"salt", &[0; 32]));
    let looked_at = |phc: &str| Imported::parse(phc).unwrap().hash.len().min(kdf.looked_at());
    assert_eq!((looked_at(&long), looked_at(&short)), (32, 32));
    assert_eq!(Kdf::Pbkdf2(Digest::Sha512, 1).looked_at(), 64);
}
