//! Pictures.

use comptoir_catalog::Config;
use comptoir_proto::catalog::v1::{
    GetMediaRequest, ImageInput, ProductInput, PutMediaRequest, PutMediaResponse,
};
use image::{DynamicImage, ImageFormat, RgbImage};
use tonic::Status;

use super::{Shop, Who, code, plain, refusals};

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let image = DynamicImage::from(RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([x as u8, y as u8, (x * y) as u8])
    }));
    image
        .write_to(&mut std::io::Cursor::new(&mut file), ImageFormat::Png)
        .unwrap();
    file
}

async fn put(shop: &Shop, who: Who, content_type: &str, file: &[u8]) -> Result<PutMediaResponse, Status> {
    let piece = |(place, chunk): (usize, &[u8])| PutMediaRequest {
        content_type: if place == 0 {
            content_type.to_owned()
        } else {
            String::new()
        },
        chunk: chunk.to_vec().into(),
    };
    let pieces: Vec<_> = file.chunks(1000).enumerate().map(piece).collect();
    shop.by(who)
        .call(async |caller| caller.catalog.put_media(futures::stream::iter(pieces)).await)
        .await
}

async fn get(shop: &Shop, media_id: &str) -> Result<(String, Vec<u8>), Status> {
    let request = GetMediaRequest {
        media_id: media_id.to_owned(),
    };
    let mut pieces = shop
        .by(Who::Guest)
        .call(async |guest| guest.catalog.get_media(request).await)
        .await?;
    let (mut content_type, mut size, mut file) = (String::new(), 0, Vec::new());
    while let Some(piece) = pieces.message().await? {
        if file.is_empty() {
            (content_type, size) = (piece.content_type, piece.size);
        }
        file.extend(piece.chunk);
    }
    assert_eq!(usize::try_from(size).unwrap(), file.len());
    Ok((content_type, file))
}

#[tokio::test]
async fn a_picture_is_stored_once_and_read_by_everybody() {
    let shop = Shop::open().await;
    let file = png(300, 200);
    let stored = put(&shop, Who::Staff, "image/png", &file).await.unwrap();
    assert_eq!((stored.width, stored.height), (300, 200));
    assert_eq!(
        put(&shop, Who::Staff, "image/PNG; q=1", &file).await.unwrap(),
        stored
    );
    let (content_type, read) = get(&shop, &stored.media_id).await.unwrap();
    assert_eq!(content_type, "image/png");
    assert!(read.len() > 64 * 1024, "more than one message: {}", read.len());
    assert_eq!(
        image::load_from_memory(&read).unwrap(),
        image::load_from_memory(&file).unwrap()
    );
    for unknown in ["", "../../etc/passwd", &"0".repeat(64)] {
        assert_eq!(code(get(&shop, unknown).await.map(drop)), "NOT_FOUND");
    }
}

#[tokio::test]
async fn a_product_knows_the_size_of_its_picture() {
    let shop = Shop::open().await;
    let stored = put(&shop, Who::Staff, "image/png", &png(30, 20)).await.unwrap();
    let url = format!("/media/{}", stored.media_id);
    let alt_text = Some("A lamp".to_owned());
    let images = vec![
        ImageInput {
            url: url.clone(),
            alt_text,
        },
        ImageInput {
            url: "https://cdn.example.com/b.png".to_owned(),
            alt_text: None,
        },
    ];
    let mut input = ProductInput {
        images,
        ..plain("Lamp", 1)
    };
    input.variants[0].image_url = Some(url);
    let product = shop.create(input).await;
    assert_eq!(
        (product.images[0].width, product.images[0].height),
        (Some(30), Some(20))
    );
    assert_eq!((product.images[1].width, product.images[1].height), (None, None));
    assert_eq!(product.variants[0].image.as_ref().unwrap().width, Some(30));
    assert_eq!(product.featured_image.as_ref(), Some(&product.images[0]));
}

#[tokio::test]
async fn what_is_no_picture_is_refused() {
    let shop = Shop::with(Config {
        limit_picture: 10_000,
        ..Config::default()
    })
    .await;
    let file = png(20, 20);
    assert_eq!(
        code(put(&shop, Who::Guest, "image/png", &file).await),
        "UNAUTHENTICATED"
    );
    assert_eq!(
        code(put(&shop, Who::Customer, "image/png", &file).await),
        "FORBIDDEN"
    );
    for content_type in ["image/svg+xml", "text/html", "", "image/gif"] {
        assert_eq!(
            refusals(put(&shop, Who::Staff, content_type, &file).await),
            ["content_type INVALID_IMAGE"]
        );
    }
    assert_eq!(
        code(put(&shop, Who::Staff, "image/jpeg", &file).await),
        "INVALID_IMAGE"
    );
    assert_eq!(
        code(put(&shop, Who::Staff, "image/png", b"<script>alert(1)</script>").await),
        "INVALID_IMAGE"
    );
    assert_eq!(
        code(put(&shop, Who::Staff, "image/png", b"").await),
        "INVALID_IMAGE"
    );
    assert_eq!(
        code(put(&shop, Who::Staff, "image/png", &vec![0; 10_001]).await),
        "PAYLOAD_TOO_LARGE"
    );
}
