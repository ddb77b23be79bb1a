//! What the relay takes out of the store.

use comptoir_events::{CATALOG_TOPIC, Heard};
use comptoir_mesh::testing::PATIENCE;
use comptoir_proto::catalog::v1::{CatalogEvent, catalog_event::Payload};
use prost::Message as _;

use super::{Shop, plain};

#[tokio::test]
async fn changes_reach_those_who_listen() {
    let shop = Shop::open().await;
    let mut listener = shop.bus.listen(CATALOG_TOPIC);
    let product = shop.create(plain("Lamp", 1)).await;
    shop.update(&product, |input| input.slug = Some("light".to_owned()))
        .await
        .unwrap();
    for sequence in 1..=2 {
        let heard = tokio::time::timeout(PATIENCE, listener.next()).await.unwrap();
        let Some(Heard::Record(record)) = heard else {
            panic!("{heard:?}")
        };
        assert_eq!(
            (record.topic, record.key.as_str(), record.sequence),
            ("comptoir.catalog.v1", product.id.as_str(), sequence)
        );
        let event = CatalogEvent::decode(record.payload).unwrap();
        let Some(Payload::ProductChanged(changed)) = event.payload else {
            panic!("{event:?}")
        };
        assert_eq!(changed.version, i64::try_from(sequence).unwrap());
        assert_eq!(
            changed.previous_slug.as_deref(),
            (sequence == 2).then_some("lamp")
        );
    }
}
