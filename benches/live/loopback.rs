//! CH-1 as it passes the loopback: when a report left the probe, and when its Response came.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::pcap;
use crate::common::replay::TestInput;
use crate::lab::Lab;
use crate::network::Running;

/// What listens on the loopback of the probe's host.
pub(crate) struct Loopback {
    running: Running,
    file: PathBuf,
}

/// When a report and its Response passed, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) report: Option<i64>,
    pub(crate) response: Option<i64>,
}

impl Loopback {
    pub(crate) fn listen(lab: &Lab, folder: &Path) -> Self {
        let file = folder.join("loopback.pcap");
        let line = format!("tcpdump -i lo -Z root -B 65536 -U --nano -w {} tcp", file.display());
        let running = lab.network.start("probe", &line);
        lab.until("the loopback is captured", |_| fs::metadata(&file).is_ok_and(|file| file.len() >= 24));
        Self { running, file }
    }

    /// By record id. Waits until all of so many have a Response.
    pub(crate) fn exchanges(self, lab: &Lab, count: usize) -> BTreeMap<String, Exchange> {
        let mut exchanges = BTreeMap::new();
        lab.until("every Response is captured", |_| {
            exchanges = read(&fs::read(&self.file).unwrap_or_default());
            exchanges.values().filter(|exchange| exchange.response.is_some()).count() >= count
        });
        drop(self.running);
        exchanges
    }
}

fn read(capture: &[u8]) -> BTreeMap<String, Exchange> {
    let mut exchanges: BTreeMap<String, Exchange> = BTreeMap::new();
    for input in pcap::read(capture) {
        let TestInput::Frame { time, bytes, .. } = input else { continue };
        // In both messages the id is a string of 32 characters: field 1 of the record, field 2 of the Response.
        for (field, is_report) in [(0x0a, true), (0x12, false)] {
            for (at, _) in bytes.windows(2).enumerate().filter(|(_, two)| *two == [field, 32]) {
                let id = bytes.get(at + 2..at + 34).filter(|id| id.iter().all(u8::is_ascii_hexdigit));
                let Some(id) = id.and_then(|id| str::from_utf8(id).ok()) else { continue };
                let exchange = exchanges.entry(id.to_owned()).or_default();
                let first = if is_report { &mut exchange.report } else { &mut exchange.response };
                first.get_or_insert(time.nanos());
            }
        }
    }
    exchanges
}
