//! Tables of the store.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// `TAPC` in SQLite's header: a file with another id is somebody else's database.
const APPLICATION_ID: i32 = 0x5441_5043;
/// Grows with each change of the tables.
const VERSION: i32 = 2;

/// One row for each record and occurrence, in its current revision; times in nanoseconds since 1970, `NULL` unknown.
/// `start_time` is the answer, else the INVITE; `first_time` the INVITE, else the answer. `occurrence` counts the sessions of
/// one id from 0, in the order of their arrival: which of them a record is of is decided by the one writer, inside its
/// transaction (rule 4).
const TABLES: &str = "
CREATE TABLE record (
    id            INTEGER PRIMARY KEY,
    record_id     BLOB    NOT NULL,
    occurrence    INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    withdrawn     INTEGER NOT NULL,
    start_time    INTEGER,
    first_time    INTEGER,
    stop_time     INTEGER NOT NULL,
    trigger       INTEGER NOT NULL,
    ended_by      INTEGER NOT NULL,
    terminated_by INTEGER NOT NULL,
    call_id       TEXT    NOT NULL,
    caller        TEXT    NOT NULL,
    callee        TEXT    NOT NULL,
    report        BLOB    NOT NULL,
    UNIQUE (record_id, occurrence)
);
CREATE TABLE gap (
    probe_id        TEXT    NOT NULL,
    origin_state_id INTEGER NOT NULL,
    sequence        INTEGER NOT NULL,
    interface       TEXT    NOT NULL,
    from_time       INTEGER NOT NULL,
    to_time         INTEGER NOT NULL,
    count           INTEGER NOT NULL,
    cause           INTEGER NOT NULL,
    PRIMARY KEY (probe_id, origin_state_id, sequence)
) WITHOUT ROWID;
";

/// Worth its cost only where records stay: a temporary store is read once, from end to end.
const LASTING_INDEXES: &str = "
CREATE INDEX IF NOT EXISTS record_by_stop ON record (stop_time, record_id);
CREATE INDEX IF NOT EXISTS record_by_call_id ON record (call_id);
";

/// Where a store is, and so how much a power cut may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file: nothing that was acknowledged is lost.
    File(PathBuf),
    /// Nowhere that anybody finds: it goes with the process. SQLite spills what does not fit its cache into a file of its
    /// own in the folder for temporary files.
    Temporary,
}

pub(super) fn open(place: &Place) -> Result<Connection, StoreError> {
    match place {
        Place::File(path) => lasting(path),
        Place::Temporary => temporary().map_err(StoreError::Temporary),
    }
}

fn temporary() -> rusqlite::Result<Connection> {
    // An empty name is a private database on disk, which is written only when the cache is full.
    let connection = Connection::open("")?;
    connection.execute_batch(
        "PRAGMA page_size = 16384; PRAGMA cache_size = -8192; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;",
    )?;
    connection.execute_batch(TABLES)?;
    Ok(connection)
}

fn lasting(path: &Path) -> Result<Connection, StoreError> {
    let fault = |source| StoreError::Open { path: path.to_owned(), source };
    let connection = Connection::open(path).map_err(fault)?;
    // A second writer on the same file is waited for; its transactions are short.
    connection.busy_timeout(core::time::Duration::from_secs(10)).map_err(fault)?;
    connection.execute_batch("PRAGMA cache_size = -32768;").map_err(fault)?;
    let id: i32 = pragma(&connection, "application_id").map_err(fault)?;
    let version: i32 = pragma(&connection, "user_version").map_err(fault)?;
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(fault)?;
    let pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4096;";
    if objects == 0 {
        connection.execute_batch(pragmas).map_err(fault)?;
        let set = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};");
        connection.execute_batch(&format!("BEGIN IMMEDIATE;{TABLES}{set}COMMIT;")).map_err(fault)?;
    } else if id != APPLICATION_ID {
        return Err(StoreError::Foreign(path.to_owned()));
    } else if version != VERSION {
        return Err(StoreError::Version { path: path.to_owned(), found: version, known: VERSION });
    } else {
        connection.execute_batch(pragmas).map_err(fault)?;
    }
    connection.execute_batch(LASTING_INDEXES).map_err(fault)?;
    Ok(connection)
}

/// Opens a store that must exist, for reading while an Enabler may be writing it.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let fault = |source| StoreError::Open { path: path.to_owned(), source };
    // Not read-only: a reader of a WAL file may have to create its shared index.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(core::time::Duration::from_secs(10)).map_err(fault)?;
    let id: i32 = pragma(&connection, "application_id").map_err(fault)?;
    let version: i32 = pragma(&connection, "user_version").map_err(fault)?;
    if id != APPLICATION_ID {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    if version != VERSION {
        return Err(StoreError::Version { path: path.to_owned(), found: version, known: VERSION });
    }
    connection.execute_batch("PRAGMA query_only = ON;").map_err(fault)?;
    Ok(connection)
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i32> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}
