//! Accounts and tokens.

use comptoir_mesh::identity::Role;
use comptoir_proto::auth::v1 as pb;

use crate::support::in_process::{CALLER, Shop};

fn user() -> pb::User {
    pb::User {
        id: CALLER.into(),
        email: "ada@shop.example".into(),
        role: pb::Role::Customer.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn signing_in_says_who_and_where_from() {
    let shop = Shop::open().await;
    shop.fakes.on("login", |request: pb::LoginRequest| {
        assert_eq!(
            (request.user_agent.as_deref(), request.client_address.as_deref()),
            (Some("agent"), Some("192.0.2.7"))
        );
        let tokens = Some(pb::TokenPair {
            access_token: "a".into(),
            refresh_token: "r".into(),
            expires_in: 600,
        });
        Ok(pb::LoginResponse {
            tokens,
            user: Some(user()),
        })
    });
    let headers = [("content-type", "application/json"), ("user-agent", "agent")];
    let answer = shop
        .send(
            "POST /auth/token",
            &headers,
            "{\"email\":\"a\",\"password\":\"b\"}",
        )
        .await;
    assert_eq!(answer.header("cache-control"), "no-store");
    insta::assert_snapshot!(answer.text, @r#"{"accessToken":"a","refreshToken":"r","expiresIn":600,"user":{"id":"user_01J00000000000000000000001","email":"ada@shop.example","emailVerified":false,"firstName":null,"lastName":null,"phone":null,"role":"CUSTOMER","active":false,"locale":"","createdAt":"1970-01-01T00:00:00Z","addresses":[]}}"#);
}

#[tokio::test]
async fn whether_an_address_is_known_is_not_told() {
    let shop = Shop::open().await;
    shop.fakes
        .on("register", |_: pb::RegisterRequest| Ok(pb::RegisterResponse {}));
    let answer = shop
        .json("POST /auth/register", "{\"email\":\"a\",\"password\":\"b\"}")
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.text.as_str()),
        (202, "{\"accepted\":true}")
    );
}

#[tokio::test]
async fn null_takes_away_and_what_is_left_out_stays() {
    let shop = Shop::open().await;
    shop.fakes.on("update_user", |request: pb::UpdateUserRequest| {
        assert_eq!(
            (
                request.first_name.as_deref(),
                request.last_name,
                request.phone.as_deref()
            ),
            (Some("Ada"), None, Some(""))
        );
        Ok(pb::UpdateUserResponse { user: Some(user()) })
    });
    let update = "{\"firstName\":\"Ada\",\"phone\":null}";
    assert_eq!(
        shop.json("PATCH /auth/me", update).await.code(),
        "401 UNAUTHENTICATED"
    );
    let token = shop.token(Role::Customer);
    let headers = [
        ("content-type", "application/json"),
        ("authorization", token.as_str()),
    ];
    assert_eq!(shop.send("PATCH /auth/me", &headers, update).await.status, 200);
}
