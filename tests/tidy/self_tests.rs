//! The checks themselves: one that finds nothing might have looked at nothing.

use super::documents::{links, named_files, slug};
use super::imports::{crate_uses, long_functions, room, rooms, ways_out_of_the_model};
use super::lexer::{code, tokens};
use super::tree::Text;
use super::words::{banned, unclean};

fn file(path: &str, text: &str) -> Text {
    Text { path: path.to_owned(), text: text.to_owned() }
}

fn rooms_of(path: &str, text: &str) -> Vec<String> {
    rooms(&file(path, text), &tokens(text)).into_iter().map(|(room, _)| room).collect()
}

#[test]
fn comments_and_literals_are_no_code() {
    let text =
        "a /* b /* c */ \n d */ e // f\n\"g \\\" h\" i 'j' '\\'' '\\u{41}' &'k l r#\"m \" n\"# br\"o\" c\"p\" rr";
    let words: Vec<_> = tokens(text).into_iter().map(|token| (token.text, token.line)).collect();
    let known = [("a", 1), ("e", 2), ("i", 3), ("&", 3), ("'", 3), ("k", 3), ("l", 3), ("b", 3), ("c", 3), ("rr", 3)];
    assert_eq!(words, known.map(|(word, line)| (word.to_owned(), line)));
    assert_eq!(code(text).lines().count(), text.lines().count());
}

#[test]
fn rooms_are_found_in_every_way_to_write_a_path() {
    assert_eq!(room("src/http/oauth/token.rs"), "http");
    assert_eq!(room("src/clock.rs"), "clock");
    assert_eq!(rooms_of("src/a.rs", "use crate::b::c; pub(crate) fn d() { crate::e::f!() }"), ["b", "e"]);
    assert_eq!(rooms_of("src/a.rs", "use crate::{b::{c, d}, e,\n f::g as h};"), ["b", "e", "f"]);
    assert_eq!(rooms_of("src/a.rs", "use crate::*; x!($crate::b::c); // crate::d::e"), ["*", "b"]);
    assert_eq!(rooms_of("src/main.rs", "countersign::cli::run()"), ["cli"]);
}

#[test]
fn a_way_up_that_leaves_the_room_is_found_too() {
    assert_eq!(rooms_of("src/a.rs", "use super::b::c;"), ["b"]);
    assert_eq!(rooms_of("src/a/mod.rs", "use super::b::c; mod d { use super::e::f; }"), ["b"]);
    assert_eq!(rooms_of("src/a/b.rs", "use super::c::d; use super::super::e::f;"), ["e"]);
    let after_a_module = "mod b { use super::super::c; } use super::d;";
    assert_eq!(rooms_of("src/a.rs", after_a_module), ["c", "d"]);
}

#[test]
fn a_crate_is_found_at_the_start_of_a_path_only() {
    assert_eq!(
        crate_uses(&tokens("use sled::Db;\nuse ::sled::Db;\n#[sled::x] sled_store::y; \"sled::z\""), "sled"),
        [1, 3]
    );
    assert_eq!(crate_uses(&tokens("use sled;\nextern crate sled;\nlet sled = 1;\nx::sled::y"), "sled"), [1, 2]);
}

#[test]
fn a_way_out_of_the_model_is_found() {
    let out = |path: &str, text: &str| ways_out_of_the_model(&file(path, text), &tokens(text));
    let text = "//! Not countersign's.\nuse super::Answer;\nuse std::fmt; // crate::a\nlet b = \"countersign\";\n";
    assert!(out("tests/model/session.rs", text).is_empty());
    assert_eq!(out("tests/model/session.rs", "a;\nuse countersign::domain;"), [2]);
    assert_eq!(out("tests/model/mod.rs", "fn f() {\ncountersign::domain::decide();\n}"), [2]);
    assert_eq!(out("tests/model/clock.rs", "use crate::machine;\nuse super::super::base;\nuse super::clock;"), [1, 2]);
    assert_eq!(out("tests/model/mod.rs", "use super::machine;\nuse clock::Clock;"), [1]);
}

#[test]
fn functions_are_counted_from_their_name_to_their_last_brace() {
    let text =
        "trait T { fn none(&self) -> [u8; 2]; }\nfn two(a: [u8; 2]) -> u8 {\n}\nfn f(g: fn(u8)) {\nif a {\n}\n}\n";
    assert_eq!(long_functions(&tokens(text), 1), [("two".to_owned(), 2, 2), ("f".to_owned(), 4, 4)]);
    assert_eq!(long_functions(&tokens(text), 3), [("f".to_owned(), 4, 4)]);
}

#[test]
fn banned_words_and_hidden_characters_are_found() {
    let text = concat!("a to", "do!() b\n", "see /wo", "rk/x\n", "Clau", "de\n", "fulfi", "llment\n");
    assert_eq!(banned(&file("a.md", text)).len(), 3);
    let beside = concat!("cd ../sha", "red\n");
    assert_eq!((banned(&file("a", beside)).len(), banned(&file(".ci/run", beside)).len()), (1, 0));
    assert_eq!(unclean(&file("a", "a \n\tb\nc\u{202e}d\n\n")).len(), 4);
    assert_eq!(unclean(&file("a", "a")).len(), 1);
    assert_eq!(unclean(&file("a", "ä → b\n")).len(), 0);
}

#[test]
fn links_and_file_names_are_found() {
    assert_eq!(links("see [a](b.md#c), `[x](y)` and ![d](e.png \"title\")"), ["b.md#c", "e.png"]);
    assert_eq!(links("[a]: ../b.md"), ["../b.md"]);
    assert_eq!(slug("What `it` is, and why"), "what-it-is-and-why");
    assert_eq!(
        named_files("`src/clock.rs`, src/http/. See tests/** and scripts/long/NAME."),
        ["src/clock.rs", "src/http"]
    );
}
