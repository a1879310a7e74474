use super::*;
use crate::entropy::SeededEntropy;

const CHEAP: Params = Params { m_kib: 32, t: 1, p: 1 };

fn kernel() -> Kernel {
    Kernel::new(CHEAP)
}

/// From the test file of the reference implementation (phc-winner-argon2, src/test.c, version 0x13).
const ARGON2ID: [(&str, &str); 4] = [
    ("password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"),
    ("password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"),
    ("password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
    ("differentpassword", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94"),
];

/// From crypt_blowfish (wrapper.c), Openwall.
const BCRYPT: [(&[u8], &str); 5] = [
    (b"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    (b"U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    (b"U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    (b"", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    (b"\xff\xff\xa3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"),
];

#[test]
fn argon2id_gives_the_known_answers_of_the_reference_implementation() {
    let mut kernel = kernel();
    for (password, phc) in ARGON2ID {
        assert_eq!(kernel.verify(password.as_bytes(), phc), Ok(true), "{phc}");
        assert_eq!(kernel.verify(b"Password", phc), Ok(false), "{phc}");
    }
    assert_eq!(kernel.hashes_done(), 8);
}

#[test]
fn a_change_of_any_bit_of_a_stored_hash_is_refused() {
    let mut kernel = kernel();
    let (salt, password) = ([3; 16], b"correct horse");
    let phc = kernel.hash(password, &salt, CHEAP).unwrap();
    let Ok(Parsed::Argon2id(Argon2Hash { hash, .. })) = scheme::parse(&phc) else { panic!("{}", *phc) };
    for bit in 0..hash.len() * 8 {
        let mut changed = hash.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(kernel.verify(password, &scheme::to_phc(CHEAP, &salt, &changed)), Ok(false), "bit {bit}");
    }
    let (password, phc) = (BCRYPT[0].0, BCRYPT[0].1.replace("$05$", "$04$"));
    assert_eq!(kernel.verify(password, &phc), Ok(false), "another cost");
    // The last character is left out: it carries bits that must be zero.
    for at in 7..59 {
        let mut changed = BCRYPT[0].1.as_bytes().to_vec();
        changed[at] = if changed[at] == b'O' { b'u' } else { b'O' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(kernel.verify(password, &changed), Ok(false), "{changed}");
    }
}

#[test]
fn bcrypt_gives_the_known_answers_of_crypt_blowfish() {
    let mut kernel = kernel();
    for (password, phc) in BCRYPT {
        assert_eq!(kernel.verify(password, phc), Ok(true), "{phc}");
        assert_eq!(kernel.verify(b"U*U*U*", phc), Ok(false), "{phc}");
    }
    let as_2b = BCRYPT[0].1.replace("$2a$", "$2b$");
    assert_eq!(kernel.verify(b"U*U", &as_2b), Ok(true));
}

#[test]
fn bcrypt_sees_72_bytes_and_ends_at_a_nul() {
    let phc = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
    let seen = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    assert_eq!(seen.len(), 72);
    let mut kernel = kernel();
    assert_eq!(kernel.verify(seen.as_bytes(), phc), Ok(true));
    assert_eq!(kernel.verify(format!("{seen}chars after 72 are ignored").as_bytes(), phc), Ok(true));
    assert_eq!(kernel.verify(&seen.as_bytes()[..71], phc), Ok(false));
    assert_eq!(kernel.verify(b"U*U\0and more", BCRYPT[0].1), Ok(true));
}

#[test]
fn argon2id_sees_every_byte() {
    let mut kernel = kernel();
    let long = "x".repeat(1024);
    let phc = kernel.hash(long.as_bytes(), &[1; 16], CHEAP).unwrap();
    assert_eq!(kernel.verify(long.as_bytes(), &phc), Ok(true));
    assert_eq!(kernel.verify(&long.as_bytes()[1..], &phc), Ok(false));
    let phc = kernel.hash(b" a\0b ", &[1; 16], CHEAP).unwrap();
    assert_eq!(kernel.verify(b" a\0b ", &phc), Ok(true));
    assert_eq!(kernel.verify(b" a\0c ", &phc), Ok(false));
    assert_eq!(kernel.verify(b"a\0b", &phc), Ok(false));
}

#[test]
fn a_hash_is_a_phc_string_of_our_own_scheme() {
    let mut kernel = Kernel::new(Params::default());
    let phc = kernel.hash(b"correct horse", &[9; 16], Params::default()).unwrap();
    assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$CQkJCQkJCQkJCQkJCQkJCQ$"), "{}", *phc);
    assert_eq!(scheme_of(&phc), Ok(Params::default().scheme()));
    assert_eq!(kernel.verify(b"correct horse", &phc), Ok(true));
    assert_ne!(kernel.hash(b"correct horse", &[8; 16], Params::default()).unwrap(), phc);
    assert_eq!(kernel.hashes_done(), 3);
}

#[test]
fn a_kernel_gives_the_same_answers_whatever_it_hashed_before() {
    let mut used = Kernel::new(Params { m_kib: 256, t: 2, p: 1 });
    for (password, phc) in [ARGON2ID[2], ARGON2ID[0], ARGON2ID[1], ARGON2ID[0]] {
        assert_eq!(used.verify(password.as_bytes(), phc), Ok(true));
    }
}

#[test]
fn the_arena_is_wiped() {
    let mut kernel = Kernel::new(Params { m_kib: 256, t: 2, p: 1 });
    assert_eq!(kernel.verify(b"password", ARGON2ID[0].1), Ok(true));
    assert!(!kernel.reference.arena.is_empty());
    assert!(kernel.reference.arena.iter().all(|block| block.as_ref().iter().all(|word| *word == 0)));
}

#[test]
fn a_hash_of_more_than_is_kept_does_not_touch_the_arena() {
    let own = Params { m_kib: 256, t: 1, p: 1 };
    let mut kernel = Kernel::new(own);
    kernel.hash(b"password", &[1; 16], own).unwrap();
    let before = (kernel.reference.arena.as_ptr(), kernel.reference.arena.len());
    kernel.hash(b"password", &[1; 16], Params { m_kib: 32 * 1024 + 8, t: 1, p: 1 }).unwrap();
    assert_eq!((kernel.reference.arena.as_ptr(), kernel.reference.arena.len()), before);
    kernel.hash(b"password", &[1; 16], Params { m_kib: 512, t: 1, p: 1 }).unwrap();
    assert_eq!(kernel.reference.arena.len(), 512, "less than that stays where it is");
    kernel.hash(b"password", &[1; 16], own).unwrap();
    assert_eq!(kernel.reference.arena.len(), 512);
}

#[test]
fn a_hash_that_is_a_bomb_is_refused_before_any_work() {
    let mut kernel = kernel();
    let argon2id =
        |params: &str| format!("$argon2id$v=19${params}$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc");
    let bcrypt = |cost: &str| format!("$2b${cost}$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
    for bomb in [
        argon2id("m=262145,t=1,p=1"),
        argon2id("m=4294967295,t=1,p=1"),
        argon2id("m=64,t=17,p=1"),
        argon2id("m=64,t=0,p=1"),
        argon2id("m=64,t=1,p=5"),
        argon2id("m=64,t=1,p=0"),
        argon2id("m=7,t=1,p=1"),
        argon2id("m=15,t=1,p=2"),
        argon2id("m=262144,t=5,p=1"),
        bcrypt("15"),
        bcrypt("31"),
        bcrypt("03"),
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc".to_owned(),
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHQ".to_owned(),
    ] {
        assert!(matches!(kernel.verify(b"password", &bomb), Err(PasswordHashError::OutOfBounds(_))), "{bomb}");
        assert!(scheme_of(&bomb).is_err(), "{bomb}");
    }
    assert_eq!(kernel.hashes_done(), 0);
    assert!(kernel.hash(b"x", &[0; 16], Params { m_kib: 262_145, t: 1, p: 1 }).is_err());
}

#[test]
fn the_costliest_hash_within_bounds_is_taken() {
    for params in ["m=262144,t=4,p=4", "m=65536,t=16,p=1", "m=8,t=1,p=1"] {
        let phc = format!("$argon2id$v=19${params}$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc");
        assert!(scheme_of(&phc).is_ok(), "{params}");
    }
}

#[test]
fn other_algorithms_and_other_spellings_are_refused() {
    let rest = "m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    for other in [
        "",
        "plain",
        "$",
        "$1$salt$hash",
        "$6$salt$hash",
        "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$+5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeé",
        "$2a$é$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWW",
        &format!("$argon2i$v=19${rest}"),
        &format!("$argon2d$v=19${rest}"),
        &format!("$argon2id$v=16${rest}"),
        &format!("$argon2id${rest}"),
        &format!(" $argon2id$v=19${rest}"),
        &format!("$argon2id$v=19${rest}="),
        &format!("$argon2id$v=19${rest}$"),
        &format!("$argon2id$v=19$m=0256{}", &rest[5..]),
        &format!("$argon2id$v=19$m=+256{}", &rest[5..]),
        &format!("$argon2id$v=19$t=2,m=256,p=1{}", &rest[13..]),
        &format!("$argon2id$v=19$m=256,t=2,p=1,data=AA{}", &rest[13..]),
        &format!("$argon2id$v=19${}", "A".repeat(300)),
    ] {
        assert!(matches!(kernel().verify(b"", other), Err(PasswordHashError::Unsupported(_))), "{other}");
    }
}

#[test]
fn weaker_hashes_are_known() {
    let params = Params::default();
    let of = |params: Params| scheme::dummy(&params.scheme(), 7);
    let own = of(params);
    assert_eq!(is_weaker(&own, params), Ok(false));
    assert_eq!(is_weaker(&own, Params { m_kib: 65_536, ..params }), Ok(true));
    assert_eq!(is_weaker(&own, Params { t: 3, ..params }), Ok(true));
    assert_eq!(is_weaker(&own, Params { m_kib: 9_728, t: 4, p: 1 }), Ok(false));
    assert_eq!(is_weaker(&of(Params { m_kib: 47_104, t: 1, p: 1 }), params), Ok(false));
    assert_eq!(is_weaker(ARGON2ID[2].1, params), Ok(true), "its salt has 8 bytes");
    assert_eq!(is_weaker(&scheme::dummy(&Scheme::Bcrypt { cost: 14 }, 7), params), Ok(true));
}

#[test]
fn a_dummy_does_the_work_of_its_scheme_and_answers_no() {
    let mut kernel = kernel();
    for (done, scheme) in
        [CHEAP.scheme(), scheme_of(ARGON2ID[1].1).unwrap(), Scheme::Bcrypt { cost: 4 }].into_iter().enumerate()
    {
        assert!(!kernel.dummy_verify(&scheme, b"password", 7));
        assert_eq!(kernel.hashes_done(), done as u64 + 1, "{scheme:?}");
        assert_eq!(scheme_of(&scheme::dummy(&scheme, 7)), Ok(scheme));
        assert_eq!(scheme::dummy(&scheme, 7), scheme::dummy(&scheme, 7));
        assert_ne!(scheme::dummy(&scheme, 7), scheme::dummy(&scheme, 8));
    }
}

/// The fast crate with a fault: the answer to one password is another.
struct Faulty(Fast, &'static [u8]);

impl Compute for Faulty {
    fn compute(&mut self, input: Input<'_>, kept: u32, out: &mut [u8]) -> Result<(), PasswordHashError> {
        self.0.compute(input, kept, out)?;
        out[0] ^= u8::from(input.password == self.1);
        Ok(())
    }
}

#[test]
fn both_crates_give_the_known_answers_and_agree() {
    let entropy = SeededEntropy::new(8);
    assert!(argon2id::agrees(&mut Fast::default(), CHEAP, &entropy));
    assert!(argon2id::agrees(&mut Reference::default(), CHEAP, &entropy));
    let on = Arc::new(FastArgon2::tried(CHEAP, &entropy));
    assert!(on.is_on());
    assert_ne!(on.name(), "reference");
    let mut kernel = Kernel::with(CHEAP, on);
    for (password, phc) in ARGON2ID {
        assert_eq!(kernel.verify(password.as_bytes(), phc), Ok(true), "{phc}");
        assert_eq!(kernel.verify(b"Password", phc), Ok(false), "{phc}");
    }
}

#[test]
fn a_crate_that_fails_one_known_answer_or_one_random_hash_is_not_used() {
    let entropy = SeededEntropy::new(8);
    assert!(!argon2id::agrees(&mut Faulty(Fast::default(), b"password"), CHEAP, &entropy));
    // An empty password is drawn in one of many trials.
    let found =
        (0..64).any(|seed| !argon2id::agrees(&mut Faulty(Fast::default(), b""), CHEAP, &SeededEntropy::new(seed)));
    assert!(found, "no trial noticed it");
}

#[test]
fn the_first_difference_gives_the_answer_of_the_reference_and_switches_the_fast_crate_off_everywhere() {
    let switch = Arc::new(FastArgon2::tried(CHEAP, &SeededEntropy::new(8)));
    let mut kernel = Kernel::with(CHEAP, switch.clone());
    let mut other = Kernel::with(CHEAP, switch.clone());
    let right = Kernel::new(CHEAP).hash(b"tin whistle", &[5; 16], CHEAP).unwrap();
    for _ in 1..COMPARED {
        assert_eq!(kernel.verify(b"tin whistle", &right), Ok(true));
    }
    kernel.fast = Box::new(Faulty(Fast::default(), b"tin whistle"));
    assert!(!kernel.has_differed());
    assert_eq!(kernel.hash(b"tin whistle", &[5; 16], CHEAP).unwrap(), right, "the thousandth is made by both");
    assert!(kernel.has_differed() && !kernel.has_differed(), "told once");
    assert!(!switch.is_on());
    assert_eq!(switch.name(), "reference");
    assert_eq!(kernel.verify(b"tin whistle", &right), Ok(true));
    assert_eq!(other.verify(b"tin whistle", &right), Ok(true));
}
