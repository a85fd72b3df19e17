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
    /// Give a [`Change`](crate::probe::Change) for whatever must survive a restart.
    pub changes: bool,
    /// Most dialogs kept at a time; at the bound the least certain and oldest go first.
    pub max_dialogs: usize,
    /// Most bytes that their messages may take in all; likewise.
    pub max_dialog_bytes: usize,
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
            changes: false,
            max_dialogs: 4_000_000,
            max_dialog_bytes: 4 << 30,
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

/// What is wrong with an IM Server's address on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImServerError {
    #[error("no address; expected [NAME=]ADDR[/PREFIX][:PORT], IPv6 with a port as [ADDR]:PORT or [ADDR/PREFIX]:PORT")]
    Address,
    #[error("the prefix is longer than the address, or no number")]
    Prefix,
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

/// `[NAME=]ADDR[/PREFIX][:PORT]`. An IPv6 address stands in brackets when a port follows; the prefix may stand inside or
/// after them.
impl core::str::FromStr for ImServer {
    type Err = ImServerError;

    fn from_str(text: &str) -> Result<Self, ImServerError> {
        let (name, rest) = text.split_once('=').unwrap_or(("", text));
        let (network, port) = if let Some(bracketed) = rest.strip_prefix('[') {
            let (inner, after) = bracketed.split_once(']').ok_or(ImServerError::Address)?;
            let (prefix, port) = after.split_once(':').map_or((after, None), |(prefix, port)| (prefix, Some(port)));
            (format!("{inner}{prefix}"), port)
        } else if rest.matches(':').count() > 1 {
            (rest.to_owned(), None)
        } else {
            let (network, port) = rest.split_once(':').map_or((rest, None), |(network, port)| (network, Some(port)));
            (network.to_owned(), port)
        };
        let (address, prefix) =
            network.split_once('/').map_or((&*network, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| ImServerError::Address)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(digits) => digits.parse().ok().filter(|bits| *bits <= width).ok_or(ImServerError::Prefix)?,
        };
        let port = match port {
            None => None,
            Some(digits) => Some(digits.parse().ok().filter(|port| *port != 0).ok_or(ImServerError::Port)?),
        };
        Ok(Self { name: name.to_owned(), address, prefix, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_an_im_server() {
        let read = |text: &str| {
            text.parse::<ImServer>().map(|server| (server.name, server.address.to_string(), server.prefix, server.port))
        };
        let server = |name: &str, address: &str, prefix, port| Ok((name.to_owned(), address.to_owned(), prefix, port));
        assert_eq!(read("192.0.2.1"), server("", "192.0.2.1", 32, None));
        assert_eq!(read("im=192.0.2.0/24:5060"), server("im", "192.0.2.0", 24, Some(5060)));
        assert_eq!(read("2001:db8::1"), server("", "2001:db8::1", 128, None));
        assert_eq!(read("b=2001:db8::/32"), server("b", "2001:db8::", 32, None));
        assert_eq!(read("[2001:db8::1]:5060"), server("", "2001:db8::1", 128, Some(5060)));
        assert_eq!(read("[2001:db8::/32]:5060"), server("", "2001:db8::", 32, Some(5060)));
        assert_eq!(read("[2001:db8::]/32:5060"), server("", "2001:db8::", 32, Some(5060)));
        assert_eq!(read("im.example.net"), Err(ImServerError::Address));
        assert_eq!(read("192.0.2.1/33"), Err(ImServerError::Prefix));
        assert_eq!(read("192.0.2.1:0"), Err(ImServerError::Port));
        assert_eq!(read(""), Err(ImServerError::Address));
        assert_eq!(read("[::1"), Err(ImServerError::Address));
    }
}
