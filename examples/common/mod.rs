//! What the three backends have in common. Where they differ is how they keep somebody logged in: see each one's `main.rs`.

pub mod countersign;
pub mod jwt;
pub mod lists;
pub mod options;
pub mod own_server;
pub mod pages;
pub mod person;
pub mod renewal;
pub mod site;
pub mod told;
pub mod web;
pub mod web_app;
