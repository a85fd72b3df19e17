//! What the Charging Enabler holds: the current revision of each record.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use rusqlite::{CachedStatement, Connection, TransactionBehavior, params};

use super::schema::{self, Place};
use crate::ch1::v1;
use crate::ch1::wire::{self, Digest, Invalid, Key};
use crate::time::Timestamp;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("store {}: {source}", path.display())]
    Open { path: PathBuf, source: rusqlite::Error },
    #[error("cannot make a temporary store: {0}; make room in the folder for temporary files (TMPDIR)")]
    Temporary(rusqlite::Error),
    #[error("store {}: not a store of StopRecords", .0.display())]
    Foreign(PathBuf),
    #[error("store {}: made by another version (format {found}, this one reads {known})", path.display())]
    Version { path: PathBuf, found: i32, known: i32 },
    #[error("store: {0}")]
    Database(#[from] rusqlite::Error),
}

/// One report as it arrived.
#[derive(Clone, PartialEq)]
pub enum Arrival {
    /// A StopRecord in protobuf bytes.
    Record {
        sequence: u64,
        body: Bytes,
    },
    Gap {
        probe: v1::ProbeIdentity,
        sequence: u64,
        gap: v1::GapNotice,
    },
    /// An envelope without a report, or with one of a later contract.
    Nothing {
        sequence: u64,
    },
}

/// What became of one report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    /// The same revision was there, not less complete, or a later one.
    Duplicate,
    Rejected(Invalid),
}

const NO_REPORT: Invalid = Invalid { field: "report", why: "is missing or of an unknown kind" };

/// How much a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Totals {
    /// Records that are charged.
    pub records: u64,
    pub withdrawn: u64,
    pub gaps: u64,
}

/// The store.
///
/// Invariant (rules 4 and 14): of each session there is one row, the highest revision that ever arrived. A record whose
/// start lies after the stop of a stored one with the same id is another session (its Call-ID and tags were used
/// again); a resend has the start of the stored one. Without a known start the two cannot be told apart, and the record
/// counts as the stored session's.
pub struct Store {
    pub(super) connection: Connection,
}

/// A stored row with the same record id.
#[derive(Clone, Copy, Debug)]
struct Stored {
    row: i64,
    revision: u32,
    start: Option<i64>,
    first: Option<i64>,
    stop: i64,
    trigger: i32,
}

impl Stored {
    /// Rule 14: of one revision, by two probes or by one that began anew, the more complete stays. What knows the start knows the
    /// duration; what rests on a BYE knows the end.
    fn is_less_complete_than(&self, digest: &Digest<'_>) -> bool {
        let bye = v1::Trigger::Bye as i32;
        let (had, has) =
            ((self.start.is_some(), self.trigger == bye), (start(&digest.key).is_some(), digest.trigger == bye));
        self.revision == digest.key.revision && had != has && had.0 <= has.0 && had.1 <= has.1
    }
}

impl Store {
    /// Opens a store, and makes it if there is none.
    ///
    /// # Errors
    /// When the file cannot be opened, is no store, or one of another version.
    pub fn open(place: &Place) -> Result<Self, StoreError> {
        Ok(Self { connection: schema::open(place)? })
    }

    /// Opens a store that must exist, to read it; an Enabler may be writing it.
    ///
    /// # Errors
    /// As [`Self::open`], and when there is no such file.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: schema::open_to_read(path)? })
    }

    /// Stores all of these in one transaction. When this returns, the accepted ones are as durable as the store is.
    ///
    /// # Errors
    /// When the database fails; nothing of the batch is stored then, and all of it may be sent again.
    pub fn commit(&mut self, batch: &[Arrival]) -> Result<Vec<Outcome>, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut outcomes = Vec::with_capacity(batch.len());
        {
            let mut statements = Statements::prepare(&transaction)?;
            for arrival in batch {
                outcomes.push(match arrival {
                    Arrival::Record { body, .. } => statements.record(body)?,
                    Arrival::Gap { probe, sequence, gap } => statements.gap(probe, *sequence, gap)?,
                    Arrival::Nothing { .. } => Outcome::Rejected(NO_REPORT),
                });
            }
        }
        transaction.commit()?;
        Ok(outcomes)
    }

    /// # Errors
    /// When the database fails.
    pub fn totals(&self) -> Result<Totals, StoreError> {
        let count = |sql| self.connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        let withdrawn = count("SELECT count(*) FROM record WHERE withdrawn")?.unsigned_abs();
        let all = count("SELECT count(*) FROM record")?.unsigned_abs();
        let gaps = count("SELECT count(*) FROM gap")?.unsigned_abs();
        Ok(Totals { records: all - withdrawn, withdrawn, gaps })
    }
}

/// What is stored under the id of a record.
enum Found {
    Session(Stored),
    /// None of this session, but others with its id, of which this is the highest occurrence.
    Others(i64),
}

/// Where a record is written to.
#[derive(Clone, Copy)]
enum To {
    New { occurrence: i64 },
    Over { row: i64 },
}

/// The statements of one transaction.
struct Statements<'a> {
    find: CachedStatement<'a>,
    insert: CachedStatement<'a>,
    replace: CachedStatement<'a>,
    gap: CachedStatement<'a>,
}

impl<'a> Statements<'a> {
    fn prepare(connection: &'a Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            find: connection.prepare_cached(
                "SELECT id, revision, start_time, first_time, stop_time, occurrence, trigger FROM record \
                 WHERE record_id = ?1 ORDER BY id",
            )?,
            insert: connection.prepare_cached(
                "INSERT OR IGNORE INTO record (record_id, revision, withdrawn, start_time, first_time, stop_time, \
                 trigger, ended_by, terminated_by, call_id, caller, callee, report, occurrence) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?,
            replace: connection.prepare_cached(
                "UPDATE record SET revision = ?2, withdrawn = ?3, start_time = ?4, first_time = ?5, stop_time = ?6, \
                 trigger = ?7, ended_by = ?8, terminated_by = ?9, call_id = ?10, caller = ?11, callee = ?12, \
                 report = ?13 WHERE id = ?1",
            )?,
            gap: connection.prepare_cached("INSERT OR IGNORE INTO gap VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?,
        })
    }

    fn record(&mut self, body: &[u8]) -> rusqlite::Result<Outcome> {
        let digest = match wire::digest(body) {
            Ok(digest) => digest,
            Err(invalid) => return Ok(Outcome::Rejected(invalid)),
        };
        // Nearly every record is the first of its id, and then there is nothing to look for.
        if self.write(&digest, body, To::New { occurrence: 0 })? {
            return Ok(Outcome::Accepted);
        }
        let to = match self.same_session(&digest.key)? {
            Found::Session(stored) if stored.is_less_complete_than(&digest) => To::Over { row: stored.row },
            Found::Session(stored) if stored.revision >= digest.key.revision => return Ok(Outcome::Duplicate),
            Found::Session(stored) => To::Over { row: stored.row },
            Found::Others(highest) => To::New { occurrence: highest.saturating_add(1) },
        };
        // Nothing is accepted that is not there now.
        if !self.write(&digest, body, to)? {
            return Err(rusqlite::Error::StatementChangedRows(0));
        }
        Ok(Outcome::Accepted)
    }

    /// The stored row of the session this record is of.
    fn same_session(&mut self, key: &Key) -> rusqlite::Result<Found> {
        let start = start(key).map(Timestamp::nanos);
        let mut rows = self.find.query([&key.record_id.0[..]])?;
        let mut same = None;
        let mut highest = -1;
        while let Some(row) = rows.next()? {
            highest = highest.max(row.get(5)?);
            let stored = Stored {
                row: row.get(0)?,
                revision: row.get(1)?,
                start: row.get(2)?,
                first: row.get(3)?,
                stop: row.get(4)?,
                trigger: row.get(6)?,
            };
            if start.is_some() && stored.start == start {
                return Ok(Found::Session(stored));
            }
            // The first sight of a session comes before its answer: a record that only got its answer in a later
            // revision must not pass for another session because the answer came after the BYE.
            let begins_after = first(key).is_some_and(|first| first.nanos() > stored.stop);
            let ends_before = stored.first.is_some_and(|first| key.stop.nanos() < first);
            if !begins_after && !ends_before {
                same = Some(stored);
            }
        }
        Ok(same.map_or(Found::Others(highest), Found::Session))
    }

    /// Writes a row; false where a new one would take the place of another.
    fn write(&mut self, digest: &Digest<'_>, body: &[u8], to: To) -> rusqlite::Result<bool> {
        let Digest { key, withdrawn, trigger, ended_by, terminated_by, call_id, caller, callee } = digest;
        let start = start(key).map(Timestamp::nanos);
        let first = first(key).map(Timestamp::nanos);
        let stop = key.stop.nanos();
        macro_rules! row {
            ($key:expr $(, $occurrence:expr)?) => {
                params![
                    $key,
                    key.revision,
                    withdrawn,
                    start,
                    first,
                    stop,
                    trigger,
                    ended_by,
                    terminated_by,
                    call_id,
                    caller,
                    callee,
                    body
                    $(, $occurrence)?
                ]
            };
        }
        let rows = match to {
            To::Over { row } => self.replace.execute(row!(row))?,
            To::New { occurrence } => self.insert.execute(row!(&key.record_id.0[..], occurrence))?,
        };
        Ok(rows > 0)
    }

    fn gap(&mut self, probe: &v1::ProbeIdentity, sequence: u64, gap: &v1::GapNotice) -> rusqlite::Result<Outcome> {
        let read = match wire::read_gap(gap) {
            Ok(read) => read,
            Err(invalid) => return Ok(Outcome::Rejected(invalid)),
        };
        let rows = self.gap.execute(params![
            probe.probe_id,
            probe.origin_state_id.cast_signed(),
            sequence.cast_signed(),
            read.interface,
            read.from.nanos(),
            read.to.nanos(),
            read.count.cast_signed(),
            gap.cause
        ])?;
        Ok(if rows == 0 { Outcome::Duplicate } else { Outcome::Accepted })
    }
}

/// The known start of a session: what tells a resend from a reuse.
fn start(key: &Key) -> Option<Timestamp> {
    key.answer.or(key.invite)
}

fn first(key: &Key) -> Option<Timestamp> {
    key.invite.or(key.answer)
}
