//! A signing key is made beside everything else: to find the primes of an RSA key takes long.

use crate::machine::{Machine, Running, operator};
use actix_rt::System;
use actix_rt::task::spawn_blocking;
use countersign::domain::keys::{KeyStatus, SigningAlg};
use countersign::domain::system::newest;
use std::sync::mpsc::channel;
use tokio::runtime::Builder;

fn is_made(running: &Running) -> bool {
    newest(&running.services.core.reader.system().unwrap().value, SigningAlg::Rs256, KeyStatus::Next).is_some()
}

#[test]
fn whoever_logs_in_while_a_signing_key_is_made_does_not_wait_for_it() {
    let runtime = || Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    System::with_tokio_rt(runtime).block_on(async {
        let mut machine = Machine::new(90);
        let running = machine.start();
        running.prepare(|_| ()).await;
        // The only thread for what takes long is taken: until it is let go, a key is being made.
        let (let_go, held) = channel::<()>();
        let holder = spawn_blocking(move || held.recv());
        let keys = running.services.keys.clone();
        let made = actix_rt::spawn(async move { keys.prepare(SigningAlg::Rs256, &operator()).await });
        for _ in 0..3 {
            running.login().await.unwrap();
        }
        assert!(!made.is_finished() && !is_made(&running), "it was made by the thread that serves everybody");
        drop(let_go);
        assert!(holder.await.unwrap().is_err());
        made.await.unwrap().unwrap();
        assert!(is_made(&running));
        running.stop();
    });
}
