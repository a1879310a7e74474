//! What browsers are shown. No scripts: everything is a link or a form. What is put in is escaped by `maud`.

use super::site::Site;
use maud::{DOCTYPE, Markup, html};

/// The look of all pages.
pub const STYLE: &str = include_str!("style.css");
/// The small picture in the browser's tab.
pub const ICON: &str = include_str!("icon.svg");

/// The home page, for everybody.
pub fn home(site: &Site, email: Option<&str>) -> Markup {
    let text = html! {
        h1 { "Welcome to the " (site.title) }
        @if email.is_some() {
            p { "You are logged in." }
            p { a.button href=(site.page) { "Go to " (lower(site.page_title)) } }
        } @else {
            p { "Log in to see " (lower(site.page_title)) "." }
            p { a.button href="/login" { "Log in" } }
        }
    };
    layout(site, site.title, email, &text)
}

/// Why the login form is shown again, or for the first time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Because<'a> {
    Asked,
    /// The login has ended.
    Ended,
    /// Login id or password were wrong; and the login id, to be shown again.
    Refused(&'a str),
}

/// The login form.
pub fn login(site: &Site, because: Because<'_>) -> Markup {
    let login = match because {
        Because::Refused(login) => login,
        Because::Asked | Because::Ended => "",
    };
    let wrong = matches!(because, Because::Refused(_));
    let text = html! {
        h1 { "Log in" }
        @if because == Because::Ended {
            p.note role="status" { "Your login has ended. Please log in again." }
        }
        @if wrong {
            p.error role="alert" #error { "That e-mail address and password do not go together. Please try again." }
        }
        form method="post" action="/login" {
            label for="login" { "E-mail address" }
            input #login name="login" type="email" autocomplete="username" required value=(login) autofocus[!wrong]
                aria-describedby=[wrong.then_some("error")] aria-invalid=[wrong.then_some("true")];
            label for="password" { "Password" }
            input #password name="password" type="password" autocomplete="current-password" required autofocus[wrong]
                aria-describedby=[wrong.then_some("error")] aria-invalid=[wrong.then_some("true")];
            button type="submit" { "Log in" }
        }
    };
    layout(site, "Log in", None, &text)
}

/// The page that a login is needed for: somebody's cart or posts, and a form to add to them.
pub fn list(site: &Site, email: &str, texts: &[String]) -> Markup {
    let (label, button) = if site.field == "item" { ("Another item", "Add to cart") } else { ("Another post", "Post") };
    let text = html! {
        h1 { (site.page_title) }
        ul.list {
            @for text in texts { li { (text) } }
        }
        form method="post" action=(site.page) {
            label for="add" { (label) }
            input #add name=(site.field) type="text" maxlength="80" required autocomplete="off";
            button type="submit" { (button) }
        }
    };
    layout(site, site.page_title, Some(email), &text)
}

/// Nobody knows whether the person is logged in.
pub fn trouble(site: &Site) -> Markup {
    let text = html! {
        h1 { "Please try again" }
        p { "We cannot look after logins at the moment. Nothing has changed: try again in a few seconds." }
        p { a.button href=(site.page) { "Try again" } }
    };
    layout(site, "Please try again", None, &text)
}

/// A form that was sent by a page of another site.
pub fn foreign(site: &Site) -> Markup {
    let text = html! {
        h1 { "That did not come from here" }
        p { "The form was sent by a page of another site, so nothing was done." }
        p { a.button href="/" { "To the home page" } }
    };
    layout(site, "Refused", None, &text)
}

/// There is no such page.
pub fn unknown(site: &Site) -> Markup {
    let text = html! {
        h1 { "There is no such page" }
        p { "Perhaps its address was mistyped." }
        p { a.button href="/" { "To the home page" } }
    };
    layout(site, "Not found", None, &text)
}

/// For whoever asks for neither of the two sites. `port` is that of this server.
pub fn which(port: &str) -> Markup {
    let url = |name: &str| format!("http://{name}.localhost{port}/");
    html! {
        (DOCTYPE)
        html lang="en" {
            head { (head("Two sites")) }
            body {
                main {
                    h1 { "Two sites live here" }
                    ul { @for name in ["store", "forums"] { li { a href=(url(name)) { (url(name)) } } } }
                }
            }
        }
    }
}

fn layout(site: &Site, title: &str, email: Option<&str>, text: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { (head(&if title == site.title { title.to_owned() } else { format!("{title} – {}", site.title) })) }
            body class=(site.name) {
                a.skip href="#main" { "Skip to the content" }
                header {
                    a.brand href="/" { (site.title) }
                    nav aria-label="Pages" {
                        a href=(site.page) { (site.page_title) }
                        @if email.is_none() { a href="/login" { "Log in" } }
                    }
                    @if let Some(email) = email {
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

fn lower(title: &str) -> String {
    title.replacen("Your", "your", 1)
}
