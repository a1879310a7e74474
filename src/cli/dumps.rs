//! No copy of this process's memory is left behind by itself: every command may hold keys, and a server holds secrets under way.

use super::Failure;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Keeps the kernel from dumping this process's core, to a file or to a program, and keeps other processes of the same user from
/// reading its memory. Root still can.
pub fn forbid() -> Result<(), Failure> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // The limit alone is not asked where dumps are piped to a program; the attribute alone is reset by a change of credentials.
    setrlimit(Resource::Core, none)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .map_err(|error| Failure::new(format!("core dumps could not be forbidden: {error}; a sandbox around it may refuse the calls setrlimit or prctl: allow them")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{dumpable_behavior, getrlimit};

    #[test]
    fn a_process_that_forbade_core_dumps_cannot_be_dumped_by_the_kernel_nor_read_by_its_user() {
        forbid().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: Some(0) });
    }
}
