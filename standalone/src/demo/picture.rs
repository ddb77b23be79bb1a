//! Draws a product's picture: a shape of `demo/shapes` in a colour, on a plain background.

use anyhow::{Context as _, ensure};
use resvg::{tiny_skia, usvg};

/// Pixels each way.
const SIZE: u32 = 640;

/// The shapes, by name.
const SHAPES: &[(&str, &str)] = &[
    ("apron", include_str!("../../demo/shapes/apron.svg")),
    ("bag", include_str!("../../demo/shapes/bag.svg")),
    ("bar", include_str!("../../demo/shapes/bar.svg")),
    ("basket", include_str!("../../demo/shapes/basket.svg")),
    ("beanie", include_str!("../../demo/shapes/beanie.svg")),
    ("blanket", include_str!("../../demo/shapes/blanket.svg")),
    ("board", include_str!("../../demo/shapes/board.svg")),
    ("bowl", include_str!("../../demo/shapes/bowl.svg")),
    ("candle", include_str!("../../demo/shapes/candle.svg")),
    ("clock", include_str!("../../demo/shapes/clock.svg")),
    ("cup", include_str!("../../demo/shapes/cup.svg")),
    ("cushion", include_str!("../../demo/shapes/cushion.svg")),
    ("jar", include_str!("../../demo/shapes/jar.svg")),
    ("lamp", include_str!("../../demo/shapes/lamp.svg")),
    ("mug", include_str!("../../demo/shapes/mug.svg")),
    ("notebook", include_str!("../../demo/shapes/notebook.svg")),
    ("pen", include_str!("../../demo/shapes/pen.svg")),
    ("pendant", include_str!("../../demo/shapes/pendant.svg")),
    ("plant", include_str!("../../demo/shapes/plant.svg")),
    ("plate", include_str!("../../demo/shapes/plate.svg")),
    ("print", include_str!("../../demo/shapes/print.svg")),
    ("scarf", include_str!("../../demo/shapes/scarf.svg")),
    ("soap", include_str!("../../demo/shapes/soap.svg")),
    ("socks", include_str!("../../demo/shapes/socks.svg")),
    ("stem", include_str!("../../demo/shapes/stem.svg")),
    ("sweater", include_str!("../../demo/shapes/sweater.svg")),
    ("teapot", include_str!("../../demo/shapes/teapot.svg")),
    ("tin", include_str!("../../demo/shapes/tin.svg")),
    ("tote", include_str!("../../demo/shapes/tote.svg")),
    ("towel", include_str!("../../demo/shapes/towel.svg")),
    ("tshirt", include_str!("../../demo/shapes/tshirt.svg")),
    ("vase", include_str!("../../demo/shapes/vase.svg")),
];

/// The colours of the demo's products.
const COLOURS: &[(&str, [u8; 3])] = &[
    ("Charcoal", [0x4A, 0x4A, 0x4F]),
    ("Clay", [0xC4, 0x71, 0x4F]),
    ("Cream", [0xEB, 0xDD, 0xBE]),
    ("Ink", [0x2E, 0x3A, 0x5F]),
    ("Moss", [0x6B, 0x7B, 0x45]),
    ("Mustard", [0xD6, 0xA2, 0x2E]),
    ("Plum", [0x7A, 0x48, 0x6B]),
    ("Rose", [0xE0, 0xA5, 0xA0]),
    ("Rust", [0xA8, 0x48, 0x2E]),
    ("Sage", [0x8F, 0xA5, 0x8A]),
    ("Sand", [0xCF, 0xB4, 0x89]),
    ("Sky", [0x8F, 0xBA, 0xD4]),
    ("Teal", [0x2F, 0x7F, 0x79]),
    ("White", [0xF7, 0xF5, 0xF0]),
];

/// The picture as PNG.
pub(crate) fn draw(shape: &str, colour: &str) -> anyhow::Result<Vec<u8>> {
    let (_, shape) = SHAPES
        .iter()
        .find(|(name, _)| *name == shape)
        .with_context(|| format!("no shape {shape:?}"))?;
    let (_, colour) = COLOURS
        .iter()
        .find(|(name, _)| *name == colour)
        .with_context(|| format!("no colour {colour:?}"))?;
    let hex = |colour: [u8; 3]| format!("#{:02x}{:02x}{:02x}", colour[0], colour[1], colour[2]);
    let shape = shape
        .replace("{c}", &hex(*colour))
        .replace("{d}", &hex(mixed(*colour, [0x20, 0x1A, 0x18], 25)))
        .replace("{l}", &hex(mixed(*colour, [0xFF, 0xFF, 0xFF], 30)));
    // The ground is a pale tint of the colour, so that a list of products holds together; under a pale colour a darker one.
    let pale = colour.iter().all(|part| *part > 0xB8);
    let ground = if pale {
        mixed(*colour, [0x8E, 0x98, 0x96], 45)
    } else {
        mixed(*colour, [0xF8, 0xF5, 0xEF], 85)
    };
    let tree = usvg::Tree::from_str(&shape, &usvg::Options::default())?;
    let mut pixels = tiny_skia::Pixmap::new(SIZE, SIZE).context("a picture has a size")?;
    pixels.fill(tiny_skia::Color::from_rgba8(ground[0], ground[1], ground[2], 255));
    shadow(&mut pixels, mixed(ground, [0x20, 0x1A, 0x18], 12))?;
    let scale = SIZE as f32 / 100.0;
    ensure!(
        (tree.size().width() - 100.0).abs() < 0.1,
        "a shape is drawn within 0 0 100 100"
    );
    resvg::render(
        &tree,
        tiny_skia::Transform::from_scale(scale, scale),
        &mut pixels.as_mut(),
    );
    Ok(pixels.encode_png()?)
}

fn shadow(pixels: &mut tiny_skia::Pixmap, colour: [u8; 3]) -> anyhow::Result<()> {
    let unit = SIZE as f32 / 100.0;
    let oval =
        tiny_skia::Rect::from_xywh(22.0 * unit, 78.0 * unit, 56.0 * unit, 8.0 * unit).context("an oval")?;
    let path = tiny_skia::PathBuilder::from_oval(oval).context("an oval")?;
    let mut paint = tiny_skia::Paint {
        anti_alias: true,
        ..tiny_skia::Paint::default()
    };
    paint.set_color_rgba8(colour[0], colour[1], colour[2], 255);
    pixels.fill_path(
        &path,
        &paint,
        tiny_skia::FillRule::Winding,
        tiny_skia::Transform::identity(),
        None,
    );
    Ok(())
}

/// The colour with this share, in percent, of another.
fn mixed(colour: [u8; 3], other: [u8; 3], percent: u16) -> [u8; 3] {
    std::array::from_fn(|n| {
        let sum = u16::from(colour[n]) * (100 - percent) + u16::from(other[n]) * percent;
        u8::try_from(sum / 100).unwrap_or(u8::MAX)
    })
}
