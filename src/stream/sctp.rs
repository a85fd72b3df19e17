//! SIP over SCTP: RFC 4168 on the DATA chunks of RFC 9260 (and the I-DATA chunks of RFC 8260), one SIP message a user message.
//!
//! A message is delivered as soon as it is whole: SCTP frames it, so nothing needs to wait for its order, and the sessions
//! take messages in any order within the reorder window. Transmission sequence numbers serve to put fragments together, to
//! deliver nothing twice, and to notice what was lost.

use crate::packet::{Carrier, Hop};
use crate::sip::framing::{BODY_LIMIT, HEAD_LIMIT, StartLine, is_start, keep_alive, start_line};
use crate::time::Timestamp;

use super::conversations::{Conversations, OneWay};
use super::delivery::Delivery;
use super::direction::is_text;
use super::limits::StreamLimits;
use super::shared::{Shared, Work};

/// TSNs that are told apart at a time, in bits. A power of two.
const WINDOW: u32 = 1024;
/// How many TSNs before the first one seen are still taken, while a join is recent.
const EARLIER: u32 = 64;
/// A TSN further than this from the expected one belongs to another association.
const FAR: u32 = 1 << 20;
/// Most fragments of one direction; beyond it the first ones go.
const FRAGMENTS: usize = 1024;
/// Most bytes of them.
const FRAGMENT_BYTES: usize = HEAD_LIMIT + BODY_LIMIT;
/// What a fragment costs beside its bytes.
const FRAGMENT_COST: usize = 64;

/// Takes the chunks of one packet.
pub(super) fn packet(
    associations: &mut Conversations<Lane>,
    shared: &mut Shared,
    (now, seen): (Timestamp, Timestamp),
    hop: &Hop,
    chunks: &[u8],
    deliver: &mut dyn FnMut(Delivery<'_>),
) {
    let worth = || Chunks { rest: chunks }.any(|chunk| chunk.is_worth_following());
    let Some(side) = associations.find(shared, now, hop, worth) else { return };
    let Some((own, other)) = associations.pair(side) else { return };
    let mut work = Work { shared, hop: *hop, now, seen, deliver };
    for chunk in (Chunks { rest: chunks }) {
        match chunk.kind {
            Kind::Data(data) => own.data(&mut work, &data),
            Kind::Init { tsn } => own.begin(&mut work, tsn),
            Kind::Sack { tsn } => other.acknowledge(&work, tsn),
            Kind::Forward { tsn } => own.forward(tsn),
            Kind::Other => {}
        }
    }
    own.account(&mut work);
    associations.arm(side, &shared.limits);
    associations.arm((side.0, side.1 ^ 1), &shared.limits);
    associations.touch(shared, now, side.0, deliver);
}

/// The chunks of a packet (RFC 9260 §3.2), as far as they are there.
struct Chunks<'a> {
    rest: &'a [u8],
}

struct Chunk<'a> {
    kind: Kind<'a>,
}

enum Kind<'a> {
    Data(Data<'a>),
    /// INIT or INIT ACK: the first TSN of its sender.
    Init {
        tsn: u32,
    },
    /// All up to this TSN of the other side's were received.
    Sack {
        tsn: u32,
    },
    /// RFC 3758: the sender gave up all up to this TSN.
    Forward {
        tsn: u32,
    },
    Other,
}

/// A fragment of a user message, or a whole one.
struct Data<'a> {
    tsn: u32,
    begins: bool,
    ends: bool,
    /// Fragments of one group with consecutive indexes make a message. All DATA chunks are one group, by TSN; each message in
    /// I-DATA chunks is one, by fragment number.
    group: u64,
    index: u32,
    payload: &'a [u8],
    /// The capture cut the payload.
    cut: bool,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let header: [u8; 4] = self.rest.get(..4)?.try_into().ok()?;
        let [kind, flags, high, low] = header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < 4 {
            self.rest = &[];
            return None;
        }
        let cut = length > self.rest.len();
        let value = self.rest.get(4..length.min(self.rest.len())).unwrap_or_default();
        // Chunks are padded to four bytes; the length leaves the padding out.
        self.rest = self.rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Chunk { kind: Kind::read(kind, flags, value, cut).unwrap_or(Kind::Other) })
    }
}

impl<'a> Kind<'a> {
    fn read(kind: u8, flags: u8, value: &'a [u8], cut: bool) -> Option<Self> {
        let word = |at: usize| Some(u32::from_be_bytes(value.get(at..at + 4)?.try_into().ok()?));
        let (begins, ends, unordered) = (flags & 2 != 0, flags & 1 != 0, flags & 4 != 0);
        Some(match kind {
            0 => {
                let (tsn, payload) = (word(0)?, value.get(12..)?);
                Self::Data(Data { tsn, begins, ends, group: 0, index: tsn, payload, cut })
            }
            64 => {
                let (tsn, stream, message) = (word(0)?, word(4)? >> 16, word(8)?);
                let group = 1 << 63 | u64::from(unordered) << 48 | u64::from(stream) << 32 | u64::from(message);
                let index = if begins { 0 } else { word(12)? };
                Self::Data(Data { tsn, begins, ends, group, index, payload: value.get(16..)?, cut })
            }
            1 | 2 => Self::Init { tsn: word(12)? },
            3 => Self::Sack { tsn: word(0)? },
            192 | 194 => Self::Forward { tsn: word(0)? },
            _ => return None,
        })
    }
}

impl Chunk<'_> {
    /// Whether an association is worth an entry for this chunk: its beginning, or SIP.
    fn is_worth_following(&self) -> bool {
        match &self.kind {
            Kind::Init { .. } => true,
            Kind::Data(data) => data.may_be_sip(),
            _ => false,
        }
    }
}

impl Data<'_> {
    /// A whole message shows its start line, a first fragment at least the beginning of it; any other fragment can only
    /// look like text. It may begin as MSRP does (`m=message 2855 TCP/MSRP *`, cut there): MSRP itself never runs over SCTP.
    fn may_be_sip(&self) -> bool {
        match (self.begins, self.ends) {
            (true, true) => is_start(self.payload),
            (true, false) => {
                let blank = keep_alive(self.payload);
                !matches!(start_line(self.payload.get(blank..).unwrap_or_default()), StartLine::No)
            }
            (false, _) => is_text(self.payload),
        }
    }
}

#[derive(Debug)]
struct Fragment {
    group: u64,
    index: u32,
    tsn: u32,
    begins: bool,
    ends: bool,
    time: Timestamp,
    bytes: Vec<u8>,
}

/// The numbers and fragments of one direction of an association that carries SIP.
///
/// Invariant: every TSN before `base` is done with; those from `base` to `base + WINDOW` have a bit each in `seen`, at the
/// TSN modulo `WINDOW`; no bit is set beyond `next`, which is after the highest TSN seen. `fragments` is sorted by group,
/// then index, and holds no message that is complete.
#[derive(Debug)]
struct Numbers {
    base: u32,
    next: u32,
    /// The first TSN seen: what is before it was never expected, so it is no gap.
    floor: u32,
    seen: [u64; WINDOW as usize / 64],
    fragments: Vec<Fragment>,
    bytes: usize,
    accounted: usize,
    join_until: Option<Timestamp>,
    /// When the first of the TSNs now missing was found missing.
    hole_since: Option<Timestamp>,
    /// Up to this TSN all were received, says the other side; since when that is known to be more than was seen.
    acked: Option<(u32, Timestamp)>,
    progress: Timestamp,
}

/// One direction of an association.
///
/// Invariant: `numbers` is absent until SIP, or text that may be a part of it, was seen.
#[derive(Debug)]
pub(super) struct Lane {
    numbers: Option<Box<Numbers>>,
    /// The first TSN, from INIT.
    initial: Option<u32>,
    /// While `numbers` is absent: the next TSN, if all from the first one on were seen.
    expected: Option<u32>,
    armed: Timestamp,
    sip: bool,
    after_gap: bool,
}

impl Default for Lane {
    fn default() -> Self {
        Self { numbers: None, initial: None, expected: None, armed: Timestamp::MAX, sip: false, after_gap: false }
    }
}

/// How far `tsn` is after `from`; negative when it is before.
fn distance(tsn: u32, from: u32) -> i32 {
    tsn.wrapping_sub(from) as i32
}

impl Numbers {
    fn new(tsn: u32, initial: Option<u32>, join_until: Timestamp) -> Self {
        let known = initial.filter(|initial| (0..WINDOW as i32).contains(&distance(tsn, *initial)));
        Self {
            base: known.unwrap_or_else(|| tsn.wrapping_sub(EARLIER)),
            next: known.unwrap_or(tsn),
            floor: known.unwrap_or(tsn),
            seen: [0; WINDOW as usize / 64],
            fragments: Vec::new(),
            bytes: 0,
            accounted: 0,
            join_until: known.is_none().then_some(join_until),
            hole_since: None,
            acked: None,
            progress: Timestamp::MIN,
        }
    }

    fn bit(tsn: u32) -> (usize, u64) {
        let bit = tsn % WINDOW;
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    fn is_seen(&self, tsn: u32) -> bool {
        let (word, bit) = Self::bit(tsn);
        self.seen.get(word).is_some_and(|seen| seen & bit != 0)
    }

    /// Moves `base` up to `to`; returns how many TSNs that should have been seen were not.
    fn advance(&mut self, to: u32) -> u32 {
        let steps = distance(to, self.base);
        if steps <= 0 {
            return 0;
        }
        let mut lost = 0;
        for step in 0..steps.unsigned_abs().min(WINDOW) {
            let tsn = self.base.wrapping_add(step);
            lost += u32::from(!self.is_seen(tsn) && distance(tsn, self.floor) >= 0);
            let (word, bit) = Self::bit(tsn);
            if let Some(seen) = self.seen.get_mut(word) {
                *seen &= !bit;
            }
        }
        lost += steps.unsigned_abs().saturating_sub(WINDOW);
        self.base = to;
        if distance(self.next, to) < 0 {
            self.next = to;
        }
        lost
    }

    /// Moves `base` over what was seen.
    fn settle(&mut self, now: Timestamp) {
        while distance(self.next, self.base) > 0 && self.is_seen(self.base) {
            self.advance(self.base.wrapping_add(1));
        }
        let hole = self.join_until.is_none() && distance(self.next, self.base) > 0;
        self.hole_since = if hole { self.hole_since.or(Some(now)) } else { None };
    }

    fn sort_key(&self, group: u64, index: u32) -> (u64, i64) {
        (group, if group == 0 { i64::from(distance(index, self.base)) } else { i64::from(index) })
    }

    /// Keeps a fragment; returns where its message stands among the fragments, if that is now complete.
    fn keep(&mut self, data: &Data<'_>, now: Timestamp) -> Option<core::ops::Range<usize>> {
        let key = self.sort_key(data.group, data.index);
        let at = self.fragments.partition_point(|held| self.sort_key(held.group, held.index) < key);
        let fragment = Fragment {
            group: data.group,
            index: data.index,
            tsn: data.tsn,
            begins: data.begins,
            ends: data.ends,
            time: now,
            bytes: data.payload.to_vec(),
        };
        self.bytes += fragment.bytes.len();
        self.progress = now;
        self.fragments.insert(at, fragment);
        let follows = |after: &Fragment, before: &Fragment| {
            after.group == before.group && after.index == before.index.wrapping_add(1) && !after.begins && !before.ends
        };
        let (mut first, mut last) = (at, at);
        while let (Some(before), Some(here)) =
            (first.checked_sub(1).and_then(|index| self.fragments.get(index)), self.fragments.get(first))
        {
            if !follows(here, before) {
                break;
            }
            first -= 1;
        }
        if !self.fragments.get(first)?.begins {
            return None;
        }
        while let (Some(here), Some(after)) = (self.fragments.get(last), self.fragments.get(last + 1)) {
            if !follows(after, here) {
                break;
            }
            last += 1;
        }
        self.fragments.get(last)?.ends.then_some(first..last + 1)
    }

    /// Drops fragments that will not be completed: all but those still being sent. Returns how many.
    fn drop_stale(&mut self, all: bool) -> u64 {
        let before = self.fragments.len();
        // What is still being sent ends in the newest TSN, with nothing missing before it back to its beginning.
        let mut tail = 0;
        for (back, held) in self.fragments.iter().enumerate().rev() {
            let from_end = (before - back) as u32;
            if all || held.group != 0 || held.tsn != self.next.wrapping_sub(from_end) || held.ends {
                break;
            }
            if held.begins {
                tail = before - back;
                break;
            }
        }
        let drop = before - tail;
        self.bytes -= self.fragments.drain(..drop).map(|fragment| fragment.bytes.len()).sum::<usize>();
        drop as u64
    }

    fn cost(&self) -> usize {
        self.bytes + self.fragments.len() * FRAGMENT_COST
    }
}

impl Lane {
    /// The association begins, and its first TSN is this.
    fn begin(&mut self, work: &mut Work<'_>, tsn: u32) {
        if self.initial == Some(tsn) {
            return; // The same INIT again.
        }
        self.release(work);
        *self = Self { armed: self.armed, initial: Some(tsn), expected: Some(tsn), ..Self::default() };
    }

    fn data(&mut self, work: &mut Work<'_>, data: &Data<'_>) {
        let wanted = self.sip || data.may_be_sip() || self.may_continue(data);
        if !wanted && (self.numbers.is_none() || !data.begins) {
            // Another protocol's, or so it seems: no hole before what follows.
            self.expected = self.expected.map(|tsn| if tsn == data.tsn { tsn.wrapping_add(1) } else { tsn });
            return;
        }
        if self.numbers.as_ref().is_some_and(|numbers| distance(data.tsn, numbers.base).unsigned_abs() > FAR) {
            work.shared.counts.jumps += 1;
            self.release(work);
            (self.numbers, self.initial, self.expected) = (None, None, None);
        }
        let until = work.now.plus(work.shared.limits.reorder);
        let expected = self.expected.take();
        let numbers = self.numbers.get_or_insert_with(|| {
            work.shared.counts.joins += u64::from(expected.is_none());
            Box::new(Numbers::new(data.tsn, expected, until))
        });
        if distance(data.tsn, numbers.base) < 0 || numbers.is_seen(data.tsn) && distance(data.tsn, numbers.next) < 0 {
            work.shared.counts.retransmissions += 1;
            return;
        }
        // A TSN beyond the window pushes the oldest ones out of it.
        let lost = numbers.advance(data.tsn.wrapping_sub(WINDOW - 1));
        let (word, bit) = Numbers::bit(data.tsn);
        if let Some(seen) = numbers.seen.get_mut(word) {
            *seen |= bit;
        }
        if distance(data.tsn, numbers.next) >= 0 {
            numbers.next = data.tsn.wrapping_add(1);
        } else {
            work.shared.counts.out_of_order += 1;
        }
        numbers.settle(work.now);
        self.tell(work, lost);
        if !wanted {
            return;
        }
        if data.cut {
            self.tell(work, 1);
        } else if data.begins && data.ends {
            self.deliver(work, data.payload, work.seen);
        } else {
            self.fragment(work, data);
        }
    }

    /// Whether a chunk that does not look like SIP may go on with a message of which the beginning is held: the middle of a
    /// body is any bytes.
    fn may_continue(&self, data: &Data<'_>) -> bool {
        let beginning = |fragment: &Fragment| fragment.begins && fragment.group == data.group;
        !data.begins && self.numbers.as_deref().is_some_and(|numbers| numbers.fragments.iter().any(beginning))
    }

    fn fragment(&mut self, work: &mut Work<'_>, data: &Data<'_>) {
        let Some(numbers) = self.numbers.as_deref_mut() else { return };
        if let Some(range) = numbers.keep(data, work.seen) {
            let mut message = core::mem::take(&mut work.shared.scratch);
            message.clear();
            let mut time = Timestamp::MIN;
            for fragment in numbers.fragments.drain(range) {
                numbers.bytes -= fragment.bytes.len();
                message.extend_from_slice(&fragment.bytes);
                time = time.max(fragment.time);
            }
            self.deliver(work, &message, time);
            work.shared.scratch = message;
        } else if numbers.fragments.len() > FRAGMENTS || numbers.bytes > FRAGMENT_BYTES {
            work.shared.counts.buffers_dropped += 1;
            work.shared.counts.unfinished += 1;
            numbers.drop_stale(true);
        }
    }

    fn deliver(&mut self, work: &mut Work<'_>, bytes: &[u8], time: Timestamp) {
        if is_start(bytes) {
            self.sip = true;
            let message = bytes.get(keep_alive(bytes)..).unwrap_or_default();
            work.message(Carrier::Sctp, message, time, core::mem::take(&mut self.after_gap));
        }
    }

    /// Tells of chunks that were never seen.
    fn tell(&mut self, work: &mut Work<'_>, lost: u32) {
        if lost > 0 && self.sip {
            work.gap(Carrier::Sctp, lost);
            self.after_gap = true;
        }
    }

    /// The receiver has everything up to `tsn`. If some of it was not seen it may only be late.
    fn acknowledge(&mut self, work: &Work<'_>, tsn: u32) {
        let Some(numbers) = self.numbers.as_deref_mut().filter(|numbers| numbers.join_until.is_none()) else { return };
        if !(0..FAR as i32).contains(&distance(tsn, numbers.base)) {
            return;
        }
        let since = numbers.acked.map_or(work.now, |(_, since)| since);
        numbers.acked = Some((tsn, since));
    }

    /// The sender gave up all up to `tsn`: nobody lost it.
    fn forward(&mut self, tsn: u32) {
        let Some(numbers) = self.numbers.as_deref_mut() else { return };
        if (0..FAR as i32).contains(&distance(tsn, numbers.base)) {
            numbers.advance(tsn.wrapping_add(1));
        }
    }

    fn account(&mut self, work: &mut Work<'_>) {
        let Some(numbers) = self.numbers.as_deref_mut() else { return };
        let cost = numbers.cost();
        work.shared.buffered = work.shared.buffered.saturating_sub(numbers.accounted) + cost;
        numbers.accounted = cost;
    }

    fn release(&mut self, work: &mut Work<'_>) {
        self.dismiss(work.shared);
    }
}

impl OneWay for Lane {
    fn armed(&mut self) -> &mut Timestamp {
        &mut self.armed
    }

    fn is_sip(&self) -> bool {
        self.sip
    }

    fn due(&self, limits: &StreamLimits) -> Option<Timestamp> {
        let numbers = self.numbers.as_deref()?;
        let hole = numbers.hole_since.map(|since| since.plus(limits.hole_age));
        let acked = numbers.acked.map(|(_, since)| since.plus(limits.reorder));
        let stall = (!numbers.fragments.is_empty()).then(|| numbers.progress.plus(limits.stall));
        [numbers.join_until, hole, acked, stall].into_iter().flatten().min()
    }

    fn expire(&mut self, work: &mut Work<'_>) {
        let now = work.now;
        let limits = &work.shared.limits;
        let Some(numbers) = self.numbers.as_deref_mut() else { return };
        let mut lost = 0;
        if numbers.join_until.is_some_and(|until| until <= now) {
            numbers.join_until = None;
            numbers.advance(numbers.floor);
        }
        if numbers.hole_since.is_some_and(|since| since.plus(limits.hole_age) <= now) {
            lost += numbers.advance(numbers.next);
        }
        if let Some((tsn, since)) = numbers.acked
            && since.plus(limits.reorder) <= now
        {
            numbers.acked = None;
            lost += numbers.advance(tsn.wrapping_add(1));
        }
        numbers.settle(now);
        let stalled = !numbers.fragments.is_empty() && numbers.progress.plus(limits.stall) <= now;
        if lost > 0 || stalled {
            work.shared.counts.unfinished += u64::from(numbers.drop_stale(stalled) > 0);
        }
        self.tell(work, lost);
        self.account(work);
        if !self.sip && self.numbers.as_deref().is_some_and(|numbers| numbers.fragments.is_empty()) {
            self.numbers = None;
        }
    }

    fn flush(&mut self, _: &mut Work<'_>) {
        // Nothing whole ever waits.
    }

    fn drop_held(&mut self, work: &mut Work<'_>) {
        let Some(numbers) = self.numbers.as_deref_mut().filter(|numbers| !numbers.fragments.is_empty()) else { return };
        numbers.drop_stale(true);
        work.shared.counts.buffers_dropped += 1;
        self.tell(work, 1);
        self.account(work);
    }

    fn dismiss(&mut self, shared: &mut Shared) {
        if let Some(numbers) = self.numbers.take() {
            shared.counts.unfinished += u64::from(!numbers.fragments.is_empty());
            shared.buffered = shared.buffered.saturating_sub(numbers.accounted);
        }
    }
}

#[cfg(test)]
#[path = "sctp_tests.rs"]
mod tests;
