//! The rules, told as stories: given what happened, when this is asked, then exactly these events and this answer.

mod account_rules;
mod api_key_rules;
mod brakes_rules;
mod client_rules;
mod evidence_rules;
mod fusionauth_rules;
mod gate_rules;
mod given;
mod in_full_rules;
mod index_rules;
mod liveness_rules;
mod login_rules;
mod properties;
mod refresh_lifetimes;
mod refresh_retry;
mod refresh_table;
mod refusal_counts;
mod replay_rules;
mod session_rules;
mod system_keys;
mod system_rules;
mod used_by_rules;
