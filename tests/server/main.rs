//! The real binary, asked over HTTP as its users ask it.

mod canary;
mod crash;
mod damage;
mod doors;
mod order;
mod random;
mod support;
