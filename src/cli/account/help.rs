//! What the help of `countersign account` teaches.

pub const HELP: &str = "\
An account is named by its id or by its login id. Passwords come from files or standard input, never from arguments.
With --server a running server is asked (permission `users` of the API key); without it, the data directory of a stopped one.
`countersign account COMMAND --help` shows examples.

Exit codes: 0 done; 1 it could not be done, standard error says why; 2 wrong command line or configuration; offline 70 and 74
as for serve.";

pub const LIST: &str = "\
In the order of ids, which is mostly that of their making. Pages are fetched as they are read: `head` ends it. Nothing is recorded.

Examples:
  countersign account list --config countersign.toml --standing disabled
  countersign account list --server https://auth.example.com --api-key-file key --client store --json | jq -r '.[].login'

Exit codes: 0 listed, or the reader had enough; 1 it could not be done, standard error says why; 2 wrong command line or
configuration.";

pub const SHOW: &str = "\
Nothing is recorded. A login id on the command line can be read by other users of this machine while the command runs: where
that is too much, pipe it in (-), or use the id.

Examples:
  countersign account show --config countersign.toml alice@example.com
  countersign account show --server https://auth.example.com --api-key-file key 019c133d-4000-7000-8000-00000000000a --json

Exit codes: 0 shown; 1 there is none, or it could not be done; 2 wrong command line or configuration.";

pub const FIND: &str = "\
As `show`, but what is given is always a login id, also where it looks like an id.

Example:
  pass show auth/login | countersign account find --server https://auth.example.com --api-key-file key -

Exit codes: 0 found; 1 there is none, or it could not be done; 2 wrong command line or configuration.";

pub const CREATE: &str = "\
One of --password-file, --password-hash-file and --make-password is needed. A weak password is refused. With --must-change the
password opens no session: the person sets another first. Hashes of other systems that are taken: docs/CONFIG.md.

Examples:
  countersign account create --config countersign.toml alice@example.com --make-password --must-change --roles shopper
  pass show alice | countersign account create --server https://auth.example.com --api-key-file key alice@example.com --password-file -

Exit codes: 0 made; 1 it could not be done, such as a login id that is taken; 2 wrong command line or configuration.";

pub const CHANGE: &str = "\
What is not named stays as it is. Lists are replaced as a whole. Roles and clients take effect at the next refresh; sessions at
clients that are withdrawn end at once, and stay ended if the client comes back. The password is set by `set-password`.

Examples:
  countersign account change --config countersign.toml alice@example.com --roles shopper,editor
  countersign account change --config countersign.toml alice@example.com --login alice@example.org

Exit codes: 0 changed, also if it was so before; 1 it could not be done, standard error says why; 2 wrong command line or
configuration.";

pub const DISABLE: &str = "\
Every session ends before this is answered, and nobody logs in until `enable`. Access tokens that a resource server verifies by
itself are good until they expire (5 minutes by default).

Example:
  countersign account disable --server https://auth.example.com --api-key-file key alice@example.com

Exit codes: 0 disabled, also if it was before; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

pub const ENABLE: &str = "\
People log in again. Sessions of before stay ended.

Example:
  countersign account enable --server https://auth.example.com --api-key-file key alice@example.com

Exit codes: 0 enabled, also if it was before; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

pub const ERASE: &str = "\
The key under which everything personal of the account is encrypted is destroyed: login id, addresses, devices. The events stay
as a record without a person. The login id is free again. Back-ups from before still hold the key: they end with their retention.
An API key needs the permission `erase`.

Example:
  countersign account erase --server https://auth.example.com --api-key-file key alice@example.com --yes

Exit codes: 0 erased, also if it was before; 1 it could not be done, or --yes is missing; 2 wrong command line or configuration.";

pub const REVOKE: &str = "\
One event ends every session, however many there are. `countersign brake account` says first what it costs.

Example:
  countersign account revoke --server https://auth.example.com --api-key-file key alice@example.com

Exit codes: 0 revoked; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

pub const SET_PASSWORD: &str = "\
One of --password-file, --password-hash-file and --make-password is needed. Every session ends: whoever had the old password has
nothing left. Better than to know a person's password is to make a code by which the person sets one: `password-code`.

Examples:
  countersign account set-password --config countersign.toml alice@example.com --make-password --must-change
  systemd-ask-password | countersign account set-password --config countersign.toml alice@example.com --password-file -

Exit codes: 0 set; 1 it could not be done, such as a weak password; 2 wrong command line or configuration.";

pub const PASSWORD_CODE: &str = "\
The code is printed once and works once, by POST /account/password {\"code\": …, \"new_password\": …}. Give it to the person by a way
that nobody else reads. A password that is set meanwhile makes it worthless.

Example:
  countersign account password-code --server https://auth.example.com --api-key-file key alice@example.com --ttl 30m

Exit codes: 0 made; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

pub const IMPORT: &str = "\
Each line is one JSON object, with the fields of `[[accounts]]` in docs/CONFIG.md: login, password_hash (argon2id, bcrypt, scrypt,
pbkdf2) or password, and if you like id, roles, clients, must_change, enabled. The file is read once, in batches; memory does not
grow with it. A line whose login id exists counts as existed and changes nothing, so an import that was cut short is run again.

Lines with `password_hash` go at about the speed of the disk's syncs. Each password in clear costs a hash of the server's time.
It tells once a second how far it has come. --report keeps the lines that were refused by their numbers, without what stood in them.

Examples:
  countersign account import --config countersign.toml accounts.jsonl --report refused.jsonl
  zstdcat accounts.jsonl.zst | countersign account import --server https://auth.example.com --api-key-file key -

Exit codes: 0 all lines created or existed; 1 some were refused, or it was cut short: standard error says at which line to go
on; 2 wrong command line or configuration.";

pub const EXPORT: &str = "\
Each line is one JSON object in the shape that `import` takes: id, login, enabled, roles, clients (left out: all), must_change.
Erased accounts are left out. Hashes of passwords come only with --with-password-hashes, and only from the data directory of a
stopped server: no door gives them away. Without them the list can be read, and not imported. The file holds personal data: it is
made for this user alone, and nothing is overwritten. Nothing is recorded.

Examples:
  countersign account export --server https://auth.example.com --api-key-file key --to accounts.jsonl
  countersign account export --config countersign.toml --with-password-hashes --to accounts.jsonl

Exit codes: 0 written; 1 it could not be done, and no file is left; 2 wrong command line or configuration.";
