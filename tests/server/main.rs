//! The real binary, asked over HTTP as its users ask it.

mod backup;
mod bad_input;
mod bad_start;
mod canary;
mod cli;
mod clients;
mod crash;
mod damage;
mod demo;
mod doors;
mod flood;
mod key;
mod markdown;
mod openapi;
mod operations;
mod order;
mod python;
mod race;
mod random;
mod reader;
mod repair;
mod sealing;
mod spoiled;
mod stopping;
mod support;
mod telltale;
