use image::{Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

fn encoded(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let image: DynamicImage = if format == ImageFormat::Jpeg {
        RgbImage::from_pixel(width, height, Rgb([200, 10, 10])).into()
    } else {
        RgbaImage::from_pixel(width, height, Rgba([200, 10, 10, 128])).into()
    };
    image.write_to(&mut Cursor::new(&mut file), format).unwrap();
    file
}

#[expect(clippy::needless_pass_by_value, reason = "a file is cleaned once")]
fn clean(kind: MediaType, file: Bytes) -> Result<Media, Refused> {
    super::clean(kind, &file)
}

fn contains(file: &[u8], text: &[u8]) -> bool {
    file.windows(text.len()).any(|window| window == text)
}

/// A chunk of a PNG. Decoders that check the sum of one that is not critical would refuse it; ours skips it.
fn with_png_text(file: &[u8]) -> Vec<u8> {
    let text = b"Comment\0Jane, 12 Rue Secrete";
    let mut out = file[..33].to_vec();
    out.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    let mut chunk = b"tEXt".to_vec();
    chunk.extend(text);
    out.extend(&chunk);
    out.extend(crc(&chunk).to_be_bytes());
    out.extend(&file[33..]);
    out
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            }
        })
    })
}

fn with_jpeg_exif(file: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif.extend(b"12 Rue Secrete");
    let mut out = file[..2].to_vec();
    out.extend(b"\xff\xe1");
    out.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
    out.extend(exif);
    out.extend(&file[2..]);
    out
}

#[test]
fn metadata_is_gone_and_the_same_picture_is_the_same() {
    let plain = encoded(ImageFormat::Png, 4, 3);
    let dirty = with_png_text(&plain);
    assert!(contains(&dirty, b"Secrete"));
    let one = clean(MediaType::Png, plain.into()).unwrap();
    let other = clean(MediaType::Png, dirty.into()).unwrap();
    assert_eq!(one, other);
    assert_eq!((one.width, one.height, one.id.len()), (4, 3, 64));
    assert!(!contains(&other.bytes, b"Secrete"));
}

#[test]
fn a_jpeg_is_turned_upright() {
    let dirty = with_jpeg_exif(&encoded(ImageFormat::Jpeg, 16, 8), 6);
    let media = clean(MediaType::Jpeg, dirty.into()).unwrap();
    assert_eq!((media.width, media.height), (8, 16));
    assert!(!contains(&media.bytes, b"Secrete") && !contains(&media.bytes, b"Exif"));
}

#[test]
fn a_webp_keeps_its_pixels_and_loses_the_rest() {
    let plain = encoded(ImageFormat::WebP, 5, 4);
    let mut dirty = plain.clone();
    dirty.extend(b"EXIF\x0e\0\0\x0012 Rue Secrete");
    let length = u32::try_from(dirty.len() - 8).unwrap();
    dirty[4..8].copy_from_slice(&length.to_le_bytes());
    dirty.extend(b"<script>behind the end</script>");
    let media = clean(MediaType::Webp, dirty.into()).unwrap();
    assert_eq!((media.width, media.height), (5, 4));
    assert!(!contains(&media.bytes, b"Secrete") && !contains(&media.bytes, b"script"));
    assert_eq!(clean(MediaType::Webp, plain.into()).unwrap(), media);
}

#[test]
fn what_is_no_picture_is_refused() {
    let png = encoded(ImageFormat::Png, 4, 4);
    assert!(matches!(
        clean(MediaType::Jpeg, png.clone().into()),
        Err(Refused::OtherType(_))
    ));
    assert!(matches!(
        clean(MediaType::Png, png[..png.len() / 2].to_vec().into()),
        Err(Refused::Broken)
    ));
    assert!(clean(MediaType::Png, Bytes::from_static(b"<svg onload=alert(1)>")).is_err());
    for kind in [MediaType::Webp, MediaType::Avif, MediaType::Jpeg] {
        assert!(
            clean(
                kind,
                Bytes::from_static(b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff")
            )
            .is_err()
        );
    }
}

#[test]
fn a_small_file_of_many_pixels_is_refused_before_it_is_decoded() {
    let mut bomb = encoded(ImageFormat::Png, 1, 1);
    // 9,999 × 9,999 in the header; its sum is written anew.
    bomb[16..20].copy_from_slice(&9_999_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&9_999_u32.to_be_bytes());
    let sum = crc(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&sum.to_be_bytes());
    assert!(matches!(
        clean(MediaType::Png, bomb.into()),
        Err(Refused::TooLarge)
    ));
}

/// A box of ISO/IEC 14496-12.
fn region(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(content.len() + 8).unwrap().to_be_bytes().to_vec();
    out.extend(kind);
    out.extend(content);
    out
}

/// A still picture with an Exif item, a box of somebody's own, and bytes that belong to nobody.
fn avif(width: u32) -> Vec<u8> {
    let ftyp = region(b"ftyp", b"avif\0\0\0\0mif1avif");
    let entry =
        |id: u8, kind: &[u8; 4]| region(b"infe", &[&[2, 0, 0, 0, 0, id, 0, 0][..], kind, &[0]].concat());
    let iinf = region(
        b"iinf",
        &[&[0, 0, 0, 0, 0, 2][..], &entry(1, b"av01"), &entry(2, b"Exif")].concat(),
    );
    let ispe = region(
        b"ispe",
        &[&[0; 4][..], &width.to_be_bytes(), &7_u32.to_be_bytes()].concat(),
    );
    let ipma = region(b"ipma", &[0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0x81]);
    let iprp = region(b"iprp", &[region(b"ipco", &ispe), ipma].concat());
    let locations = |offset: u32| {
        let item = |id: u8, offset: u32, length: u32| {
            [
                &[0, id, 0, 0, 0, 1][..],
                &offset.to_be_bytes(),
                &length.to_be_bytes(),
            ]
            .concat()
        };
        region(
            b"iloc",
            &[
                &[0, 0, 0, 0, 0x44, 0, 0, 2][..],
                &item(1, offset, 6),
                &item(2, offset + 6, 7),
            ]
            .concat(),
        )
    };
    let meta = |offset: u32| {
        let hdlr = region(b"hdlr", b"\0\0\0\0\0\0\0\0pict");
        let inner = [
            &[0; 4][..],
            &hdlr,
            &region(b"pitm", &[0, 0, 0, 0, 0, 1]),
            &locations(offset),
            &iinf,
            &iprp,
        ];
        region(
            b"meta",
            &[&inner.concat()[..], &region(b"uuid", b"Secrete uuid")].concat(),
        )
    };
    let offset = ftyp.len() + meta(0).len() + 8;
    let meta = meta(u32::try_from(offset).unwrap());
    let data = region(b"mdat", b"\x12\0PIXLSecreteSecrete too");
    [ftyp, meta, data, region(b"udta", b"Secrete as well")].concat()
}

#[test]
fn an_avif_keeps_its_pixels_and_loses_the_rest() {
    let media = clean(MediaType::Avif, avif(9).into()).unwrap();
    assert_eq!((media.width, media.height), (9, 7));
    assert!(contains(&media.bytes, b"PIXL"));
    assert!(
        !contains(&media.bytes, b"Secrete"),
        "{:?}",
        String::from_utf8_lossy(&media.bytes)
    );
    assert_eq!(clean(MediaType::Avif, media.bytes.clone()).unwrap(), media);
}

#[test]
fn a_broken_avif_is_refused_wherever_it_breaks() {
    let whole = avif(9);
    assert!(matches!(
        clean(MediaType::Avif, avif(60_000).into()),
        Err(Refused::TooLarge)
    ));
    for end in 0..whole.len() - 23 {
        assert!(
            clean(MediaType::Avif, whole[..end].to_vec().into()).is_err(),
            "{end}"
        );
    }
    // Whatever a byte becomes, nothing panics.
    for place in 0..whole.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut broken = whole.clone();
            broken[place] = value;
            let _ = clean(MediaType::Avif, broken.into());
        }
    }
}
