//! Sessions through a real IM Server, which writes charging records of its own: each has its StopRecord, and none has two.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;

use crate::network::{Network, Running};
use crate::probe::{PATIENCE, Probe};

/// By how much the server's own clock may see it otherwise.
const TOLERANCE: f64 = 0.020;

/// Two IM Clients and the IM Server between them, and a port that mirrors all the server sees.
struct Lab {
    network: Network,
    folder: tempfile::TempDir,
    server: Running,
}

impl Lab {
    fn new() -> Option<Self> {
        let network = Network::of(&["caller", "server", "callee", "probe"], &["kamailio", "sipp"])?;
        network.ip("server", "addr add 10.77.0.1/32 dev lo");
        network.join(("server", "caller0", "10.77.1.1/24"), ("caller", "eth0", "10.77.1.2/24"));
        network.join(("server", "callee0", "10.77.2.1/24"), ("callee", "eth0", "10.77.2.2/24"));
        network.ip("caller", "route add default via 10.77.1.1");
        network.ip("callee", "route add default via 10.77.2.1");
        network.join(("server", "mirror0", ""), ("probe", "tap0", ""));
        network.mirror("server", "caller0", "mirror0");
        network.mirror("server", "callee0", "mirror0");

        let folder = tempfile::tempdir().expect("a folder can be made");
        let log = File::create(folder.path().join("kamailio.log")).expect("a log can be made");
        let mut command = network.command("server", "kamailio");
        command.args(["-DD", "-E", "-m", "64", "-M", "8", "-Y"]).arg(folder.path()).arg("-P");
        command.arg(folder.path().join("pid")).arg("-f").arg(source("tests/live/kamailio.cfg"));
        let server = command.stdout(Stdio::null()).stderr(log).spawn().expect("Kamailio starts");
        let lab = Self { network, folder, server: Running(server) };
        lab.until("it listens", |lab| lab.listens("server", "tcp", 5060));
        Some(lab)
    }

    /// Waits until something is so.
    fn until(&self, what: &str, mut so: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !so(self) {
            assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}\n{}", self.log());
            std::thread::yield_now();
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("kamailio.log")).unwrap_or_default()
    }

    fn listens(&self, host: &str, transport: &str, port: u16) -> bool {
        let output = self.network.command(host, "cat").arg(format!("/proc/net/{transport}")).output();
        let port = format!(":{port:04X} ");
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&port))
    }

    /// So many sessions at this rate, each of 700 ms; returns when they are over.
    fn sessions(&self, count: u32, rate: u32, transport: &str) {
        let of = |scenario: &str| source("pcaps/scenarios").join(scenario).display().to_string();
        let common = format!("-nostdin -m {count} -d 700 -t {transport}");
        let callee = self
            .network
            .start("callee", &format!("sipp -sf {} -i 10.77.2.2 -p 5080 -s bob {common}", of("callee-waits.xml")));
        let protocol = if transport == "t1" { "tcp" } else { "udp" };
        self.until("the callee listens", |lab| lab.listens("callee", protocol, 5080));
        self.network.run(
            "caller",
            &format!(
                "sipp 10.77.0.1:5060 -sf {} -i 10.77.1.2 -p 5070 -s bob -r {rate} {common}",
                of("caller-hangs-up.xml")
            ),
        );
        drop(callee);
    }

    /// Durations by Call-ID, as the server has written them.
    fn cdrs(&self) -> BTreeMap<String, f64> {
        let field = |line: &str, name: &str| {
            line.split([';', ' ']).find_map(|field| field.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        let log = self.log();
        let lines = log.lines().filter(|line| line.contains("start_time="));
        lines.filter_map(|line| Some((field(line, "ci")?, field(line, "duration")?.parse().ok()?))).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Its children end with it only when it is asked.
        let _ = std::process::Command::new("sh").args(["-c", &format!("kill -TERM {}", self.server.0.id())]).status();
        let _ = self.server.0.wait();
    }
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn seconds(duration: &Value) -> f64 {
    duration.as_str().and_then(|text| text.strip_suffix('s')?.parse().ok()).expect("a duration")
}

/// Each of the server's records has one here, and none is further.
fn compare(lab: &Lab, records: &[Value], count: usize) {
    let cdrs = lab.cdrs();
    assert_eq!(cdrs.len(), count, "the server's own records");
    let mut seen = BTreeMap::new();
    for record in records {
        let call = record["callId"].as_str().expect("a Call-ID");
        assert!(seen.insert(call.to_owned(), seconds(&record["duration"])).is_none(), "two records of {call}");
    }
    for (call, duration) in &cdrs {
        let inferred = seen.get(call).unwrap_or_else(|| panic!("no record of {call}"));
        assert!((inferred - duration).abs() <= TOLERANCE, "{call}: {inferred} s here, {duration} s at the server");
    }
    assert_eq!(seen.len(), cdrs.len(), "none further");
}

fn each_cdr_has_its_record(transport: &str) {
    let Some(lab) = Lab::new() else { return };
    let mut probe = Probe::on(&lab.network, "probe", "-i tap0 --im-server 10.77.0.1");
    lab.sessions(200, 100, transport);
    let mut records: Vec<Value> = (0..200).map(|_| probe.record()).collect();
    let ended = probe.stop();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    records.extend(ended.records);
    lab.until("every CDR is written", |lab| lab.cdrs().len() >= 200);
    compare(&lab, &records, 200);
}

#[test]
fn each_cdr_over_udp_has_its_record() {
    each_cdr_has_its_record("u1");
}

#[test]
fn each_cdr_over_tcp_has_its_record() {
    each_cdr_has_its_record("t1");
}
