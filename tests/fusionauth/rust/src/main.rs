//! Reads lines `MODEL JSON` and says of each whether the model of fusionauth-rust-client takes that JSON, and what is left of it:
//! `ok JSON` or `FAILED why`.

use fusionauth_rust_client::models;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::BufRead;

/// Calls `again` with the model of that name.
macro_rules! by_name {
    ($name:expr, $json:expr, $($model:ident)*) => {
        match $name {
            $(stringify!($model) => again::<models::$model>($json),)*
            other => Err(format!("{other} is no model that is known here")),
        }
    };
}

fn main() {
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("lines of text");
        let (name, json) = line.split_once(' ').expect("a name and JSON");
        match judged(name, json) {
            Ok(left) => println!("ok {left}"),
            Err(why) => println!("FAILED {why}"),
        }
    }
}

fn judged(name: &str, json: &str) -> Result<String, String> {
    by_name!(name, json, AccessToken ApplicationResponse ChangePasswordResponse ForgotPasswordResponse IssueResponse
        JwksResponse JwtRefreshResponse JwtVendResponse LoginResponse OAuthConfigurationResponse OAuthError
        OpenIdConfiguration PublicKeyResponse RefreshTokenResponse RegistrationResponse SearchResponse TenantResponse
        UserResponse ValidateResponse)
}

/// What the model keeps of it.
fn again<T: DeserializeOwned + Serialize>(json: &str) -> Result<String, String> {
    let read: T = serde_json::from_str(json).map_err(|error| error.to_string())?;
    serde_json::to_string(&read).map_err(|error| error.to_string())
}
