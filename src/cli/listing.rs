//! The records of a replay, kept until they can be printed in order.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, params};

use crate::ch1::WireRecord;
use crate::charging::{RecordId, StopRecord};
use crate::outbox::Report;

/// Memory that records may take before they go to disk, in bytes.
const IN_MEMORY: usize = 64 << 20;

/// Why the records could not be kept or given back.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListingError {
    #[error("cannot sort the records on disk: {0}; make room in the folder for temporary files (TMPDIR)")]
    Disk(#[from] rusqlite::Error),
    #[error("cannot read back a record: {0}")]
    Record(#[from] crate::ch1::Unreadable),
}

/// The last revision of each record, by stop time, then record id.
///
/// Invariant: a revision above 1 replaces the latest record of its id; revision 1 is a session of its own, even where the
/// id was seen before (rule 4). Records are in memory or on disk, never both.
#[derive(Default)]
pub(super) struct Listing {
    records: Vec<Arc<StopRecord>>,
    latest: HashMap<RecordId, usize>,
    bytes: usize,
    disk: Option<Disk>,
}

impl Listing {
    pub(super) fn add(&mut self, record: &Arc<StopRecord>) -> Result<(), ListingError> {
        if let Some(disk) = &self.disk {
            return disk.add(record);
        }
        self.bytes += Report::Record(Arc::clone(record)).bytes();
        let next = self.records.len();
        let known = if record.revision > 1 { self.latest.get(&record.record_id).copied() } else { None };
        match known.and_then(|index| self.records.get_mut(index)) {
            Some(earlier) => *earlier = Arc::clone(record),
            None => {
                self.records.push(Arc::clone(record));
                self.latest.insert(record.record_id, next);
            }
        }
        if self.bytes > IN_MEMORY {
            let disk = Disk::new()?;
            for record in self.records.drain(..) {
                disk.add(&record)?;
            }
            self.latest = HashMap::new();
            self.disk = Some(disk);
        }
        Ok(())
    }

    /// Hands every record to `print`, in order. `print` says whether it wants more.
    pub(super) fn each<E: From<ListingError>>(
        mut self,
        mut print: impl FnMut(&WireRecord) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(disk) = &self.disk {
            return disk.each(print);
        }
        self.records.sort_by_key(|record| (record.times.stop, record.record_id));
        self.records.iter().try_for_each(|record| print(&WireRecord::from(&**record)))
    }
}

/// Records in a temporary database: SQLite's own sorter spills to disk, and the file goes with the connection.
struct Disk(Connection);

impl Disk {
    fn new() -> Result<Self, ListingError> {
        // An empty name is a private file on disk that nobody else sees.
        let connection = Connection::open("")?;
        connection.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384;
             CREATE TABLE record (ordinal INTEGER PRIMARY KEY, id BLOB NOT NULL, stop INTEGER NOT NULL, body BLOB NOT NULL);
             CREATE INDEX record_id ON record (id);
             BEGIN;",
        )?;
        Ok(Self(connection))
    }

    fn add(&self, record: &StopRecord) -> Result<(), ListingError> {
        let (id, stop) = (record.record_id.0, record.times.stop.nanos());
        let body = WireRecord::from(record).encode();
        if record.revision > 1 {
            let replaced = self.0.prepare_cached(
                "UPDATE record SET stop = ?2, body = ?3 WHERE ordinal = (SELECT max(ordinal) FROM record WHERE id = ?1)",
            )?.execute(params![id, stop, body])?;
            if replaced > 0 {
                return Ok(());
            }
        }
        self.0
            .prepare_cached("INSERT INTO record (id, stop, body) VALUES (?1, ?2, ?3)")?
            .execute(params![id, stop, body])?;
        Ok(())
    }

    fn each<E: From<ListingError>>(&self, mut print: impl FnMut(&WireRecord) -> Result<(), E>) -> Result<(), E> {
        let disk = |error| E::from(ListingError::Disk(error));
        let mut query = self.0.prepare("SELECT body FROM record ORDER BY stop, id, ordinal").map_err(disk)?;
        let mut rows = query.query([]).map_err(disk)?;
        while let Some(row) = rows.next().map_err(disk)? {
            let body = row.get_ref(0).and_then(|body| Ok(body.as_blob()?)).map_err(disk)?;
            let record = WireRecord::decode(body).map_err(|error| E::from(ListingError::Record(error)))?;
            print(&record)?;
        }
        Ok(())
    }
}
