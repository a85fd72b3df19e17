//! Records on standard output: a table to read, JSON lines and CSV to work on.
//!
//! Every format is written record by record, so that memory does not grow with their number.

use std::borrow::Cow;
use std::io::{self, Write};

use bytes::Bytes;
use clap::ValueEnum;

use crate::ch1::{Unreadable, WireRecord, json};
use crate::time::Timestamp;

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For a person, within 100 columns
    #[default]
    Table,
    /// One record a line, in the protobuf JSON mapping
    Json,
    /// With a header line
    Csv,
}

/// Why a record was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("cannot write the records: {0}")]
    Output(#[from] io::Error),
    #[error("cannot read back a record: {0}")]
    Record(#[from] Unreadable),
}

/// Writes records in one format.
pub struct RecordWriter<W: Write> {
    out: W,
    format: Format,
    /// Reused from record to record.
    line: Vec<u8>,
}

/// Columns of the CSV form; scripts rely on their names and their order.
const CSV_COLUMNS: &str = "record_id,revision,withdrawn,im_server,call_id,caller_tag,callee_tag,invite_time,answer_time,\
                           ack_time,stop_time,duration,trigger,ended_by,terminated_by,cause_code,service,caller,callee,\
                           icid,notes";

/// Titles and widths of the table; one space between columns, 100 in all.
const TABLE_COLUMNS: [(&str, usize); 9] = [
    ("STOP (UTC)", 19),
    ("CALLER", 18),
    ("CALLEE", 17),
    ("SERV.", 5),
    ("DURATION", 9),
    ("BY", 6),
    ("ROLE", 6),
    ("TRIGGER", 7),
    ("CAUSE", 5),
];

impl Format {
    /// The lines before those of the records.
    fn header(self) -> Vec<u8> {
        let mut line = Vec::new();
        match self {
            Self::Table => write_row(&mut line, &TABLE_COLUMNS.map(|(title, _)| Cow::Borrowed(title))),
            Self::Csv => line.extend_from_slice(CSV_COLUMNS.as_bytes()),
            Self::Json => return line,
        }
        line.push(b'\n');
        line
    }

    /// Appends what is written of the record in these protobuf bytes.
    fn write_record(self, line: &mut Vec<u8>, body: &[u8]) -> Result<(), Unreadable> {
        match self {
            Self::Table => write_table(line, &WireRecord::decode(body)?),
            Self::Json => {
                json::write_record(line, body)?;
                line.push(b'\n');
            }
            Self::Csv => write_csv(line, &WireRecord::decode(body)?),
        }
        Ok(())
    }

    /// What to keep of a record of ours until it is its turn: its lines, where they are shorter than its bytes are. `line` is
    /// room to write them in.
    ///
    /// # Errors
    /// When the bytes are no record.
    pub(super) fn keep(self, body: &Bytes, line: &mut Vec<u8>) -> Result<Bytes, Unreadable> {
        line.clear();
        match self {
            Self::Json => return Ok(body.clone()),
            Self::Table => write_table(line, &WireRecord::glance(body)?),
            Self::Csv => write_csv(line, &WireRecord::glance(body)?),
        }
        Ok(Bytes::copy_from_slice(line))
    }
}

impl<W: Write> RecordWriter<W> {
    /// Writes the header, where the format has one.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn new(format: Format, mut out: W) -> io::Result<Self> {
        out.write_all(&format.header())?;
        Ok(Self { out, format, line: Vec::new() })
    }

    /// Writes the record in these protobuf bytes.
    ///
    /// # Errors
    /// When they are no record, or the output cannot be written.
    pub fn write(&mut self, body: &[u8]) -> Result<(), WriteError> {
        self.line.clear();
        self.format.write_record(&mut self.line, body)?;
        Ok(self.out.write_all(&self.line)?)
    }

    /// Writes a record of which this was [kept](Format::keep).
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(super) fn write_kept(&mut self, kept: &[u8]) -> Result<(), WriteError> {
        match self.format {
            Format::Json => self.write(kept),
            Format::Table | Format::Csv => Ok(self.out.write_all(kept)?),
        }
    }

    /// What was written reaches whoever reads it.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Hands the output back, flushed.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

fn write_table(line: &mut Vec<u8>, record: &WireRecord<'_>) {
    let row = [
        record.stop_time().map_or(Cow::Borrowed("-"), |time| Cow::Owned(to_the_second(time))),
        record.caller_name().unwrap_or(Cow::Borrowed("-")),
        record.callee_name().unwrap_or(Cow::Borrowed("-")),
        Cow::Borrowed(short(record.service())),
        record.duration().map_or(Cow::Borrowed("-"), |(seconds, nanos)| Cow::Owned(clock(seconds, nanos))),
        Cow::Borrowed(short(record.ended_by())),
        Cow::Borrowed(short(record.terminated_by())),
        Cow::Borrowed(short(record.trigger())),
        Cow::Owned(record.cause_code().to_string()),
    ];
    write_row(line, &row);
    line.push(b'\n');
    let notes = record.doubts().join(", ");
    // On a line of its own, and only where there is something to say: most records are without doubt.
    let notes = match (record.revision() > 1, notes.is_empty()) {
        (false, true) => return,
        (false, false) => notes,
        (true, true) => format!("revision {}", record.revision()),
        (true, false) => format!("revision {}, {notes}", record.revision()),
    };
    line.extend_from_slice(b"  `- ");
    line.extend_from_slice(notes.as_bytes());
    line.push(b'\n');
}

/// A reader that went away (`| head`) is no failure.
///
/// # Errors
/// Every other failure.
pub fn unless_broken_pipe(result: Result<(), WriteError>) -> Result<(), WriteError> {
    match result {
        Err(WriteError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// One row, without its line end.
fn write_row(line: &mut Vec<u8>, cells: &[Cow<'_, str>; TABLE_COLUMNS.len()]) {
    for (cell, (_, width)) in cells.iter().zip(TABLE_COLUMNS) {
        let written = if cell.len() <= width && cell.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_control()) {
            line.extend_from_slice(cell.as_bytes());
            cell.len()
        } else {
            write_shortened(line, cell, width)
        };
        line.resize(line.len() + width - written + 1, b' ');
    }
    line.truncate(line.trim_ascii_end().len());
}

/// Any text, in so many columns; says how many it takes.
fn write_shortened(line: &mut Vec<u8>, cell: &str, width: usize) -> usize {
    let long = cell.chars().count() > width;
    let keep = if long { width - 1 } else { width };
    // A control character in a header must not steer the terminal.
    let shown = cell.chars().take(keep).map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let text: String = shown.chain(long.then_some('…')).collect();
    line.extend_from_slice(text.as_bytes());
    text.chars().count()
}

/// The words of a person for the names of the contract.
fn short(name: &'static str) -> &'static str {
    match name {
        "SERVICE_INSTANT_MESSAGING" => "im",
        "SERVICE_OTHER" => "other",
        "PARTY_CALLER" => "caller",
        "PARTY_CALLEE" => "callee",
        "ROLE_IM_CLIENT" => "client",
        "ROLE_IM_SERVER" => "server",
        "TRIGGER_BYE" => "BYE",
        "TRIGGER_BYE_ANSWER" => "answer",
        "TRIGGER_SESSION_TIMER" => "timer",
        "TRIGGER_DIALOG_FAILURE" => "failure",
        "TRIGGER_MAX_SESSION" => "max",
        _ => "-",
    }
}

/// `2026-11-23 20:05:00`.
fn to_the_second(time: Timestamp) -> String {
    let mut text = time.to_string();
    text.truncate(19);
    text.replace('T', " ")
}

/// `59.999s`, `12m05.1s` or `3h00m05s`: nine columns are enough up to a hundred hours.
fn clock(seconds: i64, nanos: i32) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}.{:03}s", nanos / 1_000_000),
        (0, _) => format!("{minutes}m{rest:02}.{}s", nanos / 100_000_000),
        _ => format!("{hours}h{minutes:02}m{rest:02}s"),
    }
}

fn write_csv(out: &mut Vec<u8>, record: &WireRecord<'_>) {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let cells = [
        record.record_id().to_owned(),
        record.revision().to_string(),
        record.is_withdrawn().to_string(),
        text(record.im_server()),
        record.call_id().to_owned(),
        text(record.caller_tag()),
        text(record.callee_tag()),
        time(record.invite_time()),
        time(record.answer_time()),
        time(record.ack_time()),
        time(record.stop_time()),
        record.duration().map(|(seconds, nanos)| format!("{seconds}.{nanos:09}")).unwrap_or_default(),
        record.trigger().to_owned(),
        record.ended_by().to_owned(),
        record.terminated_by().to_owned(),
        record.cause_code().to_string(),
        record.service().to_owned(),
        text(record.caller()),
        text(record.callee()),
        text(record.icid()),
        record.doubts().join("; "),
    ];
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_cell(out, cell);
    }
    out.push(b'\n');
}

/// One cell (RFC 4180). Whoever sends a SIP message chooses its header values, and a spreadsheet runs a cell that
/// begins like a formula: such a cell gets a `'` in front, as spreadsheets read text. Numbers stay numbers.
fn write_cell(out: &mut Vec<u8>, cell: &str) {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<i64>().is_err();
    let risky = formula || (cell.starts_with('+') && cell.parse::<i64>().is_ok());
    let quoted = risky || cell.contains([',', '"', '\n', '\r']);
    if quoted {
        out.push(b'"');
    }
    if risky {
        out.push(b'\'');
    }
    for byte in cell.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    if quoted {
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch1::{samples, wire};
    use crate::charging::StopRecord;

    fn written(format: Format, records: &[StopRecord]) -> String {
        let mut writer = RecordWriter::new(format, Vec::new()).unwrap();
        for record in records {
            writer.write(&wire::encode(record)).unwrap();
        }
        String::from_utf8(writer.finish().unwrap()).unwrap()
    }

    #[test]
    fn a_table_tells_who_when_and_why_in_a_hundred_columns() {
        let mut hostile = samples::bare();
        hostile.parties.from = Some(samples::text("<sip:\u{1b}[2Jx@a.very.long.host.name.example.com>"));
        let table = written(Format::Table, &[samples::full(), samples::bare(), hostile]);
        insta::assert_snapshot!(table, @r"
        STOP (UTC)          CALLER             CALLEE            SERV. DURATION  BY     ROLE   TRIGGER CAUSE
        1969-12-31 23:59:59 alice@example.com  room.7@conf.exam… im    1m00.0s   callee server timer   -408
          `- revision 2, withdrawn, no ACK, not at server, BYE challenged, loss, clock
        2026-11-23 20:05:00 -                  -                 -     -         -      -      BYE     0
          `- no INVITE, no 2xx, no ACK, no BYE
        2026-11-23 20:05:00 �[2Jx@a.very.long… -                 -     -         -      -      BYE     0
          `- no INVITE, no 2xx, no ACK, no BYE
        ");
        assert!(table.lines().all(|line| line.chars().count() <= 100));
        assert!(!table.contains('\u{1b}'));
    }

    #[test]
    fn json_is_one_record_a_line() {
        let json = written(Format::Json, &[samples::full(), samples::bare()]);
        let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["revision"], 1);
    }

    #[test]
    fn csv_has_a_cell_for_every_column() {
        let csv = written(Format::Csv, &[samples::full(), samples::bare()]);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        assert_eq!(reader.headers().unwrap().len(), 21);
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(&rows[0][10], "1969-12-31T23:59:59.999999999Z");
        assert_eq!(&rows[0][11], "60.000000005");
        assert_eq!(&rows[0][15], "-408", "a number stays one");
        assert_eq!(&rows[1][7], "", "unknown is empty");
    }

    #[test]
    fn a_cell_that_looks_like_a_formula_is_made_text() {
        let cell = |text: &str| {
            let mut out = Vec::new();
            write_cell(&mut out, text);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(cell("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
        assert_eq!(cell("@SUM(1)"), "\"'@SUM(1)\"");
        assert_eq!(cell("-1+1"), "\"'-1+1\"");
        assert_eq!(cell("+49170123"), "\"'+49170123\"");
        assert_eq!(cell("\t=1"), "\"'\t=1\"");
        assert_eq!(cell("-408"), "-408");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("sip:a@b"), "sip:a@b");
    }

    #[test]
    fn durations_fit_their_column() {
        assert_eq!(clock(0, 0), "0.000s");
        assert_eq!(clock(59, 999_999_999), "59.999s");
        assert_eq!(clock(725, 100_000_000), "12m05.1s");
        assert_eq!(clock(10_805, 0), "3h00m05s");
        assert_eq!(clock(86_400, 0), "24h00m00s");
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let failure = |kind: io::ErrorKind| Err(WriteError::Output(kind.into()));
        assert!(unless_broken_pipe(failure(io::ErrorKind::BrokenPipe)).is_ok());
        assert!(unless_broken_pipe(failure(io::ErrorKind::StorageFull)).is_err());
    }
}
