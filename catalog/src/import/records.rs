//! CSV records from a stream, with the line each begins on, and going on behind a damaged one.
//!
//! What stands between the fields is seen in the header: a comma, or what desktop programs write instead.
//!
//! The reader keeps the bytes of the record it is at. When quotes do not close where they should, a record swallows the lines
//! behind it; then its first line alone is given up, and reading goes on with what was swallowed. That also bounds memory: a
//! record longer than [`LONGEST`] is damaged.

use std::io::{self, Read};

use csv_core::ReadRecordResult;

/// The most bytes of one record.
const LONGEST: usize = 1024 * 1024;
/// Bytes read from the stream at once.
const READ: usize = 64 * 1024;
/// How many swallowed lines are tried for the beginning of a sound record.
const TRIED: usize = 32;

/// The fields of a record. Reused from one to the next.
#[derive(Debug, Default)]
pub(super) struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    len: usize,
    /// The line of the file where it begins; the header is 1.
    pub(super) line: u64,
    /// Whether quotes did not close, or it is too long.
    pub(super) damaged: bool,
}

impl Record {
    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The field at that place.
    pub(super) fn get(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends[..self.len].get(at)?;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        self.bytes.get(start..end)
    }
}

/// Records of a file.
#[derive(Debug)]
pub(super) struct Records<R> {
    source: R,
    buffer: Vec<u8>,
    /// Where in the buffer the next record begins.
    start: usize,
    line: u64,
    ended: bool,
    /// How many fields the header has; 0 until it was read.
    width: usize,
    /// Says by the header's line what stands between the fields.
    choose: fn(&[u8]) -> u8,
    delimiter: u8,
    /// Its tables take longer to make than a record to read.
    parser: csv_core::Reader,
}

impl<R: Read> Records<R> {
    /// Records of `source`, its fields parted by what `choose` says of the first line. A byte order mark in front is passed
    /// over, and so is a line such as `sep=;`.
    pub(super) fn new(source: R, choose: fn(&[u8]) -> u8) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            start: 0,
            line: 1,
            ended: false,
            width: 0,
            choose,
            delimiter: b',',
            parser: csv_core::Reader::new(),
        }
    }

    /// What stands between the fields, once the header was read.
    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// Reads the next record; false at the end. The first is the header, and every other should be as wide.
    pub(super) fn next(&mut self, record: &mut Record) -> io::Result<bool> {
        if self.width == 0 {
            self.skip_mark()?;
        }
        if !self.skip_blank_lines()? || self.width == 0 && !self.choose_delimiter()? {
            return Ok(false);
        }
        record.line = self.line;
        record.damaged = false;
        let end = self.parse(record)?;
        if self.width == 0 {
            self.width = record.len;
        }
        let end = match end {
            Some(end) if !self.swallowed(record, end) => end,
            end => {
                record.damaged = true;
                self.resume(end)
            }
        };
        self.line += newlines(&self.buffer[self.start..end]);
        self.start = end;
        Ok(true)
    }

    /// Parses the record at `start`, reading as far as needed; gives where it ends, or None when it is too long.
    fn parse(&mut self, record: &mut Record) -> io::Result<Option<usize>> {
        self.parser.reset();
        let mut at = self.start;
        let (mut written, mut ends) = (0, 0);
        loop {
            let (result, read, out, fields) = self.parser.read_record(
                &self.buffer[at..],
                &mut record.bytes[written..],
                &mut record.ends[ends..],
            );
            at += read;
            written += out;
            ends += fields;
            match result {
                ReadRecordResult::InputEmpty if at - self.start > LONGEST => return Ok(None),
                // At the end of the file the parser is given nothing, which tells it so.
                ReadRecordResult::InputEmpty => at -= self.fill()?,
                ReadRecordResult::OutputFull => record.bytes.resize((record.bytes.len() * 2).max(4096), 0),
                ReadRecordResult::OutputEndsFull => record.ends.resize((record.ends.len() * 2).max(64), 0),
                ReadRecordResult::Record | ReadRecordResult::End => {
                    record.len = ends;
                    return Ok(Some(at));
                }
            }
        }
    }

    /// Whether the record from `start` to `end` has lines in it that are not its own.
    fn swallowed(&self, record: &Record, end: usize) -> bool {
        let raw = &self.buffer[self.start..end];
        let several_lines = newlines(raw.trim_ascii_end()) > 0;
        let last = self.ended && end == self.buffer.len();
        let odd = || (several_lines || last) && quotes(raw) % 2 == 1;
        several_lines && record.len != self.width
            || odd() && {
                let ends = quoting(raw, self.delimiter);
                ends.open || several_lines && ends.amid
            }
    }

    /// Where to go on behind a damaged record: at the first of the lines it swallowed that begins a sound record, else behind
    /// all of it; after its first line when its end is unknown.
    fn resume(&mut self, end: Option<usize>) -> usize {
        let limit = end.unwrap_or(self.buffer.len());
        let raw = &self.buffer[self.start..limit];
        let line_ends = raw
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(at, _)| self.start + at + 1);
        let next_lines: Vec<usize> = line_ends.take(TRIED).filter(|at| *at < limit).collect();
        let sound = next_lines.iter().copied().find(|at| self.is_sound(*at));
        sound.or(end).or(next_lines.first().copied()).unwrap_or(limit)
    }

    /// Whether a record of the right width begins there, within a line.
    fn is_sound(&mut self, at: usize) -> bool {
        let line = &self.buffer[at..];
        let end = line
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(line.len(), |end| end + 1);
        if quotes(&line[..end]) % 2 == 1 {
            return false;
        }
        let parser = &mut self.parser;
        parser.reset();
        let mut bytes = vec![0; end + 1];
        let mut ends = vec![0; self.width + 1];
        let (mut result, read, written, mut fields) = parser.read_record(&line[..end], &mut bytes, &mut ends);
        if result == ReadRecordResult::InputEmpty && read == end {
            // The file's last line, without a line break.
            let (last, _, _, more) = parser.read_record(&[], &mut bytes[written..], &mut ends[fields..]);
            (result, fields) = (last, fields + more);
        }
        result == ReadRecordResult::Record && fields == self.width && ends[0] > 0
    }

    fn skip_mark(&mut self) -> io::Result<()> {
        while self.buffer.len() < 3 && !self.ended {
            self.fill()?;
        }
        if self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.start = 3;
        }
        Ok(())
    }

    /// Looks at the header's line; false when the file has none.
    fn choose_delimiter(&mut self) -> io::Result<bool> {
        let end = loop {
            let line = &self.buffer[self.start..];
            match line.iter().position(|byte| *byte == b'\n') {
                Some(end) => break self.start + end,
                None if self.ended || line.len() > LONGEST => break self.buffer.len(),
                None => {
                    self.fill()?;
                }
            }
        };
        let line = &self.buffer[self.start..end];
        let told = line.trim_ascii_end().strip_prefix(b"sep=");
        if let Some([delimiter @ (b',' | b';' | b'\t' | b'|')]) = told {
            self.delimiter = *delimiter;
            self.start = end;
        } else {
            self.delimiter = (self.choose)(line);
        }
        self.parser = csv_core::ReaderBuilder::new().delimiter(self.delimiter).build();
        self.skip_blank_lines()
    }

    /// False at the end of the file.
    fn skip_blank_lines(&mut self) -> io::Result<bool> {
        loop {
            match self.buffer.get(self.start) {
                Some(b'\n') => self.line += 1,
                Some(b'\r') => {}
                Some(_) => return Ok(true),
                None if self.ended => return Ok(false),
                None => {
                    self.fill()?;
                    continue;
                }
            }
            self.start += 1;
        }
    }

    /// Reads more from the stream, and drops what lies before `start`. Gives by how much everything moved to the front.
    fn fill(&mut self) -> io::Result<usize> {
        let moved = self.start;
        self.buffer.drain(..moved);
        self.start = 0;
        let len = self.buffer.len();
        self.buffer.resize(len + READ, 0);
        let read = self.source.read(&mut self.buffer[len..])?;
        self.buffer.truncate(len + read);
        self.ended = read == 0;
        Ok(moved)
    }
}

/// What of a record's quotes says that it is not whole.
struct Quoting {
    /// Its last field is quoted, and goes on.
    open: bool,
    /// Quotes close in front of more text.
    amid: bool,
}

/// Looks at the quotes that enclose fields. Those within a field that does not begin with one, as of 12", are its text.
fn quoting(raw: &[u8], delimiter: u8) -> Quoting {
    enum At {
        Beginning,
        Plain,
        Quoted,
        Closed,
    }
    let (mut at, mut amid) = (At::Beginning, false);
    for byte in raw {
        let ends = *byte == delimiter || matches!(byte, b'\n' | b'\r');
        at = match at {
            At::Quoted if *byte == b'"' => At::Closed,
            At::Quoted => At::Quoted,
            At::Beginning | At::Closed if *byte == b'"' => At::Quoted,
            _ if ends => At::Beginning,
            At::Closed => {
                amid = true;
                At::Plain
            }
            At::Beginning | At::Plain => At::Plain,
        };
    }
    Quoting {
        open: matches!(at, At::Quoted),
        amid,
    }
}

fn quotes(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'"').count()
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns one byte at a time, so that every boundary is tested.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            into[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn records(text: &[u8]) -> Vec<(u64, bool, Vec<String>)> {
        fn all(mut records: Records<impl Read>) -> Vec<(u64, bool, Vec<String>)> {
            let mut record = Record::default();
            let mut all = Vec::new();
            while records.next(&mut record).unwrap() {
                let field = |at| String::from_utf8_lossy(record.get(at).unwrap()).into_owned();
                all.push((
                    record.line,
                    record.damaged,
                    (0..record.len()).map(field).collect(),
                ));
            }
            all
        }
        let fast = all(Records::new(text, |_| b','));
        assert_eq!(fast, all(Records::new(Slow(text), |_| b',')));
        fast
    }

    fn sound(records: Vec<(u64, bool, Vec<String>)>) -> Vec<(u64, String)> {
        records
            .into_iter()
            .filter(|(_, damaged, _)| !damaged)
            .map(|(line, _, fields)| (line, fields.join("|")))
            .collect()
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let text = b"\xef\xbb\xbfa,b\r\n1,\"x\r\ny\"\r\n\r\n2,\"say \"\"hi\"\"\"\r\n3,z";
        let expected = [(1, "a|b"), (2, "1|x\r\ny"), (5, "2|say \"hi\""), (6, "3|z")];
        assert_eq!(
            sound(records(text)),
            expected.map(|(line, text)| (line, text.to_owned()))
        );
    }

    #[test]
    fn an_open_quote_costs_its_own_line_only() {
        let text = b"a,b\n1,\"open\n2,x\n3,\"y, z\"\n4,w\n";
        let read = records(text);
        assert_eq!(
            read.iter()
                .filter(|(_, damaged, _)| *damaged)
                .map(|(line, ..)| *line)
                .collect::<Vec<_>>(),
            [2]
        );
        let expected = [(1, "a|b"), (3, "2|x"), (4, "3|y, z"), (5, "4|w")];
        assert_eq!(sound(read), expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn an_open_quote_that_never_closes_costs_its_own_line_only() {
        let mut text = b"a,b\n1,\"open\n".to_vec();
        for number in 0..200_000 {
            text.extend(format!("{number},plain\n").bytes());
        }
        let mut all = Records::new(&text[..], |_| b',');
        let mut record = Record::default();
        let (mut sound, mut longest) = (0, 0);
        while all.next(&mut record).unwrap() {
            sound += usize::from(!record.damaged);
            longest = longest.max(all.buffer.len());
        }
        assert_eq!(sound, 200_001);
        assert!(longest <= LONGEST + 2 * READ, "{longest}");
    }

    #[test]
    fn a_wrong_width_costs_the_record_with_its_quoted_lines() {
        let text = b"a,b\n1,\"x\ny\",extra\n2,z\n3\n4,ok\n";
        let read = records(text);
        let widths: Vec<_> = read
            .iter()
            .map(|(line, damaged, fields)| (*line, *damaged, fields.len()))
            .collect();
        assert_eq!(
            widths,
            [
                (1, false, 2),
                (2, true, 3),
                (4, false, 2),
                (5, false, 1),
                (6, false, 2)
            ]
        );
    }

    #[test]
    fn a_quote_within_a_plain_field_is_its_text() {
        for text in [
            "a,b\n1,12\" pipe",
            "a,b\n1,12\" pipe\n",
            "a,b\n1,\"x\ny\"\n2,12\" pipe",
            "a,b\n\"x\ny\",12\" pipe\n3,z\n",
            "a,b\n1,12\"",
        ] {
            let read = records(text.as_bytes());
            assert!(read.iter().all(|(_, damaged, _)| !damaged), "{text}: {read:?}");
        }
        for open in ["a,b\n1,\"pipe", "a,b\n1,\"x\n2,\"y, z\"\n", "a,b\n1,\"x\n\",\"\""] {
            let read = records(open.as_bytes());
            assert!(read.iter().any(|(_, damaged, _)| *damaged), "{open}: {read:?}");
        }
    }

    #[test]
    fn a_line_may_tell_what_parts_the_fields() {
        let parted = |text: &'static str| {
            let mut all = Records::new(Slow(text.as_bytes()), |line| {
                if line.contains(&b'\t') { b'\t' } else { b',' }
            });
            let (mut record, mut fields) = (Record::default(), Vec::new());
            while all.next(&mut record).unwrap() {
                let line: Vec<_> = (0..record.len())
                    .map(|at| String::from_utf8_lossy(record.get(at).unwrap()).into_owned())
                    .collect();
                fields.push((record.line, line.join("|")));
            }
            fields
        };
        let expected = |from: u64| vec![(from, "a|b,c".to_owned()), (from + 1, "1|2".to_owned())];
        assert_eq!(parted("a\tb,c\r\n1\t2\r\n"), expected(1));
        assert_eq!(parted("\u{feff}sep=;\r\na;b,c\n1;2"), expected(2));
    }

    #[test]
    fn nothing_is_read_from_nothing() {
        assert!(records(b"").is_empty());
        assert!(records(b"\xef\xbb\xbf\r\n\n").is_empty());
    }
}
