//! A test's own stores, opened several times as by replicas, and MongoDB's documents read directly.

use comptoir_mesh::env::{self, Server};
use comptoir_mesh::testing::{TestEnv, server};
use comptoir_notifier::store::{Deliveries as _, MongoStore, SqliteStore, contract};
use mongodb::bson::{Document, doc};

/// A folder with a database file.
pub(crate) struct Sqlite {
    folder: tempfile::TempDir,
}

impl Sqlite {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) async fn open(&self) -> SqliteStore {
        let file = self.folder.path().join("notifier.db");
        SqliteStore::open(file.to_str().unwrap()).await.unwrap()
    }
}

/// A database on the server that `MONGODB_URI` names.
pub(crate) struct Mongo {
    test: TestEnv,
    pub(crate) url: String,
    name: String,
}

impl Mongo {
    /// `None`, with a note on standard error, if no server is set.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let server = server("MONGODB_URI", test)?;
        let test = TestEnv::new();
        let name = test.env.ids.new_id("comptoir_notifier_");
        Some(Self {
            url: format!("{}/{name}", server.trim_end_matches('/')),
            test,
            name,
        })
    }

    pub(crate) async fn open(&self) -> MongoStore {
        let store = self.test.env.store("notifier", Some(&self.url), Server::Mongo);
        let env::Store::Server(server) = store.unwrap() else {
            panic!("{} is no server's", self.url);
        };
        MongoStore::open(&server).await.unwrap()
    }

    async fn database(&self) -> mongodb::Database {
        mongodb::Client::with_uri_str(&self.url)
            .await
            .unwrap()
            .database(&self.name)
    }

    pub(crate) async fn drop(self) {
        self.database().await.drop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_in_the_inbox_is_put_into_place_when_the_event_comes_again() {
    let Some(mongo) =
        Mongo::new("what_a_crash_left_in_the_inbox_is_put_into_place_when_the_event_comes_again")
    else {
        return;
    };
    let store = mongo.open().await;
    contract::an_event_is_recorded_once(&store).await;
    let database = mongo.database().await;
    let deliveries = database.collection::<Document>("deliveries");
    let inbox = database.collection::<Document>("inbox");
    // The state after a process died with one of two inserted, and that one sent.
    let (mail, text) = {
        let claimed = store.claim(contract::at(10), contract::at(25), 2).await.unwrap();
        let mail = deliveries
            .find_one(doc! { "_id": &claimed[0].id })
            .await
            .unwrap()
            .unwrap();
        let text = deliveries
            .find_one(doc! { "_id": &claimed[1].id })
            .await
            .unwrap()
            .unwrap();
        assert!(
            store
                .save(claimed[0].clone().sent(contract::at(11)))
                .await
                .unwrap()
        );
        (mail, text)
    };
    deliveries
        .delete_one(doc! { "_id": text.get_str("_id").unwrap() })
        .await
        .unwrap();
    let left = doc! { "$set": { "deliveries": [mail, text] } };
    inbox.update_one(doc! { "_id": "evt_1" }, left).await.unwrap();

    contract::an_event_comes_again(&store, "evt_1", "body").await;
    assert_eq!(store.count(None).await.unwrap(), 2);
    let sent = store
        .deliveries(Some(comptoir_notifier::domain::delivery::Status::Sent), None, 9)
        .await
        .unwrap();
    assert_eq!(sent.len(), 1, "what was sent stays so");
    let entry = inbox.find_one(doc! { "_id": "evt_1" }).await.unwrap().unwrap();
    assert!(!entry.contains_key("deliveries"), "{entry}");
    mongo.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_looked_up_by_an_index_that_holds_nothing_else() {
    let Some(mongo) = Mongo::new("what_is_due_is_looked_up_by_an_index_that_holds_nothing_else") else {
        return;
    };
    let store = mongo.open().await;
    contract::a_failure_is_due_after_its_pause(&store).await;
    let database = mongo.database().await;
    let names = database
        .collection::<Document>("deliveries")
        .list_index_names()
        .await
        .unwrap();
    for name in ["_id_", "newest", "newest_by_status", "due"] {
        assert!(names.iter().any(|each| each == name), "{name} of {names:?}");
    }
    let dead = database
        .collection::<Document>("deliveries")
        .find_one(doc! {})
        .await
        .unwrap()
        .unwrap();
    assert!(!dead.contains_key("due"), "{dead}");
    mongo.drop().await;
}
