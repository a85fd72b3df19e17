//! The records of a replay, kept until they can be printed in order.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{CachedStatement, Connection, params};

use crate::ch1::Unreadable;
use crate::charging::RecordId;
use crate::outbox::SealedRecord;
use crate::time::Timestamp;

/// Memory that records may take before they go to disk, in bytes.
const IN_MEMORY: usize = 64 << 20;

/// Why the records could not be kept or given back.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListingError {
    #[error("cannot read back a record: {0}")]
    Record(#[from] Unreadable),
    #[error("cannot sort the records on disk: {0}; make room in the folder for temporary files (TMPDIR)")]
    Disk(#[from] rusqlite::Error),
}

/// The last revision of each record, by stop time, then record id. Their bodies are what was kept to be printed.
///
/// Invariant: revision 1 is a session of its own, even where its id was seen before (rule 4), and a later revision takes
/// the place of the one before it. Two sessions of one id may be revised in turn: what a revision replaces is the session
/// with its answer time that is one revision behind it, else the latest that is. Records are in memory or on disk, never
/// both.
pub(super) struct Listing {
    records: Vec<Listed>,
    latest: HashMap<RecordId, usize, RandomState>,
    bytes: usize,
    /// Most bytes before the records go to disk.
    limit: usize,
    disk: Option<Disk>,
}

struct Listed {
    record: SealedRecord,
    /// Place of the earlier session with the same id.
    earlier: Option<usize>,
}

impl Default for Listing {
    fn default() -> Self {
        Self::with_limit(IN_MEMORY)
    }
}

impl Listing {
    /// Goes to disk above this many bytes.
    pub(super) fn with_limit(limit: usize) -> Self {
        Self { records: Vec::new(), latest: HashMap::default(), bytes: 0, limit, disk: None }
    }

    pub(super) fn add(&mut self, record: SealedRecord) -> Result<(), ListingError> {
        if let Some(disk) = &self.disk {
            return disk.add(&record);
        }
        self.bytes += size_of::<Listed>() + record.body.len();
        match self.revised(&record).and_then(|place| self.records.get_mut(place)) {
            Some(listed) => listed.record = record,
            None => {
                let earlier = self.latest.insert(record.record_id, self.records.len());
                self.records.push(Listed { record, earlier });
            }
        }
        if self.bytes > self.limit {
            let disk = Disk::new()?;
            // Each is one of its own by now: a revision among them must not replace an earlier session with its id.
            for listed in self.records.drain(..) {
                disk.insert(&listed.record)?;
            }
            self.latest = HashMap::default();
            self.disk = Some(disk);
        }
        Ok(())
    }

    /// The place of the record that this one is a revision of.
    fn revised(&self, record: &SealedRecord) -> Option<usize> {
        if record.revision == 1 {
            return None;
        }
        let first = self.latest.get(&record.record_id).copied();
        let sessions = core::iter::successors(first, |place| self.records.get(*place)?.earlier);
        let known = sessions.filter_map(|place| Some((place, &self.records.get(place)?.record)));
        let before = known.filter(|(_, known)| known.revision < record.revision);
        let nearest = before.max_by_key(|(place, known)| {
            (known.revision + 1 == record.revision, known.answer == record.answer, *place)
        });
        nearest.map(|(place, _)| place)
    }

    /// Hands what was kept of every record to `print`, in order. `print` says whether it wants more.
    pub(super) fn each<E: From<ListingError>>(
        mut self,
        mut print: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(disk) = &self.disk {
            return disk.each(print);
        }
        self.records.sort_by_key(|Listed { record, .. }| (record.stop, record.record_id));
        self.records.iter().try_for_each(|listed| print(&listed.record.body))
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
             CREATE TABLE record (ordinal INTEGER PRIMARY KEY, id BLOB NOT NULL, revision INTEGER NOT NULL,
                                  answer INTEGER, stop INTEGER NOT NULL, body BLOB NOT NULL);
             CREATE INDEX record_id ON record (id);
             BEGIN;",
        )?;
        Ok(Self(connection))
    }

    fn add(&self, record: &SealedRecord) -> Result<(), ListingError> {
        if record.revision > 1 {
            // As `Listing::revised` chooses.
            let replaced = self.0.prepare_cached(
                "UPDATE record SET revision = ?2, answer = ?3, stop = ?4, body = ?5 WHERE ordinal = (
                     SELECT ordinal FROM record WHERE id = ?1 AND revision < ?2
                     ORDER BY revision + 1 = ?2 DESC, answer IS ?3 DESC, ordinal DESC LIMIT 1)",
            )?;
            if Self::execute(replaced, record)? > 0 {
                return Ok(());
            }
        }
        self.insert(record)
    }

    fn insert(&self, record: &SealedRecord) -> Result<(), ListingError> {
        let sql = "INSERT INTO record (id, revision, answer, stop, body) VALUES (?1, ?2, ?3, ?4, ?5)";
        Self::execute(self.0.prepare_cached(sql)?, record)?;
        Ok(())
    }

    fn execute(mut statement: CachedStatement<'_>, record: &SealedRecord) -> Result<usize, ListingError> {
        let SealedRecord { record_id, revision, answer, stop, trigger: _, body } = record;
        let answer = answer.map(Timestamp::nanos);
        Ok(statement.execute(params![record_id.0, revision, answer, stop.nanos(), &body[..]])?)
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
        records.iter().for_each(|record| listing.add(record.clone()).unwrap());
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
        let each = size_of::<Listed>() + records[0].body.len();
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
    fn sessions_of_one_id_are_revised_in_turn() {
        let session = |answer: i64, revision: u32, stop: i64| SealedRecord {
            answer: Some(samples::at(answer)),
            ..record(1, revision, stop)
        };
        let records = [session(1, 1, 5), session(6, 1, 9), session(1, 2, 4), session(6, 2, 8), session(1, 3, 3)];
        let wanted = [4, 3].map(|at: usize| records[at].clone());
        for limit in [usize::MAX, 0, 1200, 2400] {
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
