//! What the verifier accepts and refuses.

#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use comptoir_mesh::{
    Clock as _, ErrorReason, Role,
    identity::Claims,
    testing::{TestEnv, sign, token_with},
};
use comptoir_proto::auth::v1::{Revocation, revocation::Subject};
use serde_json::{Value, json};

fn refusal(test: &TestEnv, token: &str) -> ErrorReason {
    test.env.verifier.verify(token).unwrap_err().reason()
}

/// The token with its header or payload changed, and the signature left as it was.
fn forged(token: &str, part: usize, change: impl FnOnce(&mut Value)) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let mut value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&parts[part]).unwrap()).unwrap();
    change(&mut value);
    parts[part] = URL_SAFE_NO_PAD.encode(value.to_string());
    parts.join(".")
}

#[test]
fn a_genuine_token_tells_the_user() {
    let test = TestEnv::new();
    let id = test.env.ids.new_id("user_");
    let user = test.env.verifier.verify(&test.token(&id, Role::Staff)).unwrap();
    assert_eq!((user.id.as_str(), user.role), (id.as_str(), Role::Staff));
}

#[test]
fn forged_tokens_are_invalid() {
    let test = TestEnv::new();
    let token = test.token(&test.env.ids.new_id("user_"), Role::Customer);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let mut cases = vec![
        forged(&token, 1, |claims| claims["role"] = json!("ADMIN")),
        forged(&token, 1, |claims| claims["exp"] = json!(4_000_000_000_u64)),
        format!("{message}."),
        message.to_owned(),
        format!("{token}."),
        format!("{token}="),
        format!("{message}.{signature}."),
        format!(" {token}"),
        String::new(),
        "a.b.c".to_owned(),
        "x".repeat(1 << 20),
        json!({ "payload": "x", "signatures": [] }).to_string(),
    ];
    for alg in ["none", "None", "NONE", "", "HS256", "RS256", "HS512", "eddsa"] {
        cases.push(forged(&token, 0, |header| header["alg"] = json!(alg)));
        cases.push(format!(
            "{}.",
            forged(&token, 0, |header| header["alg"] = json!(alg))
                .rsplit_once('.')
                .unwrap()
                .0
        ));
    }
    for (name, value) in [
        ("crit", json!(["x"])),
        ("b64", json!(false)),
        ("typ", json!("JWT")),
        ("kid", json!("other")),
    ] {
        cases.push(forged(&token, 0, |header| header[name] = value));
    }
    for case in cases {
        assert_eq!(
            refusal(&test, &case),
            ErrorReason::TokenInvalid,
            "{}",
            &case[..case.len().min(200)]
        );
    }
}

/// A genuine token whose header or payload was given more text before it was signed.
fn signed(test: &TestEnv, part: usize, more: &str) -> String {
    let token = test.token(&test.env.ids.new_id("user_"), Role::Customer);
    let mut parts: Vec<_> = token.split('.').take(2).map(str::to_owned).collect();
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&parts[part]).unwrap()).unwrap();
    let longer = format!("{},{more}}}", text.strip_suffix('}').unwrap());
    parts[part] = URL_SAFE_NO_PAD.encode(longer);
    let message = parts.join(".");
    format!("{message}.{}", sign(message.as_bytes()))
}

#[test]
fn a_name_that_stands_twice_makes_a_token_invalid() {
    let test = TestEnv::new();
    for part in [0, 1] {
        let once = signed(&test, part, r#""x":1,"y":{"z":[{"a":1},{"a":2}]}"#);
        assert!(test.env.verifier.verify(&once).is_ok(), "part {part}");
        for twice in [
            r#""x":1,"x":1"#,
            r#""x":1,"\u0078":2"#,
            r#""x":{"y":1,"y":2}"#,
            r#""x":[[{"y":{"z":1,"z":2}}]]"#,
            r#""typ":"at+jwt","typ":"at+jwt""#,
            r#""role":"ADMIN","role":"ADMIN""#,
        ] {
            let token = signed(&test, part, twice);
            assert_eq!(
                refusal(&test, &token),
                ErrorReason::TokenInvalid,
                "{part}: {twice}"
            );
        }
    }
}

#[test]
fn signed_tokens_with_wrong_claims_are_invalid() {
    let test = TestEnv::new();
    let now = test.clock.now().as_second();
    type Change = fn(&mut Claims, i64);
    let wrong: [(&str, Change); 7] = [
        ("iss", |claims, _| claims.iss = "another".into()),
        ("aud", |claims, _| claims.aud = "something".into()),
        ("sub", |claims, _| claims.sub = String::new()),
        ("sub of another kind", |claims, _| {
            claims.sub = claims.sub.replace("user_", "cart_");
        }),
        ("sid", |claims, _| claims.sid = String::new()),
        ("nbf", |claims, now| claims.nbf = now + 3600),
        ("iat", |claims, now| claims.iat = now + 3600),
    ];
    for (what, change) in wrong {
        let token = token_with(&test.env, |claims| change(claims, now));
        assert_eq!(refusal(&test, &token), ErrorReason::TokenInvalid, "{what}");
    }
    let negative = token_with(&test.env, |claims| claims.exp = -1);
    assert_eq!(refusal(&test, &negative), ErrorReason::TokenInvalid);
}

#[test]
fn a_token_ends_five_seconds_after_its_time() {
    let test = TestEnv::new();
    let now = test.clock.now().as_second();
    let token = token_with(&test.env, |claims| claims.exp = now + 60);
    test.clock.advance(Duration::from_secs(64));
    test.env.verifier.set_revocations(&[]);
    assert!(test.env.verifier.verify(&token).is_ok());
    test.clock.advance(Duration::from_secs(2));
    assert_eq!(refusal(&test, &token), ErrorReason::TokenExpired);
}

#[test]
fn a_revocation_ends_the_tokens_from_before_it() {
    let test = TestEnv::new();
    let id = test.env.ids.new_id("user_");
    let before = test.token(&id, Role::Admin);
    assert!(test.env.verifier.verify(&before).is_ok());
    test.clock.advance(Duration::from_millis(10));
    let now = test.clock.now();
    let at = prost_types::Timestamp {
        seconds: now.as_second(),
        nanos: now.subsec_nanosecond(),
    };
    test.env.verifier.set_revocations(&[Revocation {
        revoked_at: Some(at),
        subject: Some(Subject::UserId(id.clone())),
    }]);
    assert_eq!(refusal(&test, &before), ErrorReason::TokenRevoked);
    test.clock.advance(Duration::from_millis(10));
    assert!(
        test.env.verifier.verify(&test.token(&id, Role::Customer)).is_ok(),
        "within the same second, but after it"
    );
}

#[test]
fn a_revoked_session_ends_its_tokens() {
    let test = TestEnv::new();
    let token = token_with(&test.env, |claims| claims.sid = "ses_gone".into());
    let subject = Some(Subject::SessionId("ses_gone".into()));
    test.env.verifier.set_revocations(&[Revocation {
        revoked_at: None,
        subject,
    }]);
    assert_eq!(refusal(&test, &token), ErrorReason::TokenRevoked);
}

#[test]
fn after_a_long_silence_of_auth_old_tokens_are_not_trusted() {
    let test = TestEnv::new();
    let id = test.env.ids.new_id("user_");
    let old = test.token(&id, Role::Customer);
    test.clock.advance(Duration::from_secs(44));
    assert!(test.env.verifier.verify(&old).is_ok());
    test.clock.advance(Duration::from_secs(3));
    assert_eq!(refusal(&test, &old), ErrorReason::DependencyUnavailable);
    assert!(
        test.env.verifier.verify(&test.token(&id, Role::Customer)).is_ok(),
        "one younger than the silence"
    );
}
