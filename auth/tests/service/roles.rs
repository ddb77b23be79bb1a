//! Decisions of administrators, and which users see which.

use comptoir_mesh::error::ErrorReason;
use comptoir_proto::auth::v1::*;

use crate::support::{PASSWORD, World, reason};

fn set_role(user: &User, role: Role) -> UpdateUserRoleRequest {
    UpdateUserRoleRequest {
        user_id: user.id.clone(),
        role: role.into(),
    }
}

fn set_active(user: &User, active: bool) -> UpdateUserStatusRequest {
    UpdateUserStatusRequest {
        user_id: user.id.clone(),
        active,
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn the_first_administrator_is_made_while_there_is_none() {
    let world = World::with(&["--admin-email", "Boss@example.org", "--admin-password", PASSWORD]).await;
    let boss = world.login("boss@example.org", PASSWORD).await.unwrap();
    assert_eq!(boss.user.role(), Role::Admin);
    assert_eq!(
        world.auth.ensure_admin("second@example.org", None).await.unwrap(),
        None
    );

    let empty = World::new().await;
    let password = empty
        .auth
        .ensure_admin("boss@example.org", None)
        .await
        .unwrap()
        .expect("a random one");
    empty.login("boss@example.org", &password).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_wrong_administrator_is_refused_by_the_settings_name() {
    for (flags, variable) in [
        (
            [
                "--admin-email",
                "boss@example.org",
                "--admin-password",
                "qwertyuiop",
            ],
            "COMPTOIR_ADMIN_PASSWORD",
        ),
        (
            ["--admin-email", "boss", "--admin-password", PASSWORD],
            "COMPTOIR_ADMIN_EMAIL",
        ),
    ] {
        let test = comptoir_mesh::testing::TestEnv::new();
        let config = crate::support::config(&flags);
        assert!(
            !format!("{config:?}").contains(flags[3]),
            "a secret prints as stars"
        );
        let error = comptoir_auth::start(config, test.env.clone(), None)
            .await
            .unwrap_err();
        assert!(error.to_string().starts_with(variable), "{error:#}");
    }
    let test = comptoir_mesh::testing::TestEnv::new();
    let config = crate::support::config(&["--auth-store", "postgres://u:secret@db"]);
    let error = format!(
        "{:#}",
        comptoir_auth::start(config, test.env.clone(), None)
            .await
            .unwrap_err()
    );
    assert!(
        error.contains("COMPTOIR_AUTH_STORE") && !error.contains("secret"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_lower_role_holds_at_once() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = world.person("ada@example.org").await;
    let mut gateway = world.gateway.clone();
    let raised = admin
        .call(gateway.update_user_role(set_role(&ada.user, Role::Admin)))
        .await
        .unwrap();
    assert_eq!(raised.user.unwrap().role(), Role::Admin);
    let tokens = world
        .refresh(&ada.tokens.refresh_token, None)
        .await
        .expect("a higher role ends nothing");
    let raised = crate::support::Person {
        tokens: tokens.clone(),
        ..ada.clone()
    };
    raised
        .call(gateway.list_users(ListUsersRequest::default()))
        .await
        .unwrap();

    admin
        .call(gateway.update_user_role(set_role(&ada.user, Role::Customer)))
        .await
        .unwrap();
    world.until_revoked(&ada, &tokens.access_token).await;
    let tokens = world
        .refresh(&tokens.refresh_token, None)
        .await
        .expect("the session goes on");
    let lowered = crate::support::Person {
        tokens,
        ..ada.clone()
    };
    let refused = lowered
        .call(gateway.list_users(ListUsersRequest::default()))
        .await;
    assert_eq!(reason(refused), Some(ErrorReason::Forbidden));
    let refused = lowered
        .call(gateway.update_user_role(set_role(&ada.user, Role::Admin)))
        .await;
    assert_eq!(reason(refused), Some(ErrorReason::Forbidden));
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_disabled_account_is_out() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = world.person("ada@example.org").await;
    let mut gateway = world.gateway.clone();
    admin
        .call(gateway.update_user_status(set_active(&ada.user, false)))
        .await
        .unwrap();
    world.until_revoked(&ada, &ada.tokens.access_token).await;
    let refused = world.refresh(&ada.tokens.refresh_token, None).await;
    assert_eq!(reason(refused), Some(ErrorReason::TokenRevoked));
    assert_eq!(
        reason(world.login(&ada.email, PASSWORD).await),
        Some(ErrorReason::InvalidCredentials)
    );
    let request = RequestPasswordResetRequest {
        email: ada.email.clone(),
    };
    gateway.request_password_reset(request).await.unwrap();
    assert_eq!(world.mailbox.mails().len(), 1, "the confirmation alone");

    admin
        .call(gateway.update_user_status(set_active(&ada.user, true)))
        .await
        .unwrap();
    assert_eq!(
        reason(world.refresh(&ada.tokens.refresh_token, None).await),
        Some(ErrorReason::TokenRevoked),
        "its old sessions stay ended"
    );
    world.login(&ada.email, PASSWORD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn the_last_administrator_stays() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut gateway = world.gateway.clone();
    let role = admin
        .call(gateway.update_user_role(set_role(&admin.user, Role::Staff)))
        .await;
    assert_eq!(reason(role), Some(ErrorReason::InvalidState));
    let status = admin
        .call(gateway.update_user_status(set_active(&admin.user, false)))
        .await;
    assert_eq!(reason(status), Some(ErrorReason::InvalidState));
    world
        .me(&admin, &admin.tokens.access_token)
        .await
        .expect("nothing was revoked");

    let ada = world.person("ada@example.org").await;
    admin
        .call(gateway.update_user_role(set_role(&ada.user, Role::Admin)))
        .await
        .unwrap();
    admin
        .call(gateway.update_user_role(set_role(&admin.user, Role::Staff)))
        .await
        .unwrap();
    let unknown = UpdateUserRoleRequest {
        user_id: "user_01ARZ3NDEKTSV4RRFFQ69G5FAV".into(),
        role: 1,
    };
    let tokens = world.refresh(&ada.tokens.refresh_token, None).await.unwrap();
    let ada = crate::support::Person { tokens, ..ada };
    assert_eq!(
        reason(ada.call(gateway.update_user_role(unknown.clone())).await),
        Some(ErrorReason::NotFound)
    );
    let none = UpdateUserRoleRequest { role: 0, ..unknown };
    assert_eq!(
        reason(ada.call(gateway.update_user_role(none)).await),
        Some(ErrorReason::ValidationFailed)
    );
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn administrators_who_demote_each_other_leave_one() {
    let world = World::new().await;
    let first = world.admin().await;
    let mut admins = vec![first.clone()];
    for n in 0..3 {
        let email = format!("admin{n}@example.org");
        let person = world.person(&email).await;
        let mut gateway = world.gateway.clone();
        first
            .call(gateway.update_user_role(set_role(&person.user, Role::Admin)))
            .await
            .unwrap();
        admins.push(world.login(&email, PASSWORD).await.unwrap());
    }
    let demotions = (0..16).map(|n| {
        let (actor, other) = (&admins[n % 4], &admins[(n + 1 + n / 4) % 4]);
        let mut gateway = world.gateway.clone();
        let request = set_role(&other.user, Role::Staff);
        async move { actor.call(gateway.update_user_role(request)).await }
    });
    for answer in futures::future::join_all(demotions).await {
        let refused = reason(answer);
        let known = [
            None,
            Some(ErrorReason::Forbidden),
            Some(ErrorReason::InvalidState),
            Some(ErrorReason::TokenRevoked),
        ];
        assert!(known.contains(&refused), "{refused:?}");
    }
    let mut left = Vec::new();
    for admin in &admins {
        let person = world.login(&admin.email, PASSWORD).await.unwrap();
        left.push(person.user.role());
    }
    assert_eq!(
        left.iter().filter(|role| **role == Role::Admin).count(),
        1,
        "{left:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn people_see_themselves_and_staff_sees_all() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = world.person("ada@example.org").await;
    world.advance(1).await;
    let bob = world.person("bob_100%@example.org").await;
    let mut gateway = world.gateway.clone();
    let get = |id: &str| GetUserRequest { user_id: id.into() };
    let refused = ada.call(gateway.get_user(get(&bob.user.id))).await.unwrap_err();
    let absent = ada
        .call(gateway.get_user(get("user_01ARZ3NDEKTSV4RRFFQ69G5FAV")))
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), ErrorReason::NotFound);
    assert_eq!(
        refused.message(),
        absent.message(),
        "the very answer of an absent one"
    );
    assert_eq!(
        admin
            .call(gateway.get_user(get(&bob.user.id)))
            .await
            .unwrap()
            .user
            .unwrap(),
        bob.user
    );
    let refused = ada.call(gateway.list_users(ListUsersRequest::default())).await;
    assert_eq!(reason(refused), Some(ErrorReason::Forbidden));

    let page = admin
        .call(gateway.list_users(ListUsersRequest {
            page_size: 2,
            ..Default::default()
        }))
        .await
        .unwrap();
    assert_eq!(
        (page.users.len(), page.cursors.len(), page.total_count),
        (2, 2, 3)
    );
    assert_eq!(page.users[0].id, bob.user.id, "newest first");
    let request = ListUsersRequest {
        page_size: 2,
        page_token: page.cursors[0].clone(),
        ..Default::default()
    };
    let next = admin.call(gateway.list_users(request)).await.unwrap();
    assert_eq!((next.users.len(), next.next_page_token.as_str()), (2, ""));
    for (query, total) in [("ADA@", 1), ("_100%", 1), ("%", 1), ("' OR 1=1", 0), ("Ada", 2)] {
        let request = ListUsersRequest {
            query: query.into(),
            ..Default::default()
        };
        assert_eq!(
            admin.call(gateway.list_users(request)).await.unwrap().total_count,
            total,
            "{query}"
        );
    }
    let user_ids = vec![ada.user.id.clone(), "user_unknown".into()];
    let some = admin
        .call(gateway.list_users(ListUsersRequest {
            user_ids,
            ..Default::default()
        }))
        .await
        .unwrap();
    assert_eq!(some.users, std::slice::from_ref(&ada.user));

    let request = UpdateUserRequest {
        phone: Some("+33 1 23 45 67 89".into()),
        first_name: Some(String::new()),
        ..Default::default()
    };
    let changed = ada
        .call(gateway.update_user(request))
        .await
        .unwrap()
        .user
        .unwrap();
    assert_eq!(
        (changed.phone.as_deref(), changed.first_name),
        (Some("+33 1 23 45 67 89"), None)
    );
    let request = UpdateUserRequest {
        locale: Some("EN".into()),
        ..Default::default()
    };
    let changed = ada
        .call(gateway.update_user(request))
        .await
        .unwrap()
        .user
        .unwrap();
    assert_eq!((changed.locale.as_str(), changed.phone.is_some()), ("en", true));
}
