//! The contract on a MongoDB. Each test has a database of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use comptoir_mesh::env::{Server, Store as Place};
use comptoir_mesh::error::ErrorReason;
use comptoir_mesh::testing::{TestEnv, server};
use mongodb::bson::doc;
use mongodb::options::Acknowledgment;

use super::*;
use crate::store::{Keys as _, Store, Users as _, contract};

mod crash;
mod cut;

contract::tests!(run);

async fn run<F: Future<Output = ()>>(name: &str, promise: impl FnOnce(Arc<dyn Store>) -> F) {
    let Some((store, database)) = fresh(name).await else {
        return;
    };
    promise(Arc::new(store)).await;
    database.drop().await.unwrap();
}

/// A store in its own database, and the database; `None` if no server is configured.
async fn fresh(name: &str) -> Option<(Mongo, Database)> {
    let url = server("MONGODB_URI", name)?;
    let place = place(&url);
    let database = mongo::open(&place).await.unwrap();
    let store = Mongo::open(&place, &TestEnv::new().env).await.unwrap();
    Some((store, database))
}

/// A database of a random name on the server of the URL.
fn place(url: &str) -> ServerUrl {
    let test = TestEnv::new();
    let (server, options) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, host) = server.split_once("://").unwrap();
    let host = host.split('/').next().unwrap();
    let url = format!("{scheme}://{host}/auth_{}?{options}", test.env.ids.ulid());
    match test.env.store("auth", Some(&url), Server::Mongo).unwrap() {
        Place::Server(server) => server,
        Place::Sqlite(file) => panic!("{file}"),
    }
}

#[tokio::test]
async fn opening_again_changes_nothing() {
    let Some((store, database)) = fresh("opening_again_changes_nothing").await else {
        return;
    };
    let root = store.root_key([1; 32]).await.unwrap();
    crash::register(
        &store,
        doc! { "access": { "user_id": "user_1", "role": "STAFF", "active": true } },
    )
    .await;
    let test = TestEnv::new();
    let opened = futures::future::join_all((0..4).map(|_| Mongo::on(&database, &test.env))).await;
    for again in opened {
        let again = again.unwrap();
        assert_eq!(again.root_key([2; 32]).await.unwrap(), root);
    }
    let lock = store.access.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(lock.get_i64("number").unwrap(), 1);
    let names: BTreeSet<String> = store
        .users
        .list_index_names()
        .await
        .unwrap()
        .into_iter()
        .collect();
    let wanted = [
        "_id_",
        "access",
        "creation",
        "email_key",
        "first_admin",
        "opened_by",
        "revocation",
    ];
    assert_eq!(names, wanted.map(str::to_owned).into());
    database.drop().await.unwrap();
}

#[tokio::test]
async fn writes_are_a_majoritys_and_what_is_wrong_quotes_nothing() {
    let Some((store, database)) = fresh("writes_are_a_majoritys_and_what_is_wrong_quotes_nothing").await
    else {
        return;
    };
    for collection in [
        &store.users,
        &store.sessions,
        &store.mails,
        &store.attempts,
        &store.access,
    ] {
        let acknowledged = collection.write_concern().and_then(|concern| concern.w.clone());
        assert_eq!(acknowledged, Some(Acknowledgment::Majority));
    }
    let broken = doc! { "_id": "user_1", "email_key": "a@b.fr", "version": "ada's secret" };
    store.users.insert_one(broken).await.unwrap();
    let error = store.user("user_1").await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::Internal);
    assert!(!format!("{error:?}").contains("secret"));
    database.drop().await.unwrap();
}
