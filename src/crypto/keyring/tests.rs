use super::*;
use crate::crypto::access_token::{Typ, mint};
use crate::crypto::refresh_token::{RefreshToken, UnverifiedRefreshToken};
use crate::domain::ids::SessionId;
use KeyStatus::{Active, Distrusted, Next, Retired};
use uuid::Uuid;

fn part(alg: SigningAlg, status: KeyStatus) -> SigningPart {
    let (pkcs8, key) = SigningKey::generate(alg).unwrap();
    SigningPart { status, published: true, public: key.public_jwk().clone(), pkcs8: Some(pkcs8) }
}

fn kid(part: &SigningPart) -> String {
    part.public.kid.clone()
}

fn refresh(id: RefreshKeyId, status: KeyStatus) -> RefreshPart {
    RefreshPart { id, status, key: Some(RawKey::from_bytes([id as u8; 32])) }
}

fn signing_ring(parts: Vec<SigningPart>) -> Result<Keyring, KeyringError> {
    Keyring::new(parts, [])
}

fn refresh_ring(parts: Vec<RefreshPart>) -> Result<Keyring, KeyringError> {
    Keyring::new([], parts)
}

#[test]
fn the_active_key_of_each_algorithm_signs() {
    let parts = vec![
        part(SigningAlg::Es256, Retired),
        part(SigningAlg::Es256, Active),
        part(SigningAlg::EdDsa, Active),
        part(SigningAlg::Es256, Next),
    ];
    let kids: Vec<String> = parts.iter().map(kid).collect();
    let ring = signing_ring(parts).unwrap();
    assert_eq!(ring.active_entry(SigningAlg::Es256).unwrap().kid, kids[1]);
    assert_eq!(ring.active_signing(SigningAlg::Es256).unwrap().kid(), kids[1]);
    assert_eq!(ring.active_signing(SigningAlg::EdDsa).unwrap().kid(), kids[2]);
    assert!(ring.active_signing(SigningAlg::Rs256).is_none());
    let has_private: Vec<bool> = ring.signing().iter().map(|entry| entry.key.is_some()).collect();
    assert_eq!(has_private, [false, true, true, true]);
}

#[test]
fn a_distrusted_key_judges_nothing_and_is_not_published() {
    let parts: Vec<_> = [Next, Active, Retired, Distrusted].map(|status| part(SigningAlg::EdDsa, status)).into();
    let kids: Vec<String> = parts.iter().map(kid).collect();
    let ring = signing_ring(parts).unwrap();
    for kid in &kids[..3] {
        assert_eq!(ring.verifying(kid).unwrap().alg(), SigningAlg::EdDsa);
    }
    assert_eq!(ring.verifying(&kids[3]).unwrap_err(), KeyRefusal::Distrusted);
    assert_eq!(ring.verifying("another").unwrap_err(), KeyRefusal::Unknown);
    let published: Vec<&str> = ring.jwks().keys.iter().map(|jwk| jwk.kid.as_str()).collect();
    assert_eq!(published, kids[..3]);
    let json = serde_json::to_value(ring.jwks()).unwrap();
    assert_eq!(json["keys"][1]["kid"], kids[1].as_str());
}

#[test]
fn a_token_is_believed_each_time_as_the_first_time_and_one_that_differs_in_anything_is_not() {
    let parts = vec![part(SigningAlg::EdDsa, Active)];
    let name = kid(&parts[0]);
    let ring = signing_ring(parts).unwrap();
    for email in [None, Some("somebody@example.com")] {
        let claims: Claims = serde_json::from_value(serde_json::json!({
            "iss": "https://auth.example.com", "sub": "a", "aud": "b", "exp": 1, "iat": 0,
            "jti": Uuid::nil(), "client_id": "store", "email": email,
        }))
        .unwrap();
        let token = mint(ring.active_signing(SigningAlg::EdDsa).unwrap(), &name, Typ::AccessToken, &claims);
        for _ in 0..3 {
            assert_eq!(ring.believe(&token).as_deref(), Some(&claims));
        }
        let (signed, signature) = token.rsplit_once('.').unwrap();
        for other in [
            format!("{signed}.{}", "A".repeat(signature.len())),
            signed.to_owned(),
            format!("{token}."),
            format!("{token}="),
        ] {
            assert!(ring.believe(&other).is_none(), "{other}");
        }
        let public = ring.signing()[0].jwk.clone();
        let distrusted = SigningPart { status: Distrusted, published: true, public, pkcs8: None };
        assert!(signing_ring(vec![distrusted]).unwrap().believe(&token).is_none(), "its key is distrusted now");
    }
}

#[test]
fn a_key_that_is_no_longer_published_still_judges() {
    let old = SigningPart { published: false, ..part(SigningAlg::EdDsa, Retired) };
    let name = kid(&old);
    let ring = signing_ring(vec![old]).unwrap();
    assert!(ring.jwks().keys.is_empty());
    assert!(ring.verifying(&name).is_ok());
}

#[test]
fn signing_keys_that_do_not_fit_together_are_named() {
    let (one, two) = (part(SigningAlg::EdDsa, Active), part(SigningAlg::EdDsa, Active));
    let name = kid(&one);
    let crossed = SigningPart { pkcs8: two.pkcs8.clone(), ..part(SigningAlg::EdDsa, Active) };
    let crossed_name = kid(&crossed);
    assert_eq!(signing_ring(vec![crossed]).unwrap_err(), KeyringError::BadSigningKey(crossed_name));
    let same = SigningPart { status: Retired, published: true, public: one.public.clone(), pkcs8: None };
    let bare = SigningPart { status: Active, published: true, public: one.public.clone(), pkcs8: None };
    assert_eq!(signing_ring(vec![bare]).unwrap_err(), KeyringError::NoPrivateHalf(name.clone()));
    assert_eq!(signing_ring(vec![one, same]).unwrap_err(), KeyringError::TwoNamed(name));
    let three = part(SigningAlg::EdDsa, Active);
    assert_eq!(signing_ring(vec![two, three]).unwrap_err(), KeyringError::TwoActive(SigningAlg::EdDsa));
}

#[test]
fn refresh_tokens_are_judged_by_the_key_they_name_unless_it_is_distrusted() {
    let ring =
        refresh_ring(vec![refresh(1, Retired), refresh(2, Active), refresh(3, Distrusted), refresh(4, Next)]).unwrap();
    let session = SessionId(Uuid::from_u128(9));
    for (id, believed) in [(1, true), (2, true), (3, false), (5, false)] {
        let token = RefreshToken { key: id, session, generation: 0 };
        let text = token.to_text(&RefreshKey::new(&RawKey::from_bytes([id as u8; 32])));
        let read = UnverifiedRefreshToken::from_text(&text).unwrap();
        let verified = ring.refresh(read.key()).and_then(|key| read.verify(key));
        assert_eq!(verified.is_some(), believed, "{id}");
    }
    assert_eq!(ring.active_refresh().unwrap().0, 2);
    let listed: Vec<_> = ring.refresh_keys().collect();
    assert_eq!(listed, [(1, Retired), (2, Active), (3, Distrusted), (4, Next)]);
}

#[test]
fn a_keyring_can_say_that_nothing_is_active() {
    let ring = Keyring::new([part(SigningAlg::EdDsa, Distrusted)], [refresh(1, Distrusted)]).unwrap();
    assert!(ring.active_refresh().is_none());
    assert!(ring.active_signing(SigningAlg::EdDsa).is_none());
}

#[test]
fn refresh_keys_that_do_not_fit_together_are_named() {
    let ring = refresh_ring(vec![refresh(1, Active), refresh(2, Active)]);
    assert_eq!(ring.unwrap_err(), KeyringError::TwoActiveRefresh(1, 2));
    let ring = refresh_ring(vec![refresh(1, Retired), refresh(1, Next)]);
    assert_eq!(ring.unwrap_err(), KeyringError::TwoNumbered(1));
    let ring = refresh_ring(vec![RefreshPart { id: 1, status: Retired, key: None }]);
    assert_eq!(ring.unwrap_err(), KeyringError::NoRefreshKey(1));
    assert!(refresh_ring(vec![RefreshPart { id: 1, status: Distrusted, key: None }]).is_ok());
}

#[test]
fn debug_names_keys_and_shows_none() {
    let ring = Keyring::new([part(SigningAlg::EdDsa, Active)], [refresh(1, Active)]).unwrap();
    let name = ring.signing()[0].kid.clone();
    assert_eq!(format!("{ring:?}"), format!("Keyring {{ signing: [({name:?}, Active)], refresh: [(1, Active)] }}"));
}
