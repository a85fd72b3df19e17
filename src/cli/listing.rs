//! The records of a replay, kept until they can be printed in order.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::charging::RecordId;
use crate::outbox::SealedRecord;

/// Memory that records may take before they go to disk, in bytes.
const IN_MEMORY: usize = 64 << 20;

/// Why the records could not be kept or given back.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListingError {
    #[error("cannot sort the records on disk: {0}; make room in the folder for temporary files (TMPDIR)")]
    Disk(#[from] rusqlite::Error),
}

/// The last revision of each record, by stop time, then record id.
///
/// Invariant: a revision above 1 replaces the latest record of its id; revision 1 is a session of its own, even where the
/// id was seen before (rule 4). Records are in memory or on disk, never both.
pub(super) struct Listing {
    records: Vec<SealedRecord>,
    latest: HashMap<RecordId, usize>,
    bytes: usize,
    /// Most bytes before the records go to disk.
    limit: usize,
    disk: Option<Disk>,
}

impl Default for Listing {
    fn default() -> Self {
        Self::with_limit(IN_MEMORY)
    }
}

impl Listing {
    /// Goes to disk above this many bytes.
    pub(super) fn with_limit(limit: usize) -> Self {
        Self { records: Vec::new(), latest: HashMap::new(), bytes: 0, limit, disk: None }
    }

    pub(super) fn add(&mut self, record: &SealedRecord) -> Result<(), ListingError> {
        if let Some(disk) = &self.disk {
            return disk.add(record);
        }
        self.bytes += size_of_val(record) + record.body.len();
        let next = self.records.len();
        let known = if record.revision > 1 { self.latest.get(&record.record_id).copied() } else { None };
        match known.and_then(|index| self.records.get_mut(index)) {
            Some(earlier) => *earlier = record.clone(),
            None => {
                self.records.push(record.clone());
                self.latest.insert(record.record_id, next);
            }
        }
        if self.bytes > self.limit {
            let disk = Disk::new()?;
            // Each is one of its own by now: a revision among them must not replace an earlier session with its id.
            for record in self.records.drain(..) {
                disk.insert(&record)?;
            }
            self.latest = HashMap::new();
            self.disk = Some(disk);
        }
        Ok(())
    }

    /// Hands the bytes of every record to `print`, in order. `print` says whether it wants more.
    pub(super) fn each<E: From<ListingError>>(
        mut self,
        mut print: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(disk) = &self.disk {
            return disk.each(print);
        }
        self.records.sort_by_key(|record| (record.stop, record.record_id));
        self.records.iter().try_for_each(|record| print(&record.body))
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

    fn add(&self, record: &SealedRecord) -> Result<(), ListingError> {
        if record.revision > 1 {
            let (id, stop) = (record.record_id.0, record.stop.nanos());
            let replaced = self.0.prepare_cached(
                "UPDATE record SET stop = ?2, body = ?3 WHERE ordinal = (SELECT max(ordinal) FROM record WHERE id = ?1)",
            )?.execute(params![id, stop, &record.body[..]])?;
            if replaced > 0 {
                return Ok(());
            }
        }
        self.insert(record)
    }

    fn insert(&self, record: &SealedRecord) -> Result<(), ListingError> {
        let (id, stop) = (record.record_id.0, record.stop.nanos());
        self.0.prepare_cached("INSERT INTO record (id, stop, body) VALUES (?1, ?2, ?3)")?.execute(params![
            id,
            stop,
            &record.body[..]
        ])?;
        Ok(())
    }

    fn each<E: From<ListingError>>(&self, mut print: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let disk = |error| E::from(ListingError::Disk(error));
        let mut query = self.0.prepare("SELECT body FROM record ORDER BY stop, id, ordinal").map_err(disk)?;
        let mut rows = query.query([]).map_err(disk)?;
        while let Some(row) = rows.next().map_err(disk)? {
            let body = row.get_ref(0).and_then(|body| Ok(body.as_blob()?)).map_err(disk)?;
            print(body)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch1::{samples, wire};

    /// A session whose id and stop come from these numbers.
    fn record(id: u8, revision: u32, stop: i64) -> SealedRecord {
        let mut record = samples::full();
        record.record_id = RecordId([id; 16]);
        record.revision = revision;
        record.times.stop = samples::at(stop);
        wire::seal(&record)
    }

    fn listed(limit: usize, records: &[SealedRecord]) -> (Vec<Vec<u8>>, bool) {
        let mut listing = Listing::with_limit(limit);
        records.iter().for_each(|record| listing.add(record).unwrap());
        let on_disk = listing.disk.is_some();
        let mut out = Vec::new();
        let print = |body: &[u8]| {
            out.push(body.to_vec());
            Ok::<_, ListingError>(())
        };
        listing.each(print).unwrap();
        (out, on_disk)
    }

    fn encoded(records: &[SealedRecord]) -> Vec<Vec<u8>> {
        records.iter().map(|record| record.body.to_vec()).collect()
    }

    #[test]
    fn the_disk_gives_the_same_as_memory_whenever_it_is_gone_to() {
        // Out of order, equal stops, a revision of each age, a withdrawal's later stop, the id of a session used again.
        let mut records: Vec<_> = (0..40).rev().map(|n| record(n, 1, i64::from(n / 3))).collect();
        records.push(record(5, 2, 90));
        records.push(record(7, 1, 50));
        records.push(record(7, 2, 51));
        records.push(record(200, 3, 4));
        records.extend((0..40).map(|n| record(n, 4, i64::from(40 - n))));
        let (memory, on_disk) = listed(usize::MAX, &records);
        assert!(!on_disk);
        assert_eq!(memory.len(), 42);
        let each = size_of::<SealedRecord>() + records[0].body.len();
        for before in [0, 1, 20, 40, 43, 60] {
            let (disk, on_disk) = listed(each * before, &records);
            assert!(on_disk && disk == memory, "to disk after {before}");
        }
    }

    #[test]
    fn the_order_is_stop_time_then_record_id() {
        let records = [record(9, 1, 5), record(2, 1, 7), record(3, 1, 5), record(1, 1, 6)];
        let wanted = [2, 0, 3, 1].map(|at: usize| records[at].clone());
        for limit in [usize::MAX, 0] {
            assert!(listed(limit, &records).0 == encoded(&wanted), "at most {limit} bytes in memory");
        }
    }

    #[test]
    fn a_revision_replaces_and_a_first_revision_never_does() {
        let records = [record(1, 1, 5), record(1, 1, 9), record(1, 2, 8)];
        let wanted = [0, 2].map(|at: usize| records[at].clone());
        for limit in [usize::MAX, 0] {
            assert!(listed(limit, &records).0 == encoded(&wanted), "at most {limit} bytes in memory");
        }
    }
}
