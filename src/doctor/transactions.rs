//! Requests and their answers: what one says about the other that was not seen.
//!
//! A client that gets no answer over UDP sends its request again after T1 (RFC 3261 §17.1): 500 ms, or 2 s on the mobile
//! side (TS 24.229 §7.7). So a request that nobody answered and that was *not* sent again was answered, and the tap did not
//! show it. One that was sent again and again met a silent peer, which says nothing about the tap.
//!
//! Nothing is sent again over TCP and SCTP, and a server may take until timer F to answer. There TCP is the better witness: where
//! it shows every byte, no message is missing.

use core::hash::BuildHasher;
use core::time::Duration;

use foldhash::fast::RandomState;

use super::direction::Pairs;
use super::finding::{Figure, Findings, Severity, grade, share};
use super::seen::Sip;
use super::table::Table;
use super::tcp::Tcp;
use super::text::{count, counted, percent};
use crate::packet::{Carrier, Hop};
use crate::sip::{Method, StartLine};
use crate::time::Timestamp;

/// Transactions followed; at the bound the oldest is judged as it stands.
const ROOM: usize = 65_536;
/// Timer F is 32 s: by then each transaction but that of an INVITE is over, and its last answer on its way.
const OVER: Duration = Duration::from_secs(40);
/// The longest T1 in use, and some time on the way.
const SENT_AGAIN: Duration = Duration::from_millis(2_500);
/// A copy of the mirror's comes within this; a request that is sent again, after T1.
const COPY: Duration = Duration::from_millis(400);
/// One message in a thousand. Of the seven of a session, two decide about duration and end: more than that, and one
/// session in five hundred has a wrong record.
const RESERVATION: f64 = 0.001;
/// One session in fifty.
const NOT_FIT: f64 = 0.01;
/// Fewer may be chance, whatever their share.
const FEW: u64 = 5;

#[derive(Debug)]
struct Transaction {
    hop: Hop,
    epoch: u64,
    carrier: Carrier,
    is_invite: bool,
    /// First sight of either.
    first: Timestamp,
    request: Option<Timestamp>,
    again: bool,
    answer: Option<Timestamp>,
    /// 100: the next hop's own, within 200 ms of the request.
    trying: bool,
}

/// Judgements so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TransactionFigures {
    pub(super) answered: u64,
    /// Between hosts of which one was never heard.
    pub(super) one_way: u64,
    pub(super) answers_unseen: u64,
    pub(super) requests_unseen: u64,
    /// Requests sent once, between hosts of which one was never heard, and that never had a dialog: scans are like that.
    pub(super) strangers: u64,
    /// Requests sent again that nobody answered.
    pub(super) silent_peers: u64,
    /// Answers captured before their requests, and the longest time between.
    pub(super) answers_first: u64,
    pub(super) answers_first_by: Duration,
    pub(super) answers_first_beyond: u64,
}

impl TransactionFigures {
    pub(super) fn judged(&self) -> u64 {
        self.answered + self.one_way + self.answers_unseen + self.requests_unseen
    }
}

/// Follows transactions hop by hop: top Via branch, Call-ID, CSeq.
#[derive(Debug)]
pub(super) struct Transactions {
    open: Table<u64, Transaction>,
    hash: RandomState,
    /// When the watching began.
    since: Option<Timestamp>,
    epoch: u64,
    reorder: Duration,
    figures: TransactionFigures,
}

impl Transactions {
    pub(super) fn new(reorder: Duration) -> Self {
        Self {
            open: Table::with_room(ROOM),
            hash: RandomState::default(),
            since: None,
            epoch: 0,
            reorder,
            figures: TransactionFigures::default(),
        }
    }

    pub(super) fn began(&mut self, time: Timestamp) {
        self.since.get_or_insert(time);
    }

    pub(super) fn message(&mut self, sip: &Sip<'_>, pairs: &Pairs, tcp: &Tcp) {
        self.epoch = sip.epoch;
        self.settle(sip.now, pairs, tcp);
        let cseq = sip.message.cseq();
        let status = match sip.message.start() {
            StartLine::Request { method: Method::Ack, .. } => return,
            StartLine::Request { .. } => None,
            StartLine::Response { status, .. } => Some(status),
        };
        // A server may answer from another address than the request went to: the hop is not part of it.
        let key = self.hash.hash_one((sip.message.call_id(), sip.message.branch(), cseq.number, cseq.method));
        if self.open.get(&key).is_none() {
            let transaction = Transaction {
                hop: sip.hop,
                epoch: sip.epoch,
                carrier: sip.carrier,
                is_invite: cseq.method == Method::Invite,
                first: sip.time,
                request: None,
                again: false,
                answer: None,
                trying: false,
            };
            if let Some(oldest) = self.open.insert(key, transaction) {
                self.judge(&oldest, sip.now, pairs, tcp);
            }
        }
        let Some(transaction) = self.open.get_mut(&key) else { return };
        match status {
            None => match transaction.request {
                None => {
                    transaction.request = Some(sip.time);
                    if let Some(answer) = transaction.answer {
                        let by = sip.time.since(answer);
                        self.figures.answers_first += 1;
                        self.figures.answers_first_by = self.figures.answers_first_by.max(by);
                        self.figures.answers_first_beyond += u64::from(by > self.reorder);
                    }
                }
                Some(request) => transaction.again |= sip.time.since(request) >= COPY,
            },
            Some(status) => {
                transaction.answer.get_or_insert(sip.time);
                transaction.trying |= status == 100;
            }
        }
    }

    fn settle(&mut self, now: Timestamp, pairs: &Pairs, tcp: &Tcp) {
        while self.open.oldest().is_some_and(|oldest| now.since(oldest.first) > OVER) {
            if let Some(oldest) = self.open.pop_oldest() {
                self.judge(&oldest, now, pairs, tcp);
            }
        }
    }

    fn judge(&mut self, transaction: &Transaction, now: Timestamp, pairs: &Pairs, tcp: &Tcp) {
        if transaction.epoch != self.epoch {
            return;
        }
        let figures = &mut self.figures;
        let wait = if transaction.carrier == Carrier::Udp { SENT_AGAIN } else { OVER };
        let over_tcp = matches!(transaction.carrier, Carrier::Tcp | Carrier::WebSocket);
        let unseen = match (transaction.request, transaction.answer) {
            (Some(_), Some(_)) => {
                figures.answered += 1;
                return;
            }
            (Some(_), None) if transaction.again => {
                figures.silent_peers += 1;
                return;
            }
            (Some(request), None) => {
                if now.since(request) < wait {
                    return;
                }
                if pairs.are_strangers(&transaction.hop) {
                    figures.strangers += 1;
                    return;
                }
                &mut figures.answers_unseen
            }
            // Of what began before the watching, the request is not missing; an INVITE may ring for minutes.
            (None, Some(answer)) => {
                let began = self.since.map_or(Duration::ZERO, |since| answer.since(since));
                let wait = if transaction.trying { SENT_AGAIN } else { wait };
                if began < wait || transaction.is_invite && !transaction.trying {
                    return;
                }
                &mut figures.requests_unseen
            }
            (None, None) => return,
        };
        if over_tcp && tcp.is_whole(&transaction.hop) {
            // A peer that does not answer, or a request from before the watching.
            return;
        }
        if pairs.is_one_way(&transaction.hop) {
            figures.one_way += 1;
        } else {
            *unseen += 1;
        }
    }

    /// Judges what is still open, unless frames were lost here since.
    pub(super) fn finish(&mut self, now: Timestamp, epoch: u64, pairs: &Pairs, tcp: &Tcp) -> TransactionFigures {
        self.epoch = epoch;
        while let Some(oldest) = self.open.pop_oldest() {
            self.judge(&oldest, now, pairs, tcp);
        }
        self.figures
    }
}

impl TransactionFigures {
    pub(super) fn conclude(&self, findings: &mut Findings) {
        let judged = self.judged();
        let unseen = self.answers_unseen + self.requests_unseen;
        let part = share(unseen, judged);
        if unseen > 0 {
            let severity = match grade(part, RESERVATION, NOT_FIT) {
                Some(Severity::NotFit) if unseen < FEW => Severity::Reservation,
                severity => severity.unwrap_or(Severity::Note),
            };
            findings.found(
                ("sip_lost", severity, part),
                format!(
                    "{} of the SIP transactions lack a message that must have been there ({} of {}: {} never seen, {} never seen)",
                    percent(part),
                    count(unseen),
                    count(judged),
                    counted(self.answers_unseen, "answer"),
                    counted(self.requests_unseen, "request")
                ),
                "a lost 2xx leaves a record without duration; a lost BYE is found by its answer, and if both are lost the record comes late or never",
                "the mirror drops frames, or some take another way (a LAG, ECMP): look for drops at its destination port; mirror fewer ports, to a faster port, and all members of a LAG",
                &[
                    ("share", Figure::Share(part)),
                    ("answersUnseen", Figure::Count(self.answers_unseen)),
                    ("requestsUnseen", Figure::Count(self.requests_unseen)),
                    ("judged", Figure::Count(judged)),
                ],
            );
        } else if judged > self.one_way {
            findings.fine(format!("no SIP message is missing in {}", counted(judged - self.one_way, "transaction")));
        }
        if self.strangers > 0 {
            findings.fine(format!(
                "{} without an answer, to hosts that were never heard and never had a dialog: scans, as a rule",
                counted(self.strangers, "request")
            ));
        }
        if self.silent_peers >= FEW && self.answered == 0 {
            findings.found(
                ("no_answers", Severity::Reservation, 1.0),
                format!("none of {} was answered here, and all were sent again", counted(self.silent_peers, "SIP request")),
                "no session begins without an answer; if there are answers, and they take another way, this is one direction only",
                "ask the servers' own logs whether they answer; if they do, find the way that their answers take",
                &[("requests", Figure::Count(self.silent_peers))],
            );
        } else if self.silent_peers > 0 {
            findings.fine(format!(
                "{} sent again and never answered: their peers are silent, not the tap",
                counted(self.silent_peers, "request")
            ));
        }
    }
}
