//! Saved addresses.

use comptoir_mesh::error::ErrorReason;
use comptoir_proto::auth::v1::*;
use comptoir_proto::types::Address;

use crate::support::{World, reason};

fn address(city: &str) -> Address {
    Address {
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        line1: "12 rue de la Paix".into(),
        city: city.into(),
        postal_code: "75002".into(),
        country_code: "fr".into(),
        ..Address::default()
    }
}

fn save(id: Option<&str>, city: &str, is_default: Option<bool>) -> SaveAddressRequest {
    SaveAddressRequest {
        address_id: id.map(str::to_owned),
        address: Some(address(city)),
        is_default,
    }
}

fn delete(id: &str) -> DeleteAddressRequest {
    DeleteAddressRequest {
        address_id: id.into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn one_address_is_the_default() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let mut gateway = world.gateway.clone();
    let home = ada
        .call(gateway.save_address(save(None, "Paris", Some(true))))
        .await
        .unwrap()
        .address_id;
    let work = ada
        .call(gateway.save_address(save(None, "Lyon", Some(true))))
        .await
        .unwrap()
        .address_id;
    let user = ada
        .call(gateway.save_address(save(Some(&home), "Nice", None)))
        .await
        .unwrap()
        .user
        .unwrap();
    let shown: Vec<_> = user
        .addresses
        .iter()
        .map(|saved| {
            (
                saved.id.as_str(),
                saved.address.as_ref().unwrap().city.as_str(),
                saved.is_default,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [(home.as_str(), "Nice", false), (work.as_str(), "Lyon", true)]
    );
    assert_eq!(user.addresses[0].address.as_ref().unwrap().country_code, "FR");
    let user = ada
        .call(gateway.delete_address(delete(&work)))
        .await
        .unwrap()
        .user
        .unwrap();
    assert_eq!(user.addresses.len(), 1);
    assert_eq!(
        reason(ada.call(gateway.delete_address(delete(&work))).await),
        Some(ErrorReason::NotFound)
    );
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn another_users_address_is_not_found() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let bob = world.person("bob@example.org").await;
    let mut gateway = world.gateway.clone();
    let id = ada
        .call(gateway.save_address(save(None, "Paris", None)))
        .await
        .unwrap()
        .address_id;
    let refused = bob
        .call(gateway.save_address(save(Some(&id), "Lyon", None)))
        .await;
    assert_eq!(reason(refused), Some(ErrorReason::NotFound));
    assert_eq!(
        reason(bob.call(gateway.delete_address(delete(&id))).await),
        Some(ErrorReason::NotFound)
    );
    let user = world.me(&ada, &ada.tokens.access_token).await.unwrap();
    assert_eq!(user.addresses[0].address.as_ref().unwrap().city, "Paris");
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn parallel_saves_lose_none() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let saving = (0..60).map(|n| {
        let (mut gateway, ada) = (world.gateway.clone(), ada.clone());
        async move {
            ada.call(gateway.save_address(save(None, &format!("City {n}"), Some(true))))
                .await
        }
    });
    let answers = futures::future::join_all(saving).await;
    let (saved, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let user = world.me(&ada, &ada.tokens.access_token).await.unwrap();
    assert_eq!(user.addresses.len(), saved.len());
    assert!(user.addresses.len() <= 50);
    assert_eq!(user.addresses.iter().filter(|saved| saved.is_default).count(), 1);
    let allowed = [
        Some(ErrorReason::InvalidState),
        Some(ErrorReason::DependencyUnavailable),
    ];
    assert!(refused.into_iter().all(|one| allowed.contains(&reason(one))));
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn what_no_address_can_be_is_refused() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let mut gateway = world.gateway.clone();
    let mut wrong = address("Paris\r\nBcc: x@y.fr");
    wrong.line1 = " ".into();
    wrong.country_code = "France".into();
    let request = SaveAddressRequest {
        address: Some(wrong),
        ..Default::default()
    };
    let error = ada.call(gateway.save_address(request)).await.unwrap_err();
    let fields: Vec<_> = error
        .field_violations()
        .iter()
        .map(|one| one.field.as_str())
        .collect();
    assert_eq!(fields, ["address.country_code", "address.line1", "address.city"]);
    let missing = ada
        .call(gateway.save_address(SaveAddressRequest::default()))
        .await;
    assert_eq!(reason(missing), Some(ErrorReason::ValidationFailed));
    let id = ada.call(gateway.delete_address(delete("../1"))).await;
    assert_eq!(reason(id), Some(ErrorReason::InvalidId));
}
