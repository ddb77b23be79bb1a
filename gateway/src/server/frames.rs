//! Counts the HTTP/2 frames of a peer that cost work and carry no part of a request. Only frame heads are parsed.
//!
//! h2 limits the memory of such frames, not their number. A peer that opens and resets streams steadily, or sends SETTINGS or PING
//! without end, keeps the process busy. So each such frame spends a budget. Time refills it, and so do sent answers: a client that
//! reads a large answer updates windows, and a client with many requests cancels some.

use std::time::Instant;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;

/// The budget at the start, and its maximum. A browser that leaves a page resets a hundred streams at once.
const BUDGET: u64 = 400;
/// The refill of a second.
const REFILL: u64 = 20;
/// The cost of a reset: work on its request has begun.
const RESET: u64 = 2;
/// The refill of an answer that was sent completely. It is less than the cost of a reset.
const ANSWER: u64 = 1;
/// The sent bytes that refill one. An update for each full frame costs far less than its bytes refill, one for each byte far more.
const BYTES: u64 = 512;

/// Parses frame heads from received bytes, and holds the budget.
#[derive(Debug)]
pub(super) struct Frames {
    position: Position,
    /// In thousandths.
    budget: u64,
    filled: Option<Instant>,
    sent: u64,
}

/// The part of the protocol that the next byte belongs to.
#[derive(Debug, Clone, Copy)]
enum Position {
    Preface(usize),
    Head([u8; HEAD], usize),
    /// The bytes left before the next head.
    Payload(usize),
    /// It is not HTTP/2.
    Other,
}

impl Frames {
    pub(super) fn new() -> Self {
        Self {
            position: Position::Preface(0),
            budget: BUDGET * 1000,
            filled: None,
            sent: 0,
        }
    }

    /// Whether the bytes so far are HTTP/2, or may be its beginning.
    pub(super) fn are_http2(&self) -> bool {
        !matches!(self.position, Position::Other | Position::Preface(0))
    }

    /// Records that an answer was sent completely.
    pub(super) fn answered(&mut self) {
        self.credit(ANSWER * 1000);
    }

    /// Records sent bytes.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        if self.sent >= BYTES {
            self.credit(self.sent / BYTES * 1000);
            self.sent %= BYTES;
        }
    }

    /// Records received bytes. Returns false once the budget is exhausted.
    pub(super) fn receive(&mut self, mut bytes: &[u8], now: Instant) -> bool {
        let mut holds = true;
        while let Some((first, _)) = bytes.split_first() {
            match &mut self.position {
                Position::Other => break,
                Position::Preface(seen) if PREFACE[*seen] != *first => self.position = Position::Other,
                Position::Preface(seen) => {
                    *seen += 1;
                    if *seen == PREFACE.len() {
                        self.position = Position::Head([0; HEAD], 0);
                    }
                    bytes = &bytes[1..];
                }
                Position::Head(head, filled) => {
                    let more = bytes.len().min(HEAD - *filled);
                    head[*filled..*filled + more].copy_from_slice(&bytes[..more]);
                    *filled += more;
                    bytes = &bytes[more..];
                    if *filled == HEAD {
                        let head = *head;
                        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                        self.position = match length {
                            0 => Position::Head([0; HEAD], 0),
                            length => Position::Payload(length),
                        };
                        holds &= self.spend(1000 * cost(head[3], head[4], length), now);
                    }
                }
                Position::Payload(left) => {
                    let more = bytes.len().min(*left);
                    *left -= more;
                    bytes = &bytes[more..];
                    if *left == 0 {
                        self.position = Position::Head([0; HEAD], 0);
                    }
                }
            }
        }
        holds
    }

    fn spend(&mut self, cost: u64, now: Instant) -> bool {
        if cost == 0 {
            return true;
        }
        let passed = self.filled.replace(now).map_or(0, |filled| {
            u64::try_from(now.saturating_duration_since(filled).as_millis()).unwrap_or(u64::MAX)
        });
        self.credit(passed.saturating_mul(REFILL));
        let left = self.budget.checked_sub(cost);
        self.budget = left.unwrap_or(0);
        left.is_some()
    }

    fn credit(&mut self, thousandths: u64) {
        self.budget = self.budget.saturating_add(thousandths).min(BUDGET * 1000);
    }
}

/// The cost of a frame.
fn cost(kind: u8, flags: u8, length: usize) -> u64 {
    match kind {
        // h2 limits small DATA frames and the parts of a head.
        DATA if length > 0 || flags & END_STREAM != 0 => 0,
        HEADERS => 0,
        CONTINUATION if length > 0 => 0,
        RST_STREAM => RESET,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).expect("short").to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        frame.resize(HEAD + payload, 0);
        frame
    }

    fn begun() -> (Frames, Instant) {
        let (mut frames, now) = (Frames::new(), Instant::now());
        assert!(frames.receive(PREFACE, now));
        (frames, now)
    }

    /// How many frames pass before the budget is used up.
    fn passing(frames: &mut Frames, now: Instant, frame: &[u8]) -> u64 {
        (0..100_000).take_while(|_| frames.receive(frame, now)).count() as u64
    }

    #[test]
    fn frames_without_content_are_counted_however_they_are_cut() {
        for cut in [1, 2, 7, 9, 100, 100_000] {
            let (mut frames, now) = (Frames::new(), Instant::now());
            let flood = [PREFACE, &frame(PING, 0, 8).repeat(401)].concat();
            let broken = flood.chunks(cut).position(|bytes| !frames.receive(bytes, now));
            let read = cut * (broken.expect("too many") + 1);
            assert!(
                read > PREFACE.len() + 400 * (HEAD + 8),
                "cut in {cut}: {read} bytes"
            );
            assert!(frames.are_http2());
        }
        let (mut frames, now) = begun();
        assert_eq!(passing(&mut frames, now, &frame(PING, 0, 8)), BUDGET);
        let (mut frames, now) = begun();
        assert_eq!(
            passing(&mut frames, now, &frame(RST_STREAM, 0, 4)),
            BUDGET / RESET
        );
        let (mut frames, now) = begun();
        assert_eq!(passing(&mut frames, now, &frame(DATA, 0, 0)), BUDGET);
        let (mut frames, now) = begun();
        assert_eq!(passing(&mut frames, now, &frame(200, 0, 70_000)), BUDGET);
    }

    #[test]
    fn requests_and_their_bodies_are_free() {
        let (mut frames, now) = begun();
        let request = [
            frame(HEADERS, 4, 300),
            frame(DATA, 0, 16_384),
            frame(DATA, END_STREAM, 0),
        ]
        .concat();
        assert_eq!(passing(&mut frames, now, &request), 100_000);
    }

    #[test]
    fn a_pace_below_the_refill_passes() {
        let (mut frames, mut now) = begun();
        for _ in 0..10_000 {
            now += Duration::from_millis(50);
            assert!(frames.receive(&frame(PING, 0, 8), now));
        }
        // A quarter faster exhausts the budget.
        let passed = (0..10_000).take_while(|_| {
            now += Duration::from_millis(40);
            frames.receive(&frame(PING, 0, 8), now)
        });
        assert!((1_900..2_200).contains(&passed.count()));
    }

    #[test]
    fn a_client_that_reads_answers_may_update_windows() {
        let (mut frames, now) = begun();
        for _ in 0..100_000 {
            frames.sent(16_384 + HEAD);
            assert!(frames.receive(&frame(WINDOW_UPDATE, 0, 4).repeat(4), now));
        }
        // An update for each byte is a flood.
        let (mut frames, now) = begun();
        let updates = (0..100_000).take_while(|_| {
            frames.sent(1 + HEAD);
            frames.receive(&frame(WINDOW_UPDATE, 0, 4), now)
        });
        assert!(updates.count() < 500);
    }

    #[test]
    fn a_client_that_reads_most_answers_may_reset_some() {
        let (mut frames, now) = begun();
        for _ in 0..10_000 {
            frames.answered();
            frames.answered();
            assert!(frames.receive(&frame(RST_STREAM, 0, 4), now));
        }
        // A client that resets each stream, although its answer was sent, is flooding.
        let resets = (0..10_000).take_while(|_| {
            frames.answered();
            frames.receive(&frame(RST_STREAM, 0, 4), now)
        });
        assert!(resets.count() <= 400);
    }

    #[test]
    fn http_1_is_not_read() {
        for beginning in [
            "GET / HTTP/1.1\r\n",
            "PRIVET / HTTP/1.1\r\n",
            "PRI * HTTP/2.0\r\n\r\nSN",
        ] {
            let (mut frames, now) = (Frames::new(), Instant::now());
            assert!(frames.receive(beginning.as_bytes(), now));
            assert!(frames.receive(&frame(PING, 0, 8).repeat(1000), now));
            assert!(!frames.are_http2());
        }
    }
}
