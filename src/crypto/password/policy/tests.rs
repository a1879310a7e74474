use super::WeakPassword::{Common, LikeLogin, TooLong, TooShort};
use super::*;

const LOGIN: &str = "Alice.Liddell@example.com";

fn check(password: &str) -> Result<(), WeakPassword> {
    Policy { min_length: 8 }.check(password, LOGIN)
}

#[test]
fn length_is_counted_in_characters_and_bounded_in_bytes() {
    assert_eq!(check("k#9vQz!"), Err(TooShort { min: 8 }));
    assert_eq!(check("üñ€ß漢"), Err(TooShort { min: 8 }), "bytes do not count");
    assert_eq!(check("k#9vQz!2"), Ok(()));
    assert_eq!(Policy { min_length: 15 }.check("k#9vQz!2xRtW6b", LOGIN), Err(TooShort { min: 15 }));
    let long = |bytes: usize| "Zk3 v9Qz2?mX7bT1w".chars().cycle().take(bytes - 4).collect::<String>() + "9#q!";
    assert_eq!(check(&long(1024)), Ok(()));
    assert_eq!(check(&long(1025)), Err(TooLong));
    let emoji: String = (0..64).map(|at| char::from_u32(0x1f600 + at * 7 % 80).unwrap()).collect();
    assert_eq!((emoji.chars().count(), emoji.len()), (64, 256));
    assert_eq!(check(&emoji), Ok(()), "64 characters of any script fit");
}

#[test]
fn no_kind_of_character_is_asked_for() {
    for password in [
        "correct horse battery staple",
        "mxqvkzwtpfhd",
        "8274619350573",
        "пароль из разных слов",
        "          zebra xylophone",
    ] {
        assert_eq!(check(password), Ok(()), "{password}");
    }
}

#[test]
fn common_passwords_and_their_plain_variations_are_refused() {
    for password in [
        "password",
        "Password",
        "PASSWORD",
        "passw0rd",
        "P@ssw0rd",
        "password1",
        "Password1!",
        "drowssap",
        "12345678",
        "87654321",
        "qwertyui",
        "qwertyuiop",
        "1qaz2wsx",
        "iloveyou",
        "sunshine1",
        "baseball",
        "football!",
        "letmein1",
        "aaaaaaaa",
        "abcdefgh",
        "abcabcabc",
        "abcabcab",
        "11111111",
        "19900101",
        "01.01.1990",
        "passwordpassword",
        "passwordpasswordpassword",
        "qwertyuiop1234567890",
        "princess",
        "trustno1",
        "Superman1",
    ] {
        assert_eq!(check(password), Err(Common), "{password}");
    }
    for repeated in ["a", "12", "xyz", "password", "letmein!", "q7#"] {
        for bytes in [64, 100, 1024] {
            let password: String = repeated.chars().cycle().take(bytes).collect();
            assert_eq!(check(&password), Err(Common), "{password}");
        }
    }
}

#[test]
fn what_is_made_of_the_login_is_refused() {
    for password in [
        "alice.liddell",
        "Alice.Liddell@Example.com",
        "aliceliddell",
        "liddellalice",
        "alice1234"[..8].trim(),
        "lliddell.alice",
        "alice@example",
        "ExampleAlice!",
        "liddell1",
        "11lecila",
        "al1c3.l1ddell",
        "liddell2024",
    ] {
        assert_eq!(check(password), Err(LikeLogin), "{password}");
    }
    assert_eq!(check("liddell k#9vQz!2"), Ok(()), "what is strong without it");
    let policy = Policy { min_length: 8 };
    assert_eq!(policy.check("k#9vQz!2", ""), Ok(()));
    assert_eq!(policy.check("k#9vQz!2", "k#9vQz!2"), Err(LikeLogin), "a login without words");
    assert_eq!(policy.check("ﬁshermanx", "fisherman"), Ok(()), "another spelling is not looked through");
    assert_eq!(policy.check("\0\0\0\0\0\0\0\0", LOGIN), Err(Common));
}

#[test]
fn the_texts_say_what_to_do_and_hold_no_password() {
    for weak in [TooShort { min: 15 }, TooLong, Common, LikeLogin] {
        let text = weak.to_string();
        assert!(text.starts_with("this password is ") && text.contains("choose"), "{text}");
    }
    assert!(TooShort { min: 15 }.to_string().contains("at least 15 characters"));
}

#[test]
fn the_unit_of_a_text_is_what_it_repeats() {
    for (text, expected) in [
        ("", ""),
        ("a", "a"),
        ("aa", "a"),
        ("aaaaa", "a"),
        ("ab", "ab"),
        ("aba", "aba"),
        ("abab", "ab"),
        ("ababa", "ab"),
        ("aabaab", "aab"),
        ("abcab", "abcab"),
        ("abcabc!", "abcabc!"),
        ("aaaab", "aaaab"),
    ] {
        let characters: Vec<char> = text.chars().collect();
        assert_eq!(unit(&characters).iter().collect::<String>(), expected, "{text}");
    }
}

/// zxcvbn 3.1.1 panics or takes seconds on some of these where it is given a hundred characters.
#[test]
fn no_password_is_too_much_for_it() {
    let l33t = "4@8({[<369!|10$57+%2";
    let walk = "qazwsxedcrfvtgbyhnujmik,ol.p;/['";
    let keypad = "7894561237894561230/*-+.";
    let mut passwords: Vec<String> =
        [l33t, walk, keypad, "12", "1/1/", "a", "aab", "İıßſﬀ", "😀👍🏽", "a1!B", "\0\u{7f}\u{fffd}"]
            .iter()
            .flat_map(|seed| [20, 21, 64, 100, 256].map(|length| seed.chars().cycle().take(length).collect()))
            .collect();
    passwords.extend((1..=20).map(|at| format!("{}{}", &l33t[..at], "eaiost".repeat(4))));
    // Each letter its own word, so that every sequence there is gets as long as it can.
    passwords.push("y'knowwhati'msayin s y'k".to_owned());
    let mut seed = 1_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for _ in 0..300 {
        let alphabet: Vec<char> = [l33t, walk, keypad, "password1990"][next(4)].chars().collect();
        let length = 8 + next(40);
        passwords.push((0..length).map(|_| alphabet[next(alphabet.len())]).collect());
    }
    for password in &passwords {
        let _ = check(password);
    }
}
