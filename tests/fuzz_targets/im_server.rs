//! `--im-server`.

use std::net::IpAddr;

use tolltap::charging::{ImServer, Servers};

use super::script::hop;

/// The bytes are the operand.
pub fn im_server(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let server: ImServer = match text.parse() {
        Ok(server) => server,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(server.prefix <= if server.address.is_ipv4() { 32 } else { 128 });
    assert_ne!(server.port, Some(0));

    // Written in full it means the same.
    let address = match server.address {
        IpAddr::V4(address) => format!("{address}/{}", server.prefix),
        IpAddr::V6(address) => format!("[{address}/{}]", server.prefix),
    };
    let port = server.port.map(|port| format!(":{port}")).unwrap_or_default();
    let full = format!("{}={address}{port}", server.name);
    assert_eq!(full.parse(), Ok(server.clone()), "{full}");

    let servers = Servers::new(&[server]);
    let hop = hop(0, false);
    for (point, _) in servers.touched(&hop).into_iter().flatten() {
        _ = (servers.name(point), servers.node(&hop, point));
    }
}
