//! What the operator decides about charging.

use core::net::IpAddr;
use core::time::Duration;

/// Options of the core. The defaults are those of the command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// Messages out of order by at most this much give the same records (rules 12 and 18).
    pub reorder: Duration,
    /// What becomes of a BYE whose dialog was never seen (rule 12).
    pub orphan_bye: OrphanBye,
    /// A session without any message for this long has ended (rule 13).
    pub max_session: Duration,
    /// The IM Servers (rule 15); empty: every hop counts.
    pub im_servers: Vec<ImServer>,
    /// Charge only IM sessions (rule 16).
    pub only_im: bool,
    /// Merge the two legs of one server into one record (rule 17).
    pub one_charging_session: bool,
    /// Name of a header that correlates legs, such as `X-CID` (rule 17).
    pub correlation_header: Option<String>,
    /// Most dialogs kept at a time; at the bound the least certain and oldest go first.
    pub max_dialogs: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reorder: Duration::from_millis(200),
            orphan_bye: OrphanBye::Answered,
            max_session: Duration::from_secs(24 * 3600),
            im_servers: Vec::new(),
            only_im: false,
            one_charging_session: false,
            correlation_header: None,
            max_dialogs: 4_000_000,
        }
    }
}

/// What becomes of a BYE whose dialog was never seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OrphanBye {
    /// It makes a record when a 2xx answers it within 32 s.
    #[default]
    Answered,
    /// It always makes a record.
    All,
    /// It never does.
    Never,
}

/// Address of an IM Server: `[NAME=]ADDR[/PREFIX][:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImServer {
    /// Charging point this address belongs to; empty when not named.
    pub name: String,
    pub address: IpAddr,
    /// Leading bits of the address that must agree.
    pub prefix: u8,
    /// Any port when absent.
    pub port: Option<u16>,
}
