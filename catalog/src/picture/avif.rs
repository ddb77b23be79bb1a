//! The container of AVIF (ISO/IEC 14496-12 and 23008-12): boxes that say which bytes of the file are which item. Nothing
//! is moved, so that all offsets stay right: what is not part of the picture is overwritten with zeros.

use std::{collections::HashMap, ops::Range};

use super::Refused;

/// Item types that are pictures or made of some: coded, a grid, an overlay, a derived identity.
const PICTURES: [&[u8; 4]; 4] = [b"av01", b"grid", b"iovl", b"iden"];
/// Boxes inside `meta` that a picture needs.
const NEEDED: [&[u8; 4]; 8] = [
    b"hdlr", b"pitm", b"iinf", b"iloc", b"iprp", b"iref", b"idat", b"grpl",
];

/// Pieces that the items of a picture may be stored in: a grid of the most pixels has hundreds.
const EXTENT_LIMIT: usize = 10_000;

/// A box: its type, and where its content is in the file.
struct Region<'f> {
    kind: &'f [u8; 4],
    /// Where the whole of it begins.
    start: usize,
    content: Range<usize>,
}

/// What `meta` says.
#[derive(Default)]
struct Meta {
    primary: u32,
    types: HashMap<u32, [u8; 4]>,
    extents: HashMap<u32, Vec<Range<usize>>>,
    /// Sizes by property number, from 1.
    sizes: HashMap<u16, (u32, u32)>,
    properties: HashMap<u32, Vec<u16>>,
    idat: Range<usize>,
}

/// The file with all but the picture blanked out, and its size.
pub(super) fn clean(file: &[u8]) -> Result<(Vec<u8>, u32, u32), Refused> {
    let boxes = boxes(file, 0..file.len())?;
    let brands = boxes
        .first()
        .filter(|first| first.kind == b"ftyp")
        .ok_or(Refused::Broken)?;
    if !file[brands.content.clone()]
        .chunks(4)
        .any(|brand| brand == b"avif")
    {
        return Err(Refused::OtherType("image/avif"));
    }
    if boxes.iter().any(|found| found.kind == b"moov") {
        return Err(Refused::Animated);
    }
    let mut metas = boxes.iter().filter(|found| found.kind == b"meta");
    let (Some(place), None) = (metas.next(), metas.next()) else {
        return Err(Refused::Broken);
    };
    let inner = boxes_of_full(file, place)?;
    let meta = Meta::read(file, &inner)?;
    let (width, height) = meta.size().ok_or(Refused::Broken)?;
    meta.check_beginning(file)?;

    let mut out = vec![0; file.len()];
    let keep = |out: &mut Vec<u8>, range: Range<usize>| out[range.clone()].copy_from_slice(&file[range]);
    for found in &boxes {
        match found.kind {
            b"ftyp" => keep(&mut out, found.start..found.content.end),
            // The data itself is kept item by item.
            b"mdat" => keep(&mut out, found.start..found.content.start),
            b"meta" => keep(&mut out, found.start..found.content.start + 4),
            _ => blank(&mut out, file, found),
        }
    }
    for found in &inner {
        match found.kind {
            b"idat" => keep(&mut out, found.start..found.content.start),
            kind if NEEDED.contains(&kind) => keep(&mut out, found.start..found.content.end),
            _ => blank(&mut out, file, found),
        }
    }
    let pictures = meta.extents.iter().filter(|(item, _)| meta.is_picture(**item));
    let mut kept = 0;
    for extent in pictures.flat_map(|(_, extents)| extents) {
        kept += extent.len();
        // They would lie over each other, again and again.
        if kept > file.len() {
            return Err(Refused::Broken);
        }
        keep(&mut out, extent.clone());
    }
    Ok((out, width, height))
}

/// Writes the head of a box of the same length that holds nothing.
fn blank(out: &mut [u8], file: &[u8], found: &Region<'_>) {
    out[found.start..found.content.start].copy_from_slice(&file[found.start..found.content.start]);
    out[found.start + 4..found.start + 8].copy_from_slice(b"free");
}

impl Meta {
    fn read(file: &[u8], inner: &[Region<'_>]) -> Result<Self, Refused> {
        let mut meta = Self::default();
        if let Some(idat) = inner.iter().find(|found| found.kind == b"idat") {
            meta.idat = idat.content.clone();
        }
        for found in inner {
            let mut content = Reader {
                file,
                place: found.content.clone(),
            };
            match found.kind {
                b"pitm" => {
                    let version = content.version()?.0;
                    meta.primary = if version == 0 {
                        content.number(2)?
                    } else {
                        content.number(4)?
                    };
                }
                b"iinf" => meta.read_items(content)?,
                b"iloc" => meta.read_locations(content)?,
                b"iprp" => meta.read_properties(file, found)?,
                _ => {}
            }
        }
        Ok(meta)
    }

    fn read_items(&mut self, mut content: Reader<'_>) -> Result<(), Refused> {
        let (version, _) = content.version()?;
        content.number(if version == 0 { 2 } else { 4 })?;
        for found in boxes(content.file, content.place.clone())? {
            let mut item = Reader {
                file: content.file,
                place: found.content,
            };
            let (version, _) = item.version()?;
            // Older versions name no type, and no AVIF has them.
            let id = item.number(if version >= 3 { 4 } else { 2 })?;
            item.number(2)?;
            let kind = item.take(4)?.try_into().map_err(|_| Refused::Broken)?;
            self.types.insert(id, kind);
        }
        Ok(())
    }

    fn read_locations(&mut self, mut content: Reader<'_>) -> Result<(), Refused> {
        let (version, _) = content.version()?;
        let sizes = content.number(2)?;
        let nibble = |shift: u32| usize::try_from((sizes >> shift) & 0xf).unwrap_or_default();
        let (offset_size, length_size, base_size) = (nibble(12), nibble(8), nibble(4));
        let index_size = if version == 0 { 0 } else { nibble(0) };
        let count = content.number(if version < 2 { 2 } else { 4 })?;
        let mut pieces = 0;
        for _ in 0..count {
            let id = content.number(if version < 2 { 2 } else { 4 })?;
            let inside = if version == 0 { 0 } else { content.number(2)? & 0xf };
            content.number(2)?;
            let base = content.long(base_size)?;
            for _ in 0..content.number(2)? {
                content.long(index_size)?;
                let offset = content.long(offset_size)?;
                let length = content.long(length_size)?;
                let (within, from) = match inside {
                    0 => (0..content.file.len(), 0),
                    1 => (self.idat.clone(), self.idat.start),
                    _ => return Err(Refused::Broken),
                };
                let start = from
                    .checked_add(base)
                    .and_then(|at| at.checked_add(offset))
                    .ok_or(Refused::Broken)?;
                // A length of 0 is all that is there.
                let end = if length == 0 {
                    Some(within.end)
                } else {
                    start.checked_add(length)
                };
                let end = end.filter(|end| within.start <= start && start <= *end && *end <= within.end);
                // Some take no byte of the file, so that its length does not bound them.
                pieces += 1;
                if pieces > EXTENT_LIMIT {
                    return Err(Refused::Broken);
                }
                self.extents
                    .entry(id)
                    .or_default()
                    .push(start..end.ok_or(Refused::Broken)?);
            }
        }
        Ok(())
    }

    fn read_properties(&mut self, file: &[u8], place: &Region<'_>) -> Result<(), Refused> {
        for found in boxes(file, place.content.clone())? {
            let mut content = Reader {
                file,
                place: found.content.clone(),
            };
            match found.kind {
                b"ipco" => {
                    for (number, property) in (1..).zip(boxes(file, found.content)?) {
                        if property.kind == b"ispe" {
                            let mut size = Reader {
                                file,
                                place: property.content,
                            };
                            size.version()?;
                            self.sizes.insert(number, (size.number(4)?, size.number(4)?));
                        }
                    }
                }
                b"ipma" => {
                    let (version, flags) = content.version()?;
                    for _ in 0..content.number(4)? {
                        let id = content.number(if version == 0 { 2 } else { 4 })?;
                        for _ in 0..content.number(1)? {
                            let number = if flags & 1 == 1 {
                                content.number(2)? & 0x7fff
                            } else {
                                content.number(1)? & 0x7f
                            };
                            let number = u16::try_from(number).map_err(|_| Refused::Broken)?;
                            self.properties.entry(id).or_default().push(number);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn size(&self) -> Option<(u32, u32)> {
        self.properties
            .get(&self.primary)?
            .iter()
            .find_map(|number| self.sizes.get(number))
            .copied()
    }

    fn is_picture(&self, item: u32) -> bool {
        self.types.get(&item).is_some_and(|kind| PICTURES.contains(&kind))
    }

    /// Whether each coded picture begins as AV1 does: with a temporal delimiter or a sequence header.
    fn check_beginning(&self, file: &[u8]) -> Result<(), Refused> {
        let primary = self
            .extents
            .get(&self.primary)
            .filter(|_| self.is_picture(self.primary));
        primary.ok_or(Refused::Broken)?;
        for (item, _) in self.types.iter().filter(|(_, kind)| *kind == b"av01") {
            let first = self
                .extents
                .get(item)
                .and_then(|extents| extents.first())
                .ok_or(Refused::Broken)?;
            let header = *file[first.clone()].first().ok_or(Refused::Broken)?;
            if header & 0x80 != 0 || !matches!((header >> 3) & 0xf, 1 | 2) {
                return Err(Refused::Broken);
            }
        }
        Ok(())
    }
}

/// The boxes that fill a range.
fn boxes(file: &[u8], range: Range<usize>) -> Result<Vec<Region<'_>>, Refused> {
    let mut found = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let mut head = Reader {
            file,
            place: start..range.end,
        };
        let short = head.number(4)?;
        let kind = head.take(4)?.try_into().map_err(|_| Refused::Broken)?;
        let size = match short {
            0 => range.end - start,
            1 => head.long(8)?,
            size => usize::try_from(size).map_err(|_| Refused::Broken)?,
        };
        let content = head.place.start;
        let end = start
            .checked_add(size)
            .filter(|end| content <= *end && *end <= range.end)
            .ok_or(Refused::Broken)?;
        found.push(Region {
            kind,
            start,
            content: content..end,
        });
        start = end;
    }
    Ok(found)
}

/// The boxes inside a box that has a version and flags in front.
fn boxes_of_full<'f>(file: &'f [u8], outer: &Region<'_>) -> Result<Vec<Region<'f>>, Refused> {
    if outer.content.len() < 4 {
        return Err(Refused::Broken);
    }
    boxes(file, outer.content.start + 4..outer.content.end)
}

/// Reads numbers, most significant byte first.
struct Reader<'f> {
    file: &'f [u8],
    place: Range<usize>,
}

impl<'f> Reader<'f> {
    fn take(&mut self, length: usize) -> Result<&'f [u8], Refused> {
        let end = self
            .place
            .start
            .checked_add(length)
            .filter(|end| *end <= self.place.end);
        let end = end.ok_or(Refused::Broken)?;
        let taken = self.file.get(self.place.start..end).ok_or(Refused::Broken)?;
        self.place.start = end;
        Ok(taken)
    }

    /// At most 8 bytes; none is 0.
    fn long(&mut self, length: usize) -> Result<usize, Refused> {
        if length > 8 {
            return Err(Refused::Broken);
        }
        let value = self
            .take(length)?
            .iter()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        usize::try_from(value).map_err(|_| Refused::Broken)
    }

    /// At most 4 bytes.
    fn number(&mut self, length: usize) -> Result<u32, Refused> {
        u32::try_from(self.long(length)?).map_err(|_| Refused::Broken)
    }

    fn version(&mut self) -> Result<(u32, u32), Refused> {
        let both = self.number(4)?;
        Ok((both >> 24, both & 0x00ff_ffff))
    }
}
