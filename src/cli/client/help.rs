//! What the help of `countersign client` teaches.

pub const HELP: &str = "\
A client is an application that asks for tokens. Its settings are those of `[[clients]]` in docs/CONFIG.md. Secrets come from
files or standard input, or are made and printed once. With --server a running server is asked (permission `applications` of
the API key); without it, the data directory of a stopped one. `countersign client COMMAND --help` shows examples.

Exit codes: 0 done; 1 it could not be done, standard error says why; 2 wrong command line or configuration; offline 70 and 74
as for serve.";

pub const LIST: &str = "\
Nothing is recorded.

Example:
  countersign client list --server https://auth.example.com --api-key-file key

Exit codes: 0 listed, or the reader had enough; 1 it could not be done, standard error says why; 2 wrong command line or
configuration.";

pub const SHOW: &str = "\
All settings, also those that nobody set. The secret is never shown. Nothing is recorded.

Example:
  countersign client show --config countersign.toml store --json

Exit codes: 0 shown; 1 there is none, or it could not be done; 2 wrong command line or configuration.";

pub const CREATE: &str = "\
Without --secret-file a confidential client gets a secret that is made, and printed this once: put it where the application reads
it. What is not set has the defaults of docs/CONFIG.md.

Examples:
  countersign client create --config countersign.toml store --scopes cart,orders --audience https://api.example.com
  countersign client create --server https://auth.example.com --api-key-file key app --type public

Exit codes: 0 made; 1 it could not be done, such as an id that is taken; 2 wrong command line or configuration.";

pub const CHANGE: &str = "\
What is not named stays as it is. Lists are replaced as a whole. It takes effect at the next request; times of sessions that are
open are counted anew from it. Id, type and profile cannot be changed, the secret by `new-secret`.

Example:
  countersign client change --server https://auth.example.com --api-key-file key store --access-ttl 10m --scopes cart,orders

Exit codes: 0 changed, also if it was so before; 1 it could not be done, standard error says why; 2 wrong command line or
configuration.";

pub const DISABLE: &str = "\
Nothing is granted to it from then on, and refreshes are refused. `enable` takes it back.

Example:
  countersign client disable --server https://auth.example.com --api-key-file key store

Exit codes: 0 disabled, also if it was before; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

pub const ENABLE: &str = "\
Example:
  countersign client enable --server https://auth.example.com --api-key-file key store

Exit codes: 0 enabled, also if it was before; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

pub const REVOKE: &str = "\
One event ends every session at this client, and every token that it got for itself. `countersign brake client` says first what
that costs.

Example:
  countersign client revoke --server https://auth.example.com --api-key-file key store

Exit codes: 0 revoked; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

pub const NEW_SECRET: &str = "\
The old secret is worth nothing from the answer on: have the application ready to take the other one. Sessions go on. Without
--secret-file one is made, and printed this once.

Example:
  countersign client new-secret --server https://auth.example.com --api-key-file key store

Exit codes: 0 replaced; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";
