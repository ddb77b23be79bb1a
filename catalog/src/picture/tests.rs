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

/// The file with one more chunk behind its header.
fn with_png_chunk(file: &[u8], name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut out = file[..33].to_vec();
    out.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
    let named = [name, data].concat();
    out.extend(&named);
    out.extend(crc32fast::hash(&named).to_be_bytes());
    out.extend(&file[33..]);
    out
}

fn with_png_text(file: &[u8]) -> Vec<u8> {
    with_png_chunk(file, b"tEXt", b"Comment\0Jane, 12 Rue Secrete")
}

/// So many MiB of zeros, deflated: a block of one MiB, again and again.
fn deflated(mebibytes: usize) -> Vec<u8> {
    let mut encoder = flate2::Compress::new(flate2::Compression::fast(), false);
    let mut block = Vec::with_capacity(64 * 1024);
    let flush = flate2::FlushCompress::Full;
    encoder
        .compress_vec(&[0; 1024 * 1024], &mut block, flush)
        .unwrap();
    // Behind them the end, and the sum of zeros.
    let length = u32::try_from(mebibytes * 1024 * 1024 % 65_521).unwrap();
    let end = [&[3, 0][..], &(length << 16 | 1).to_be_bytes()].concat();
    [vec![0x78, 1], block.repeat(mebibytes), end].concat()
}

/// The most memory of this process so far, in MiB.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<usize>().ok()? / 1024)
}

/// A JPEG's segment.
fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker][..], &length, data].concat()
}

/// A WebP's chunk.
fn riff(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    [name, &length[..], data, &[0][..data.len() % 2]].concat()
}

/// A WebP of these chunks.
fn webp_of(chunks: &[Vec<u8>]) -> Vec<u8> {
    riff(b"RIFF", &[b"WEBP".to_vec(), chunks.concat()].concat())
}

/// The VP8X chunk of a picture of this size.
fn canvas(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let (width, height) = ((width - 1).to_le_bytes(), (height - 1).to_le_bytes());
    riff(b"VP8X", &[&[flags, 0, 0, 0], &width[..3], &height[..3]].concat())
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
    // 9,999 × 9,999 in the header; its checksum is recomputed.
    bomb[16..20].copy_from_slice(&9_999_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&9_999_u32.to_be_bytes());
    let sum = crc32fast::hash(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&sum.to_be_bytes());
    assert!(matches!(
        clean(MediaType::Png, bomb.into()),
        Err(Refused::TooLarge)
    ));
}

#[test]
fn a_png_whose_sum_is_wrong_is_refused_whichever_chunk_it_is_of() {
    let file = with_png_text(&encoded(ImageFormat::Png, 4, 4));
    let mut place = 8;
    let mut names = Vec::new();
    while place < file.len() {
        let length = u32::from_be_bytes(file[place..place + 4].try_into().unwrap()) as usize;
        let sum = place + 8 + length;
        let name = String::from_utf8_lossy(&file[place + 4..place + 8]).into_owned();
        let mut broken = file.clone();
        broken[sum] ^= 1;
        assert!(
            matches!(clean(MediaType::Png, broken.into()), Err(Refused::Broken)),
            "the sum of {name}"
        );
        names.push(name);
        place = sum + 4;
    }
    assert_eq!(names, ["IHDR", "tEXt", "IDAT", "IEND"]);
}

#[test]
fn a_png_that_moves_is_refused_and_one_that_asks_for_more_than_is_known() {
    let plain = encoded(ImageFormat::Png, 4, 4);
    let moving = with_png_chunk(&plain, b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
    assert!(matches!(
        clean(MediaType::Png, moving.into()),
        Err(Refused::Animated)
    ));
    let unknown = with_png_chunk(&plain, b"NEED", b"");
    assert!(matches!(
        clean(MediaType::Png, unknown.into()),
        Err(Refused::Broken)
    ));
}

#[test]
fn a_png_is_turned_upright() {
    let exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let dirty = with_png_chunk(&encoded(ImageFormat::Png, 16, 8), b"eXIf", exif);
    let media = clean(MediaType::Png, dirty.into()).unwrap();
    assert_eq!((media.width, media.height), (8, 16));
}

#[test]
fn a_profile_of_a_usual_size_is_kept() {
    let profile: Vec<u8> = (0..600_000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(profile.clone()).unwrap();
    RgbImage::new(4, 4).write_with_encoder(encoder).unwrap();
    let media = clean(MediaType::Png, png.into()).unwrap();
    let mut decoder = ImageReader::with_format(Cursor::new(&media.bytes), ImageFormat::Png)
        .into_decoder()
        .unwrap();
    assert!(decoder.icc_profile().unwrap() == Some(profile.clone()));

    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new(&mut jpeg);
    encoder.set_icc_profile(profile.clone()).unwrap();
    RgbImage::new(4, 4).write_with_encoder(encoder).unwrap();
    let media = clean(MediaType::Jpeg, jpeg.into()).unwrap();
    let mut decoder = ImageReader::with_format(Cursor::new(&media.bytes), ImageFormat::Jpeg)
        .into_decoder()
        .unwrap();
    assert!(decoder.icc_profile().unwrap() == Some(profile));
}

/// Small files whose metadata claims or unpacks to far more than it holds.
fn bombs() -> Vec<(&'static str, MediaType, Vec<u8>)> {
    let png = encoded(ImageFormat::Png, 4, 4);
    let deflated = deflated(300);
    let jpeg = encoded(ImageFormat::Jpeg, 16, 8);
    let behind_start = |segments: &[Vec<u8>]| [&jpeg[..2], &segments.concat(), &jpeg[2..]].concat();
    let extended = |offset: u32| {
        let mut data = b"http://ns.adobe.com/xmp/extension/\0".to_vec();
        data.extend([b'0'; 32]);
        data.extend(u32::MAX.to_be_bytes());
        data.extend(offset.to_be_bytes());
        segment(0xe1, &data)
    };
    let profile = |number: u8| {
        segment(
            0xe2,
            &[b"ICC_PROFILE\0", &[number, 255][..], &[7; 60_000]].concat(),
        )
    };
    let webp = encoded(ImageFormat::WebP, 5, 4);
    let lying = {
        let mut lying = riff(b"EXIF", b"");
        lying[4..8].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
        lying
    };
    // A key frame of 16,383 × 16,383 in a container that says 5 × 4.
    let frame = b"\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    vec![
        (
            "a PNG's profile",
            MediaType::Png,
            with_png_chunk(&png, b"iCCP", &[b"p\0\0", &deflated[..]].concat()),
        ),
        (
            "a PNG's text",
            MediaType::Png,
            with_png_chunk(&png, b"zTXt", &[b"t\0\0", &deflated[..]].concat()),
        ),
        (
            "a PNG's text in Unicode",
            MediaType::Png,
            with_png_chunk(
                &png,
                b"iTXt",
                &[b"XML:com.adobe.xmp\0\x01\0\0\0", &deflated[..]].concat(),
            ),
        ),
        (
            "a JPEG's XMP",
            MediaType::Jpeg,
            behind_start(&(0..20_000).map(extended).collect::<Vec<_>>()),
        ),
        (
            "a JPEG's profile",
            MediaType::Jpeg,
            behind_start(&(1..=200).map(profile).collect::<Vec<_>>()),
        ),
        (
            "a WebP's EXIF",
            MediaType::Webp,
            webp_of(&[canvas(8, 5, 4), webp[12..].to_vec(), lying]),
        ),
        (
            "a WebP's frame",
            MediaType::Webp,
            webp_of(&[canvas(0, 5, 4), riff(b"VP8 ", frame)]),
        ),
        (
            "an AVIF's locations",
            MediaType::Avif,
            avif_with(9, Some(&region(b"iloc", &locations_without_bytes()))),
        ),
    ]
}

/// Says of 500 items that each is in 65,535 pieces, and takes no byte for a piece.
fn locations_without_bytes() -> Vec<u8> {
    let mut content = vec![0, 0, 0, 0, 0, 0];
    content.extend(500_u16.to_be_bytes());
    for item in 0..500_u16 {
        content.extend(item.to_be_bytes());
        content.extend([0, 0, 0xff, 0xff]);
    }
    content
}

#[test]
fn nothing_beside_the_picture_takes_memory() {
    let bombs = bombs();
    let Some(before) = peak() else {
        eprintln!("skipped: nothing_beside_the_picture_takes_memory: there is no /proc");
        return;
    };
    for (what, kind, file) in bombs {
        let size = file.len();
        let started = std::time::Instant::now();
        let cleaned = clean(kind, file.into()).map(|media| media.bytes.len());
        let took = started.elapsed();
        let grown = peak().unwrap_or_default().saturating_sub(before);
        assert!(grown < 128, "{what}, {size} bytes: {grown} MiB more, {cleaned:?}");
        assert!(took.as_secs() < 10, "{what}, {size} bytes: {took:?}, {cleaned:?}");
    }
}

#[test]
fn a_webp_whose_container_and_frame_disagree_is_refused() {
    let plain = encoded(ImageFormat::WebP, 5, 4);
    let frame = plain[12..].to_vec();
    let good = webp_of(&[canvas(0x10, 5, 4), frame.clone()]);
    assert_eq!(clean(MediaType::Webp, good.into()).unwrap().width, 5);
    let other = webp_of(&[canvas(0x10, 50, 4), frame.clone()]);
    assert!(matches!(
        clean(MediaType::Webp, other.into()),
        Err(Refused::Broken)
    ));
    let huge = webp_of(&[canvas(0x10, 16_000, 16_000), frame]);
    assert!(matches!(
        clean(MediaType::Webp, huge.into()),
        Err(Refused::TooLarge)
    ));
}

#[test]
fn a_jpeg_loses_what_is_between_and_behind_its_pixels() {
    let plain = encoded(ImageFormat::Jpeg, 16, 8);
    let media = clean(MediaType::Jpeg, plain.clone().into()).unwrap();
    let mut dirty = plain[..2].to_vec();
    dirty.extend(segment(0xfe, b"12 Rue Secrete"));
    dirty.extend(segment(0xed, b"Photoshop 3.0\0Secrete"));
    dirty.extend(segment(0xe2, b"MPF\0Secrete"));
    dirty.extend(&plain[2..]);
    // Another picture behind the end, as telephones write.
    dirty.extend(&plain);
    assert_eq!(clean(MediaType::Jpeg, dirty.into()).unwrap(), media);
    // As far as it goes, when its end is missing.
    let cut = plain[..plain.len() - 2].to_vec();
    assert_eq!(clean(MediaType::Jpeg, cut.into()).unwrap(), media);
    let header = plain[..20].to_vec();
    assert!(matches!(
        clean(MediaType::Jpeg, header.into()),
        Err(Refused::Broken)
    ));
}

/// A box of ISO/IEC 14496-12.
fn region(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(content.len() + 8).unwrap().to_be_bytes().to_vec();
    out.extend(kind);
    out.extend(content);
    out
}

/// A still picture with an Exif item, a private box, and bytes that belong to no item.
fn avif(width: u32) -> Vec<u8> {
    avif_with(width, None)
}

/// The same, with other locations of its items.
fn avif_with(width: u32, other: Option<&[u8]>) -> Vec<u8> {
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
        let here = locations(offset);
        let hdlr = region(b"hdlr", b"\0\0\0\0\0\0\0\0pict");
        let inner = [
            &[0; 4][..],
            &hdlr,
            &region(b"pitm", &[0, 0, 0, 0, 0, 1]),
            other.unwrap_or(&here),
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
