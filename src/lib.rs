//! Countersign: an auth engine for app backends.
//!
//! # The tour: one refresh
//!
//! 1. [`http`]`::oauth::token` reads the form within its bounds, authenticates the client, and finds out who asks.
//! 2. It calls [`actors::Sessions::refresh`], a handle: the token's HMAC is checked, so a forged token ends here.
//! 3. The *directory* finds the session's one [`actors::SessionActor`] awake, or wakes it from its state record.
//! 4. The actor reads gate and client, stamps the time, draws what is drawn, and asks [`domain::session::refresh`], which is pure.
//! 5. The decision is events *and* an outcome. They go to the [`actors::Writer`] as one commit, with guards on gate and client.
//! 6. The writer's thread has [`journal::Journal`] check the versions, chain and fold the events, and append them: segment,
//!    sync, store. Many commits share one sync.
//! 7. Back in the actor: it keeps the new state and answers. Had a guard failed, it would decide again on newer states.
//! 8. The handle has [`actors::Tokens`] write the tokens: the successor is one HMAC, the access token one signature.
//! 9. The door answers 200; a denial becomes a status in [`http::error`] and nowhere else.
//! 10. Whoever lost that answer asks again, and is given the very same successor.
//!
//! No step calls back up. `docs/ARCHITECTURE.md` walks a login and a revocation too, and has the table of the rules.
//!
//! # What goes on beside requests
//!
//! [`journal::Keeper`], on a thread of its own ([`actors::KeeperHandle`]), seals segments that were closed, and reads sealed ones again
//! and again. [`actors::archive_as_sealed`] follows it: what has ended and is sealed leaves the store by an event. A token
//! of such a session is looked up through [`journal::History`]. The writer looks at the room on the disk before each batch
//! ([`journal::files::room`]), and a watchdog ([`actors::watch`]) ends the process when a write hangs.
//!
//! # Who may import whom
//!
//! | room | of ours it imports |
//! |---|---|
//! | [`domain`] | nothing |
//! | [`clock`], [`entropy`], [`config`], [`metrics`] | `domain` |
//! | [`crypto`] | `domain`, `entropy` |
//! | [`journal`] | `domain`, `entropy`, `crypto` |
//! | [`audit`] | `domain`, `crypto`, `journal` |
//! | [`actors`] | `domain`, `clock`, `entropy`, `metrics`, `crypto`, `journal` |
//! | [`http`] | `domain`, `clock`, `entropy`, `metrics`, `crypto`, `audit`, `actors` |
//! | [`app`], [`cli`] | everything above them |

// What ships does not panic on a whim, does not touch the world outside its ports and does not change a number by casting it.
// A test may. The list of bans is clippy.toml.
#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types))]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr))]
#![cfg_attr(not(test), warn(clippy::cast_possible_truncation, clippy::cast_possible_wrap))]
#![cfg_attr(not(test), warn(clippy::cast_precision_loss, clippy::cast_sign_loss))]

pub mod actors;
pub mod app;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod entropy;
pub mod http;
pub mod journal;
pub mod metrics;
