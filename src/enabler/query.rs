//! Reading the store: records by time, party, end and Call-ID, in the order of their stop.

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::{Store, StoreError};
use crate::ch1::wire;
use crate::charging::{Party, Role, Trigger};
use crate::time::Timestamp;

/// Which records; the default is every one that is charged.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Stopped at this time or later.
    pub from: Option<Timestamp>,
    /// Stopped before this time.
    pub to: Option<Timestamp>,
    /// Part of a URI of the caller or the callee, whatever its case.
    pub party: Option<String>,
    pub call_id: Option<String>,
    pub ended_by: Option<Party>,
    pub terminated_by: Option<Role>,
    pub trigger: Option<Trigger>,
    /// Withdrawn records too.
    pub withdrawn: bool,
}

/// Why reading stopped early.
#[derive(Debug, thiserror::Error)]
pub enum QueryError<E> {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The reader's own reason.
    #[error(transparent)]
    Reader(E),
}

impl<E> From<rusqlite::Error> for QueryError<E> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Hands each record, in protobuf bytes, to the reader as it is read, by stop time, then record id, then age. Memory does not grow with
    /// their number.
    ///
    /// # Errors
    /// When the database fails, or the reader does.
    pub fn each<E>(
        &self,
        filter: &Filter,
        mut reader: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<u64, QueryError<E>> {
        let (condition, values) = filter.condition();
        let sql = format!("SELECT report FROM record WHERE {condition} ORDER BY stop_time, record_id, id");
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            reader(bytes).map_err(QueryError::Reader)?;
            count += 1;
        }
        Ok(count)
    }
}

impl Filter {
    /// SQL condition and the values of its parameters.
    fn condition(&self) -> (String, Vec<Value>) {
        let mut terms = vec![if self.withdrawn { "1" } else { "NOT withdrawn" }.to_owned()];
        let mut values = Vec::new();
        let mut term = |sql: &str, value: Value| {
            values.push(value);
            terms.push(sql.replace('?', &format!("?{}", values.len())));
        };
        if let Some(from) = self.from {
            term("stop_time >= ?", from.nanos().into());
        }
        if let Some(to) = self.to {
            term("stop_time < ?", to.nanos().into());
        }
        if let Some(party) = &self.party {
            let lower = party.to_ascii_lowercase();
            term("(instr(lower(caller), ?) > 0 OR instr(lower(callee), ?) > 0)", lower.into());
        }
        if let Some(call_id) = &self.call_id {
            term("call_id = ?", call_id.clone().into());
        }
        if let Some(party) = self.ended_by {
            term("ended_by = ?", wire::party_code(party).into());
        }
        if let Some(role) = self.terminated_by {
            term("terminated_by = ?", wire::role_code(role).into());
        }
        if let Some(trigger) = self.trigger {
            term("trigger = ?", wire::trigger_code(trigger).into());
        }
        (terms.join(" AND "), values)
    }
}
