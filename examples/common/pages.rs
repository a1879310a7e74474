//! What browsers are shown. No scripts: everything is a link or a form. What is put in is escaped by `maud`.

use super::site::Look;
use maud::{DOCTYPE, Markup, html};

/// The look of all pages.
pub const STYLE: &str = include_str!("style.css");
/// The small picture in the browser's tab.
pub const ICON: &str = include_str!("icon.svg");

/// Who looks at a page.
#[derive(Clone, Copy)]
pub enum Viewer<'a> {
    /// Somebody who is logged in, by e-mail address.
    Person(&'a str),
    /// Nobody who is logged in.
    Stranger,
    /// Either.
    Anybody,
}

/// The home page, for everybody.
pub fn home(look: &Look, viewer: Viewer<'_>) -> Markup {
    let its_page = look.page_title.replacen("Your", "your", 1);
    let text = html! {
        h1 { "Welcome to the " (look.title) }
        @if let Viewer::Stranger = viewer {
            p { "Log in to see " (its_page) "." }
            p { a.button href="/login" { "Log in" } }
        } @else {
            @if let Viewer::Person(_) = viewer { p { "You are logged in." } }
            p { a.button href=(look.page) { "Go to " (its_page) } }
        }
    };
    layout(look, look.title, "/", viewer, &text)
}

/// Why the login form is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Because<'a> {
    /// Somebody asked for it.
    Asked,
    /// The login has ended.
    Ended,
    /// A login was refused, of this e-mail address.
    Refused(&'a str),
}

/// The login form.
pub fn login(look: &Look, because: Because<'_>) -> Markup {
    let (note, kind, role, login) = match because {
        Because::Asked => (None, "", "", ""),
        Because::Ended => (Some("Your login has ended. Please log in again."), "note", "status", ""),
        Because::Refused(login) => (
            Some("That did not work. Check the e-mail address and the password, and try again."),
            "error",
            "alert",
            login,
        ),
    };
    let refused = kind == "error";
    let described = note.map(|_| "why");
    let text = html! {
        h1 { "Log in" }
        @if let Some(note) = note { p #why class=(kind) role=(role) { (note) } }
        form method="post" action="/login" {
            label for="login" { "E-mail address" }
            input #login name="login" type="email" autocomplete="username" required value=(login) autofocus[!refused]
                aria-describedby=[described] aria-invalid=[refused.then_some("true")];
            label for="password" { "Password" }
            input #password name="password" type="password" autocomplete="current-password" required autofocus[refused]
                aria-describedby=[described.filter(|_| refused)] aria-invalid=[refused.then_some("true")];
            button type="submit" { "Log in" }
        }
    };
    let title = if refused { "Error: Log in" } else { "Log in" };
    layout(look, title, "/login", Viewer::Stranger, &text)
}

/// The page that a login is needed for: somebody's cart or posts, and a form to add to them.
pub fn list(look: &Look, email: &str, texts: &[String]) -> Markup {
    let text = html! {
        h1 { (look.page_title) }
        // Safari reads a list without bullets as no list unless it is told so.
        ul.list role="list" {
            @for text in texts { li { (text) } }
        }
        form method="post" action=(look.page) {
            label for="add" { (look.field_label) }
            input #add name=(look.field) type="text" maxlength="80" required autocomplete="off";
            button type="submit" { (look.button) }
        }
    };
    layout(look, look.page_title, look.page, Viewer::Person(email), &text)
}

/// What a page may have to tell instead of what was asked for.
#[derive(Clone, Copy)]
pub enum Trouble {
    /// Whether somebody is logged in is not known.
    Unknown,
    /// Whether the password is right is not known.
    LoginUnknown,
    /// Whether the login was ended is not known.
    LogoutUnknown,
    /// A form was sent by a page of another site.
    Foreign,
    /// A form lacks a field, or is too long.
    Broken,
    /// There is no such page.
    NoPage,
}

/// A page that tells of a trouble.
pub fn trouble(look: &Look, trouble: Trouble) -> Markup {
    let (title, text, link, place) = match trouble {
        Trouble::Unknown => (
            "Please try again",
            "We cannot look after your login at the moment. You need not log in again: try it in a few seconds.",
            "Try again",
            look.page,
        ),
        Trouble::LoginUnknown => (
            "Please try again",
            "We cannot check your password at the moment. Try again in a few seconds.",
            "To the login form",
            "/login",
        ),
        Trouble::LogoutUnknown => (
            "You are still logged in",
            "We cannot end your login at the moment. Go back, and log out once more in a few seconds.",
            "Go back",
            look.page,
        ),
        Trouble::Foreign => (
            "That did not come from here",
            "The form was sent by a page of another site, so nothing was done.",
            "To the home page",
            "/",
        ),
        Trouble::Broken => {
            ("That form was not whole", "Nothing was done. Go back, and fill it in again.", "To the home page", "/")
        }
        Trouble::NoPage => {
            ("There is no such page", "The link that led here is wrong, or old.", "To the home page", "/")
        }
    };
    let text = html! {
        h1 { (title) }
        p { (text) }
        p { a.button href=(place) { (link) } }
    };
    layout(look, title, "", Viewer::Anybody, &text)
}

/// For whoever asks for neither of the two sites, by the names of both.
pub fn which(urls: [String; 2]) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { (head("Two sites")) }
            body {
                main {
                    h1 { "Two sites live here" }
                    ul { @for url in urls { li { a href=(url) { (url) } } } }
                }
            }
        }
    }
}

/// `here`: the page's own path, where it stands in the navigation.
fn layout(look: &Look, title: &str, here: &str, viewer: Viewer<'_>, text: &Markup) -> Markup {
    let current = |path: &str| (path == here).then_some("page");
    html! {
        (DOCTYPE)
        html lang="en" {
            head { (head(&if title == look.title { title.to_owned() } else { format!("{title} – {}", look.title) })) }
            body class=(look.name) {
                a.skip href="#main" { "Skip to the content" }
                header {
                    a.brand href="/" aria-current=[current("/")] { (look.title) }
                    nav aria-label="Pages" {
                        a href=(look.page) aria-current=[current(look.page)] { (look.page_title) }
                        @if matches!(viewer, Viewer::Stranger) {
                            a href="/login" aria-current=[current("/login")] { "Log in" }
                        }
                    }
                    @if let Viewer::Person(email) = viewer {
                        form.who method="post" action="/logout" {
                            span { (email) }
                            button type="submit" { "Log out" }
                        }
                    }
                }
                main #main tabindex="-1" { (text) }
                footer { "A demo of Countersign. Its terminal tells which step of the workflow just happened." }
            }
        }
    }
}

fn head(title: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        title { (title) }
        link rel="icon" href="/icon.svg";
        link rel="stylesheet" href="/style.css";
    }
}
