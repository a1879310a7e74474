use super::*;
use crate::crypto::signing::SigningKey;
use crate::domain::ids::{SessionId, TokenId};
use aws_lc_rs::hmac;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};
use uuid::Uuid;

fn key(alg: SigningAlg) -> SigningKey {
    SigningKey::generate(alg).unwrap().1
}

fn verifying(key: &SigningKey) -> VerifyingKey {
    VerifyingKey::from_jwk(key.public_jwk()).unwrap()
}

fn claims() -> Claims {
    Claims {
        iss: "https://auth.example.com".to_owned(),
        sub: "0190c0de-0000-7000-8000-00000000000a".to_owned(),
        aud: "https://api.example.com".to_owned(),
        exp: 1_700_000_300,
        iat: 1_700_000_000,
        jti: TokenId(Uuid::from_u128(1)),
        client_id: "store".parse().unwrap(),
        scope: "cart profile".to_owned(),
        auth_time: Some(1_700_000_000),
        sid: Some(SessionId(Uuid::from_u128(2))),
        roles: vec!["shopper".to_owned()],
        email: Some("alice@example.com".to_owned()),
        application: Some("store".parse().unwrap()),
        authentication: Some("PASSWORD".to_owned()),
        email_verified: Some(true),
        username: Some("alice".to_owned()),
        tenant: Some("636f756e-7465-7273-8967-6e0000000000".to_owned()),
    }
}

fn believed(token: &str, key: &SigningKey) -> Result<Claims, AccessTokenError> {
    UnverifiedAccessToken::parse(token)?.verify(&verifying(key))
}

/// A token with any header and payload, rightly signed.
fn signed(key: &SigningKey, header: &Value, payload: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(payload));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())))
}

fn header() -> Value {
    json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "k"})
}

fn payload() -> Value {
    serde_json::to_value(claims()).unwrap()
}

fn with(mut object: Value, member: &str, value: Value) -> Value {
    object[member] = value;
    object
}

#[test]
fn what_is_minted_is_believed_under_every_algorithm() {
    for alg in SigningAlg::ALL {
        let key = key(alg);
        for (written, typ) in [(Typ::AccessToken, TYP), (Typ::Plain(&["password"]), PLAIN_TYP)] {
            let token = mint(&key, key.kid(), written, &claims());
            let read = UnverifiedAccessToken::parse(&token).unwrap();
            assert_eq!((read.kid(), read.alg(), read.typ()), (key.kid(), alg, Some(typ)));
            assert_eq!(read.verify(&verifying(&key)), Ok(claims()), "{alg}");
        }
    }
}

#[test]
fn jsonwebtoken_alone_believes_our_tokens_too() {
    for (alg, name) in [(SigningAlg::Es256, Algorithm::ES256), (SigningAlg::Rs256, Algorithm::RS256)] {
        let key = key(alg);
        let jwk: jsonwebtoken::jwk::Jwk =
            serde_json::from_value(serde_json::to_value(key.public_jwk()).unwrap()).unwrap();
        let mut validation = jsonwebtoken::Validation::new(name);
        validation.set_audience(&[claims().aud]);
        validation.validate_exp = false;
        let token = mint(&key, key.kid(), Typ::AccessToken, &claims());
        let decoded =
            jsonwebtoken::decode::<Claims>(&token, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap();
        assert_eq!(decoded.claims, claims());
    }
}

#[test]
fn the_example_of_rfc_7515_for_es256_is_believed() {
    let jwk: Jwk = serde_json::from_value(json!({
        "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }))
    .unwrap();
    let token = UnverifiedAccessToken {
        alg: SigningAlg::Es256,
        kid: "k".to_owned(),
        typ: None,
        signed: concat!(
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt",
            "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ),
        payload: "",
        signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    };
    let key = VerifyingKey::from_jwk(&jwk).unwrap();
    assert_eq!(token.judge_signature(&key), Ok(()));
    assert_eq!(token.verify(&key), Err(AccessTokenError::WrongType));
}

#[test]
fn a_token_is_not_believed_under_another_key_or_algorithm() {
    let token = mint(&key(SigningAlg::EdDsa), "k", Typ::AccessToken, &claims());
    assert_eq!(believed(&token, &key(SigningAlg::EdDsa)), Err(AccessTokenError::BadSignature));
    assert_eq!(believed(&token, &key(SigningAlg::Es256)), Err(AccessTokenError::WrongAlg));
    assert_eq!(believed(&token, &key(SigningAlg::Rs256)), Err(AccessTokenError::WrongAlg));
}

#[test]
fn a_change_of_any_single_character_is_refused() {
    let key = key(SigningAlg::EdDsa);
    let verifying = verifying(&key);
    let token = mint(&key, "k", Typ::AccessToken, &claims());
    for at in 0..token.len() {
        for byte in [b'A', b'B', b'w', b'_', b'.', b'='].into_iter().filter(|byte| *byte != token.as_bytes()[at]) {
            let mut changed = token.clone().into_bytes();
            changed[at] = byte;
            let changed = String::from_utf8(changed).unwrap();
            let result = UnverifiedAccessToken::parse(&changed).and_then(|token| token.verify(&verifying));
            assert!(result.is_err(), "{at}: {changed}");
        }
    }
}

#[test]
fn no_algorithm_and_secret_key_algorithms_are_refused() {
    let key = key(SigningAlg::Rs256);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for alg in ["none", "None", "nOnE", "", "HS256", "RS384", "PS256", "es256", "ES256K"] {
        let message = format!("{}.{}", part(&with(header(), "alg", json!(alg))), part(&payload()));
        // The public key as the secret of an HMAC: the classic confusion.
        let public = serde_json::to_vec(key.public_jwk()).unwrap();
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &public), message.as_bytes());
        for signature in [String::new(), URL_SAFE_NO_PAD.encode(mac)] {
            let token = format!("{message}.{signature}");
            assert_eq!(believed(&token, &key), Err(AccessTokenError::UnknownAlg), "{alg}");
        }
    }
}

#[test]
fn a_critical_header_is_refused_whatever_it_demands() {
    let key = key(SigningAlg::EdDsa);
    for crit in [json!(["exp"]), json!([]), json!(null), json!(["b64"])] {
        let token = signed(&key, &with(header(), "crit", crit), &payload());
        assert_eq!(believed(&token, &key), Err(AccessTokenError::CriticalHeader));
    }
}

#[test]
fn a_signed_token_of_another_type_is_no_access_token() {
    let key = key(SigningAlg::EdDsa);
    assert_eq!(believed(&signed(&key, &header(), &payload()), &key), Ok(claims()));
    for typ in [json!("id+jwt"), json!("logout+jwt"), json!("AT+JWT"), json!(""), json!(null)] {
        let token = signed(&key, &with(header(), "typ", typ), &payload());
        assert_eq!(believed(&token, &key), Err(AccessTokenError::WrongType));
    }
}

#[test]
fn required_claims_must_be_there_and_of_the_right_type() {
    let key = key(SigningAlg::EdDsa);
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        for value in [None, Some(json!(null)), Some(json!(true)), Some(json!(["x"])), Some(json!(1.5))] {
            let mut payload = payload();
            match &value {
                None => drop(payload.as_object_mut().unwrap().remove(name)),
                Some(value) => payload[name] = value.clone(),
            }
            let token = signed(&key, &header(), &payload);
            assert_eq!(believed(&token, &key), Err(AccessTokenError::BadClaims), "{name} {value:?}");
        }
    }
    for (name, value) in
        [("exp", json!("1700000300")), ("sid", json!("no")), ("roles", json!("x")), ("scope", json!([]))]
    {
        let token = signed(&key, &header(), &with(payload(), name, value));
        assert_eq!(believed(&token, &key), Err(AccessTokenError::BadClaims), "{name}");
    }
}

#[test]
fn claims_that_are_empty_are_left_out_and_come_back_empty() {
    let bare = Claims {
        scope: String::new(),
        auth_time: None,
        sid: None,
        roles: vec![],
        email: None,
        application: None,
        authentication: None,
        email_verified: None,
        username: None,
        tenant: None,
        ..claims()
    };
    let names = serde_json::to_value(&bare).unwrap().as_object().unwrap().len();
    assert_eq!(names, 7);
    let key = key(SigningAlg::EdDsa);
    assert_eq!(believed(&mint(&key, "k", Typ::AccessToken, &bare), &key), Ok(bare));
}

#[test]
fn what_is_no_token_is_malformed() {
    let key = key(SigningAlg::EdDsa);
    let token = mint(&key, "k", Typ::AccessToken, &claims());
    let parts: Vec<&str> = token.split('.').collect();
    let twice = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","alg":"none","kid":"k"}"#);
    let nameless = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","typ":"at+jwt"}"#);
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        parts[..2].join("."),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!(" {token}"),
        format!("{twice}.{}.{}", parts[1], parts[2]),
        format!("{nameless}.{}.{}", parts[1], parts[2]),
        format!("{token}{}", "A".repeat(MAX_LEN)),
    ] {
        assert_eq!(believed(&bad, &key), Err(AccessTokenError::Malformed), "{bad}");
    }
    assert_eq!(believed(&format!("{token}.x"), &key), Err(AccessTokenError::BadSignature));
}

#[test]
fn a_key_that_is_no_point_or_too_small_is_refused() {
    let good = key(SigningAlg::Es256).public_jwk().clone();
    let mut off_curve = good.clone();
    off_curve.y = good.x.clone();
    assert!(VerifyingKey::from_jwk(&off_curve).is_err());
    let mut small = key(SigningAlg::Rs256).public_jwk().clone();
    small.n = Some(URL_SAFE_NO_PAD.encode([0xff; 128]));
    assert!(VerifyingKey::from_jwk(&small).is_err());
}

#[test]
fn debug_shows_no_signature_and_no_address() {
    let key = key(SigningAlg::EdDsa);
    let token = mint(&key, "k", Typ::AccessToken, &claims());
    let read = UnverifiedAccessToken::parse(&token).unwrap();
    let shown = format!("{read:?} {:?} {:?}", claims(), verifying(&key));
    assert!(!shown.contains("alice") && !shown.contains(read.signature) && !shown.contains(read.payload), "{shown}");
}

/// Runs the JWS vectors of Project Wycheproof (`testvectors/json_web_signature_test.json`) where the environment says they
/// lie: every group whose key is for an algorithm of ours.
#[test]
fn the_vectors_of_wycheproof_are_judged_as_they_should_be() {
    let Ok(dir) = std::env::var("WYCHEPROOF_DIR") else {
        eprintln!("skipped: WYCHEPROOF_DIR is not set");
        return;
    };
    let text = std::fs::read_to_string(format!("{dir}/json_web_signature_test.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let (mut ran, mut valid) = (0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let mut jwk = group["public"].clone();
        if jwk["alg"].as_str().is_none_or(|alg| alg.parse::<SigningAlg>().is_err()) {
            continue;
        }
        // Some keys leave out what they are for; the groups that say it wrongly name no algorithm and are not ours.
        if jwk.get("use").is_none() {
            jwk["use"] = json!("sig");
        }
        let key = VerifyingKey::from_jwk(&serde_json::from_value(jwk).unwrap()).unwrap();
        for test in group["tests"].as_array().unwrap() {
            let jws = test["jws"].as_str().unwrap();
            let result = UnverifiedAccessToken::parse(jws).and_then(|token| token.judge_signature(&key));
            let expected = test["result"] == "valid";
            assert_eq!(result.is_ok(), expected, "{} {}: {result:?}", test["tcId"], test["comment"]);
            ran += 1;
            valid += usize::from(expected);
        }
    }
    eprintln!("{ran} vectors ran, {valid} of them valid");
    assert!(ran > 0 && valid > 0);
}
