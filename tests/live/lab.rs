//! Two IM Clients, an IM Server between them, and a mirror of all that the server sees.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::network::{Network, Running};
use crate::probe::PATIENCE;
use crate::wire::Wire;

/// How the mirror's frames come to the tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mirror {
    Plain,
    /// Inside VXLAN, as a virtual tap sends them.
    Vxlan,
    /// As `Plain` at `tap0`, and at `tap1` each twice.
    PlainAndDoubled,
}

/// A charging record of the server's own, in seconds by its clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cdr {
    pub(crate) end: f64,
    pub(crate) duration: f64,
}

/// The hosts `caller`, `server`, `callee` and `probe`, whose `tap0` is captured from the beginning on.
pub(crate) struct Lab {
    pub(crate) network: Network,
    folder: tempfile::TempDir,
    server: Running,
    /// What captures `tap0`, and to where; absent once it has ended.
    capture: Option<(Running, PathBuf)>,
}

/// The datagram that ends a capture.
const THE_END: &str = "nothing more comes";

impl Lab {
    /// Absent, with a printed reason, where there cannot be one. `symbols` are given to the server's configuration.
    pub(crate) fn new(mirror: Mirror, symbols: &[&str]) -> Option<Self> {
        let programs = ["kamailio", "sipp", "tcpdump", "tcpreplay"];
        let network = Network::of(&["caller", "server", "callee", "probe"], &programs)?;
        network.ip("server", "addr add 10.77.0.1/32 dev lo");
        network.join(("server", "caller0", "10.77.1.1/24"), ("caller", "eth0", "10.77.1.2/24"));
        network.join(("server", "callee0", "10.77.2.1/24"), ("callee", "eth0", "10.77.2.2/24"));
        network.ip("caller", "route add default via 10.77.1.1");
        network.ip("callee", "route add default via 10.77.2.1");
        network.join(("server", "mirror0", ""), ("probe", "tap0", ""));
        // TCP segments pass a veth in one piece that no cable would take; they shall be replayed as they were.
        network.ip("server", "link set mirror0 mtu 65535");
        network.ip("probe", "link set tap0 mtu 65535");
        let to: &[&str] = match mirror {
            Mirror::Plain => &["mirror0"],
            Mirror::Vxlan => {
                network.tunnel("server", "vxlan0", "mirror0");
                &["vxlan0"]
            }
            Mirror::PlainAndDoubled => {
                network.join(("server", "mirror1", ""), ("probe", "tap1", ""));
                &["mirror0", "mirror1", "mirror1"]
            }
        };
        network.mirror("server", "caller0", to);
        network.mirror("server", "callee0", to);

        let folder = tempfile::tempdir().expect("a folder can be made");
        let log = File::create(folder.path().join("kamailio.log")).expect("a log can be made");
        let mut command = network.command("server", "kamailio");
        command.args(["-DD", "-E", "-m", "64", "-M", "8", "-Y"]).arg(folder.path()).arg("-P");
        command.arg(folder.path().join("pid")).arg("-f").arg(source("tests/live/kamailio.cfg"));
        for symbol in symbols {
            command.args(["-A", symbol]);
        }
        let server = command.stdout(Stdio::null()).stderr(log).spawn().expect("Kamailio starts");
        let mut lab = Self { network, folder, server: Running(server), capture: None };
        lab.until("the server listens", |lab| lab.listens("server", "tcp", 5060));

        lab.capture("tap.pcap");
        Some(lab)
    }

    /// Begins to capture `tap0`.
    pub(crate) fn capture(&mut self, name: &str) {
        // Debian confines tcpdump to files of this extension. Without --immediate-mode it holds frames back for a second.
        let file = self.folder.path().join(name);
        let line = format!("tcpdump -i tap0 -Z root -B 32768 -U --immediate-mode --nano -w {}", file.display());
        let running = self.network.start("probe", &line);
        self.until("it is captured", |_| fs::metadata(&file).is_ok_and(|file| file.len() >= 24));
        self.capture = Some((running, file));
    }

    /// Waits until something is so.
    pub(crate) fn until(&self, what: &str, mut so: impl FnMut(&Self) -> bool) {
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

    /// A called party that waits for the caller's BYE.
    pub(crate) fn callee(&self, transport: &str) -> Running {
        let scenario = self.scenario("callee-waits.xml");
        let callee = self.network.start(
            "callee",
            &format!("sipp -nostdin -sf {} -i 10.77.2.2 -p 5080 -s bob -t {transport}", scenario.display()),
        );
        let protocol = if transport == "t1" { "tcp" } else { "udp" };
        self.until("the callee listens", |lab| lab.listens("callee", protocol, 5080));
        callee
    }

    /// A scenario of the captures, without the program that would exchange MSRP: to start one for each session costs the
    /// calling party more than all its SIP.
    fn scenario(&self, name: &str) -> PathBuf {
        let text = fs::read_to_string(source("pcaps/scenarios").join(name)).expect("the scenario is there");
        let (before, after) = text.split_once("<action>").unwrap_or((&text, "</action>"));
        let after = after.split_once("</action>").map_or("", |(_, after)| after);
        let file = self.folder.path().join(name);
        fs::write(&file, format!("{before}{after}")).expect("a scenario can be written");
        file
    }

    /// How a calling party is started that hangs up after so many milliseconds.
    fn caller_line(&self, count: usize, rate: u32, milliseconds: u32, transport: &str) -> String {
        let scenario = self.scenario("caller-hangs-up.xml");
        format!(
            "sipp -nostdin 10.77.0.1:5060 -sf {} -i 10.77.1.2 -p 5070 -s bob -r {rate} -m {count} -l {count} -d {milliseconds} \
             -t {transport}",
            scenario.display()
        )
    }

    /// A calling party; its sessions are begun, and go on.
    pub(crate) fn caller(&self, count: usize, milliseconds: u32, transport: &str) -> Running {
        let before = self.established();
        let caller = self.network.start("caller", &self.caller_line(count, 200, milliseconds, transport));
        self.until("they are answered", |lab| lab.established() >= before + count);
        caller
    }

    /// So many sessions at this rate, each of 700 ms; returns when they are over and the server has written its records.
    pub(crate) fn sessions(&self, count: usize, rate: u32, transport: &str) {
        let before = self.cdrs().len();
        let callee = self.callee(transport);
        self.network.run("caller", &self.caller_line(count, rate, 700, transport));
        self.until("every CDR is written", |lab| lab.cdrs().len() >= before + count);
        drop(callee);
    }

    /// Sessions whose ACK has come to the server.
    fn established(&self) -> usize {
        self.log().matches("established ci=").count()
    }

    /// The server's own records, by Call-ID.
    pub(crate) fn cdrs(&self) -> BTreeMap<String, Cdr> {
        let field = |line: &str, name: &str| {
            line.split([';', ' ']).find_map(|field| field.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        let cdr = |line: &str| {
            let number = |name| field(line, name)?.parse().ok();
            Some((field(line, "ci")?, Cdr { end: number("end_time")?, duration: number("duration")? }))
        };
        self.log().lines().filter_map(cdr).collect()
    }

    /// What passed `tap0` since it is captured, as somebody else reads it. That ends the capture.
    pub(crate) fn wire(&mut self) -> Wire {
        Wire::read(&self.captured())
    }

    /// The same as the bytes of a capture file.
    pub(crate) fn captured(&mut self) -> Vec<u8> {
        for client in ["10.77.1.2", "10.77.2.2"] {
            // One of them may be cut off.
            let tell = format!("echo {THE_END} > /dev/udp/{client}/9");
            let _ = self.network.command("server", "bash").args(["-c", &tell]).status();
        }
        let (running, file) = self.capture.take().expect("it is captured");
        let has_ended = |bytes: &[u8]| bytes.windows(THE_END.len()).any(|part| part == THE_END.as_bytes());
        self.until("the last frame is captured", |_| fs::read(&file).is_ok_and(|bytes| has_ended(&bytes)));
        drop(running);
        fs::read(&file).expect("there is a capture")
    }

    /// Sends these frames to `tap0`, with the pauses that were between them.
    pub(crate) fn replay(&self, capture: &[u8]) {
        let file = self.folder.path().join("replayed.pcap");
        fs::write(&file, capture).expect("a capture can be written");
        self.network.run("server", &format!("tcpreplay -q -i mirror0 {}", file.display()));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Its children end with it only when it is asked.
        let _ = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.server.0.id())]).status();
        let _ = self.server.0.wait();
    }
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
