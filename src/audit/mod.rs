//! Looking into the journal. Read-only: nothing here ever writes, and everything works beside a running server.

pub mod tail;
