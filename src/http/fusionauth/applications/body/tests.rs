//! The mapping, there and back.

use super::*;

fn read(sent: &Value) -> ClientSettings {
    let mut faults = Faults::default();
    let settings = settings(sent, None, None, &mut faults);
    assert_eq!(faults, Faults::default(), "{sent}");
    settings
}

fn codes(sent: &Value, before: Option<&ClientSettings>) -> String {
    let mut faults = Faults::default();
    settings(sent, before, None, &mut faults);
    serde_json::to_string(&faults).unwrap()
}

fn with(field: &str, value: Value) -> Value {
    json!({"name": "x", field: value})
}

#[test]
fn an_application_of_a_name_alone_has_fusionauths_defaults() {
    let settings = read(&json!({"name": " Pied Piper "}));
    assert_eq!(settings.name.as_deref(), Some("Pied Piper"));
    assert_eq!((settings.client_type, settings.profile), (ClientType::Confidential, Profile::Fusionauth));
    assert_eq!((settings.login_needs_key, settings.refresh_at_login, settings.token_refresh), (true, false, false));
    assert_eq!(settings.grants, BTreeSet::from([Grant::RefreshToken]));
    assert_eq!((settings.access_ttl, settings.rotation), (Span::hours(1), Rotation::Never));
    assert_eq!((settings.refresh_idle_ttl, settings.refresh_absolute_ttl), (Span::days(30), Span::days(30)));
    let kept: Value = serde_json::from_str(settings.document.as_deref().unwrap()).unwrap();
    assert_eq!(kept, json!({"oauthConfiguration": {"enabledGrants": ["authorization_code"]}}));
}

#[test]
fn grants_and_logins_are_as_they_are_sent() {
    let oauth = |value: Value| read(&with("oauthConfiguration", value));
    let grants = |value: Value| oauth(value).grants;
    assert_eq!(grants(json!({"enabledGrants": ["password", "device_code"]})), BTreeSet::from([Grant::Password]));
    let both = json!({"enabledGrants": ["password", "refresh_token"]});
    assert_eq!(grants(both), BTreeSet::from([Grant::Password, Grant::RefreshToken]));
    let none = json!({"enabledGrants": ["refresh_token"], "generateRefreshTokens": false});
    assert_eq!(grants(none), BTreeSet::new());
    let login = json!({"requireAuthentication": false, "generateRefreshTokens": true, "allowTokenRefresh": true});
    let settings = read(&with("loginConfiguration", login));
    assert_eq!((settings.login_needs_key, settings.refresh_at_login, settings.token_refresh), (false, true, true));
}

#[test]
fn an_application_without_a_secret_is_public_for_good() {
    for oauth in [json!({"clientAuthenticationPolicy": "NotRequired"}), json!({"requireClientAuthentication": false})] {
        assert_eq!(read(&with("oauthConfiguration", oauth)).client_type, ClientType::Public);
    }
    let pkce = with("oauthConfiguration", json!({"clientAuthenticationPolicy": "NotRequiredWhenUsingPKCE"}));
    assert_eq!(read(&pkce).client_type, ClientType::Confidential);
    let public = with(
        "oauthConfiguration",
        json!({"clientAuthenticationPolicy": "NotRequired", "authorizedOriginURLs": ["https://app.example.com"]}),
    );
    let settings = read(&public);
    assert_eq!(settings.origins, BTreeSet::from(["https://app.example.com".to_owned()]));
    let code = "[invalid]application.oauthConfiguration.clientAuthenticationPolicy";
    let required = with("oauthConfiguration", json!({"clientAuthenticationPolicy": "Required"}));
    assert!(codes(&required, Some(&settings)).contains(code));
    // Who says nothing of it leaves it as it is.
    let mut faults = Faults::default();
    assert_eq!(
        super::settings(&json!({"name": "x"}), Some(&settings), None, &mut faults).client_type,
        ClientType::Public
    );
    assert_eq!(faults, Faults::default());
}

#[test]
fn lifetimes_follow_the_policies() {
    let jwt = |value: Value| read(&with("jwtConfiguration", value));
    let fixed = jwt(json!({"timeToLiveInSeconds": 60, "refreshTokenTimeToLiveInMinutes": 90}));
    assert_eq!(fixed.access_ttl, Span::seconds(60));
    assert_eq!((fixed.refresh_idle_ttl, fixed.refresh_absolute_ttl), (Span::minutes(90), Span::minutes(90)));
    let sliding = jwt(json!({"refreshTokenExpirationPolicy": "SlidingWindow", "refreshTokenTimeToLiveInMinutes": 90}));
    assert_eq!((sliding.refresh_idle_ttl, sliding.refresh_absolute_ttl), (Span::minutes(90), LONGEST));
    let capped = jwt(json!({
        "refreshTokenExpirationPolicy": "SlidingWindowWithMaximumLifetime", "refreshTokenTimeToLiveInMinutes": 90,
        "refreshTokenSlidingWindowConfiguration": {"maximumTimeToLiveInMinutes": 180},
    }));
    assert_eq!((capped.refresh_idle_ttl, capped.refresh_absolute_ttl), (Span::minutes(90), Span::minutes(180)));
    let once = jwt(json!({
        "refreshTokenUsagePolicy": "OneTimeUse",
        "refreshTokenOneTimeUseConfiguration": {"gracePeriodInSeconds": 7},
    }));
    assert_eq!((once.rotation, once.retry_window), (Rotation::Always, Span::seconds(7)));
    let off = jwt(json!({"enabled": false, "timeToLiveInSeconds": 60, "refreshTokenUsagePolicy": "OneTimeUse"}));
    assert_eq!((off.access_ttl, off.rotation), (ACCESS_TTL, Rotation::Never));
}

#[test]
fn what_is_wrong_is_told_by_field() {
    let jwt = |value: Value| with("jwtConfiguration", value);
    for (sent, code) in [
        (json!({}), "[blank]application.name"),
        (json!({"name": " "}), "[blank]application.name"),
        (json!({"name": "x".repeat(256)}), "[tooLong]application.name"),
        (with("verifyRegistration", json!(true)), "[missing]application.verificationEmailTemplateId"),
        (jwt(json!({"timeToLiveInSeconds": 0})), "[invalid]application.jwtConfiguration.timeToLiveInSeconds"),
        (jwt(json!({"timeToLiveInSeconds": 86_401})), "[invalid]application.jwtConfiguration.timeToLiveInSeconds"),
        (
            jwt(json!({"refreshTokenTimeToLiveInMinutes": i64::MAX})),
            "[invalid]application.jwtConfiguration.refreshTokenTimeToLiveInMinutes",
        ),
        (
            jwt(json!({"refreshTokenUsagePolicy": "Twice"})),
            "[invalid]application.jwtConfiguration.refreshTokenUsagePolicy",
        ),
        (
            jwt(json!({"refreshTokenExpirationPolicy": "Never"})),
            "[invalid]application.jwtConfiguration.refreshTokenExpirationPolicy",
        ),
        (
            jwt(json!({"refreshTokenOneTimeUseConfiguration": {"gracePeriodInSeconds": 3601}})),
            "[invalid]application.jwtConfiguration.refreshTokenOneTimeUseConfiguration.gracePeriodInSeconds",
        ),
        (
            jwt(json!({"refreshTokenExpirationPolicy": "SlidingWindowWithMaximumLifetime",
                "refreshTokenSlidingWindowConfiguration": {"maximumTimeToLiveInMinutes": 5}})),
            "[invalid]application.jwtConfiguration.refreshTokenSlidingWindowConfiguration.maximumTimeToLiveInMinutes",
        ),
        (
            with("oauthConfiguration", json!({"clientAuthenticationPolicy": "Maybe"})),
            "[invalid]application.oauthConfiguration.clientAuthenticationPolicy",
        ),
        (
            with("oauthConfiguration", json!({"requireClientAuthentication": false, "authorizedOriginURLs": ["x"]})),
            "[invalid]application.oauthConfiguration.authorizedOriginURLs",
        ),
    ] {
        let told = codes(&sent, None);
        assert!(told.contains(code), "{sent}: {told}");
    }
}

fn shown_of(settings: &ClientSettings, secret: Option<&str>) -> Value {
    let client = Client {
        settings: settings.clone(),
        secret: None,
        enabled: true,
        braked_by: 0,
        braked_at: None,
        created_at: Timestamp(7),
        removed: false,
    };
    written("85a03867-dccf-4882-adde-1a79aeec50df", (&client, Timestamp(8)), Uuid::nil(), secret)
}

#[test]
fn what_is_shown_can_be_sent_back_and_changes_nothing() {
    for sent in [
        json!({"name": "x"}),
        json!({"name": "x", "data": {"a": 1}, "lambdaConfiguration": {"accessTokenPopulateId": "y"},
            "oauthConfiguration": {"enabledGrants": ["password", "implicit"], "logoutURL": "https://x.example",
                "clientAuthenticationPolicy": "NotRequiredWhenUsingPKCE", "generateRefreshTokens": true},
            "registrationConfiguration": {"enabled": true}, "passwordlessConfiguration": {"enabled": false},
            "jwtConfiguration": {"refreshTokenUsagePolicy": "OneTimeUse", "accessTokenKeyId": "k"}}),
        json!({"name": "x", "oauthConfiguration": {"requireClientAuthentication": false,
            "authorizedOriginURLs": ["https://app.example.com"]}}),
        json!({"name": "x", "jwtConfiguration": {"refreshTokenExpirationPolicy": "SlidingWindow"}}),
    ] {
        let settings = read(&sent);
        let shown = shown_of(&settings, None);
        let mut faults = Faults::default();
        let again = super::settings(&shown, Some(&settings), None, &mut faults);
        assert_eq!((&again, &faults), (&settings, &Faults::default()), "{shown}");
        let mut whole = shown.clone();
        merge(&mut whole, &sent);
        assert_eq!(whole.pointer("/data"), sent.pointer("/data"), "{shown}");
    }
}

#[test]
fn a_client_of_the_bootstrap_file_is_shown_by_its_settings() {
    let client = ClientSettings::new(ClientType::Confidential, Profile::Fusionauth);
    let shown = shown_of(&client, Some("a secret"));
    assert_eq!(shown["name"], "85a03867-dccf-4882-adde-1a79aeec50df");
    let oauth = &shown["oauthConfiguration"];
    assert_eq!(
        (&oauth["enabledGrants"], &oauth["clientSecret"]),
        (&json!(["password", "refresh_token"]), &json!("a secret"))
    );
    let jwt = &shown["jwtConfiguration"];
    assert_eq!((&jwt["enabled"], &jwt["timeToLiveInSeconds"]), (&json!(true), &json!(300)));
    assert_eq!(jwt["refreshTokenExpirationPolicy"], "SlidingWindowWithMaximumLifetime");
}

/// What comes of a patch.
fn patched(before: &ClientSettings, patch: &Value) -> ClientSettings {
    let mut whole = shown_of(before, None);
    merge(&mut whole, patch);
    let mut faults = Faults::default();
    let after = settings(&whole, Some(before), Some(patch), &mut faults);
    assert_eq!(faults, Faults::default(), "{patch}");
    after
}

#[test]
fn a_patch_of_lives_counts_where_the_defaults_are_in_force() {
    let before = read(&json!({"name": "x"}));
    assert_eq!(shown_of(&before, None)["jwtConfiguration"]["enabled"], false);
    let patch = json!({"jwtConfiguration": {"refreshTokenUsagePolicy": "OneTimeUse", "timeToLiveInSeconds": 60}});
    let after = patched(&before, &patch);
    assert_eq!((after.rotation, after.access_ttl), (Rotation::Always, Span::seconds(60)));
    assert_eq!(shown_of(&after, None)["jwtConfiguration"]["enabled"], true);
    let sliding = json!({"jwtConfiguration": {"refreshTokenExpirationPolicy": "SlidingWindow"}});
    let after = patched(&after, &sliding);
    assert_eq!((after.refresh_idle_ttl, after.refresh_absolute_ttl), (REFRESH_TTL, LONGEST));
    assert_eq!((after.rotation, after.access_ttl), (Rotation::Always, Span::seconds(60)));
    let capped = json!({"jwtConfiguration": {"refreshTokenExpirationPolicy": "SlidingWindowWithMaximumLifetime",
        "refreshTokenTimeToLiveInMinutes": 90}});
    let capped = patched(&after, &capped);
    assert_eq!((capped.refresh_idle_ttl, capped.refresh_absolute_ttl), (Span::minutes(90), REFRESH_TTL));
    let off = patched(&after, &json!({"jwtConfiguration": {"enabled": false}}));
    assert_eq!(off, before);
    assert_eq!(patched(&after, &json!({"jwtConfiguration": null})), before);
    let none = json!({"jwtConfiguration": {"timeToLiveInSeconds": null}});
    assert_eq!(patched(&after, &none).access_ttl, ACCESS_TTL);
}

#[test]
fn a_patch_leaves_lives_that_it_does_not_name_whatever_they_are_shown_as() {
    let mut before = ClientSettings::new(ClientType::Confidential, Profile::Fusionauth);
    before.name = Some("x".to_owned());
    for idle in [Span::seconds(30), Span::seconds(90)] {
        before.refresh_idle_ttl = idle;
        let lives = |settings: &ClientSettings| {
            (settings.access_ttl, settings.refresh_idle_ttl, settings.refresh_absolute_ttl, settings.retry_window)
        };
        assert_eq!(lives(&patched(&before, &json!({"name": "y"}))), lives(&before));
        let once = json!({"jwtConfiguration": {"refreshTokenUsagePolicy": "OneTimeUse"}});
        assert_eq!(lives(&patched(&before, &once)), lives(&before));
        let longest = json!({"jwtConfiguration": {SLIDING: {"maximumTimeToLiveInMinutes": 60}}});
        let after = patched(&before, &longest);
        assert_eq!((after.refresh_idle_ttl, after.refresh_absolute_ttl), (idle, Span::minutes(60)));
    }
}

#[test]
fn what_would_keep_people_out_is_refused_and_its_opposite_is_not() {
    for sent in [
        json!({"oauthConfiguration": {"requireRegistration": true}}),
        json!({"multiFactorConfiguration": {"loginPolicy": "Required"}}),
        json!({"accessControlConfiguration": {"uiIPAccessControlListId": "85a03867-dccf-4882-adde-1a79aeec50df"}}),
        json!({"unverified": {"behavior": "Gated"}}),
        json!({"authenticationTokenConfiguration": {"enabled": true}}),
    ] {
        assert!(matches!(is_supported(&sent), Err(Why::NotSupported(_))), "{sent}");
    }
    let lax = json!({"oauthConfiguration": {"requireRegistration": false}, "unverified": {"behavior": "Allow"},
        "multiFactorConfiguration": {"loginPolicy": "Enabled"}, "authenticationTokenConfiguration": {"enabled": false},
        "accessControlConfiguration": {}, "registrationConfiguration": {"enabled": true}});
    assert!(is_supported(&lax).is_ok());
}
