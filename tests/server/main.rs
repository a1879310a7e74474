//! The real binary, asked over HTTP as its users ask it.

mod cli;
mod clients;
mod demo;
mod doors;
mod markdown;
mod openapi;
mod python;
mod support;
