//! What a probe that runs says of itself.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use tolltap::capture::PcapWriter;
use tolltap::time::Timestamp;

use crate::exposition::Exposition;
use crate::network::Network;
use crate::packets::esp;
use crate::probe::{PATIENCE, Probe};

/// A probe with a port on which it is asked.
struct Asked {
    network: Network,
    probe: Probe,
    port: String,
    /// What the kernel passes, as it said at its start.
    filter: String,
}

impl Asked {
    fn with(arguments: &str) -> Option<Self> {
        let network = Network::of(&["probe", "trunk"], &["tcpreplay", "bash"])?;
        network.join(("trunk", "out0", ""), ("probe", "tap0", ""));
        let mut probe = Probe::start(&network, "probe", &format!("-i tap0 --metrics 127.0.0.1:0 {arguments}"));
        let filter = probe.line();
        let line = probe.line();
        let address = line.strip_prefix("metrics on http://127.0.0.1:").and_then(|rest| rest.strip_suffix("/metrics"));
        let port = address.unwrap_or_else(|| panic!("{line}")).to_owned();
        Some(Self { network, probe, port, filter })
    }

    /// The answer to a request on the probe's own host.
    fn get(&self, path: &str) -> (String, String) {
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{}; printf 'GET {path} HTTP/1.1\\r\\nHost: probe\\r\\n\\r\\n' >&3; cat <&3",
            self.port
        );
        let output = self.network.command("probe", "bash").args(["-c", &script]).output().expect("bash runs");
        let answer = String::from_utf8(output.stdout).expect("text");
        let said = String::from_utf8_lossy(&output.stderr);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}{said}"));
        (head.to_owned(), body.to_owned())
    }

    fn page(&self) -> Exposition {
        Exposition::read(&self.get("/metrics").1)
    }

    /// Asks again and again, until it is so.
    fn until(&self, what: &str, so: impl Fn(&Exposition) -> bool) -> Exposition {
        let start = Instant::now();
        let mut before = self.page();
        while !so(&before) {
            assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}: {:#?}", before.samples);
            let page = self.page();
            for (sample, value) in &before.samples {
                let (name, _) = sample.split_once('{').unwrap_or((sample, ""));
                let grows = page.families.get(name).is_none_or(|family| family.kind == "counter");
                assert!(!grows || page.value(sample) >= *value, "{sample} was {value}");
            }
            before = page;
        }
        before
    }

    fn replay(&self, file: &Path, options: &str) {
        self.network.run("trunk", &format!("tcpreplay -q {options} -i out0 {}", file.display()));
    }
}

fn capture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pcaps").join(name).with_extension("pcap")
}

#[test]
fn what_was_sent_is_counted_while_it_flows() {
    is_counted_while_it_flows(1);
}

#[test]
fn what_several_workers_saw_is_counted_together() {
    is_counted_while_it_flows(2);
}

fn is_counted_while_it_flows(workers: usize) {
    let Some(mut asked) = Asked::with(&format!("--kernel-filter none --workers {workers}")) else { return };
    let flowing = asked.network.start(
        "trunk",
        &format!("tcpreplay -q --pps 100 --loop 5 -i out0 {}", capture("im-client-terminated-udp").display()),
    );
    asked.until("it is read while it flows", |page| {
        (1.0..315.0).contains(&page.value("tolltap_frames_total{interface=\"tap0\"}"))
    });
    // 63 frames, of which 13 are SIP: one session, and the same again.
    let page = asked.until("all is read", |page| page.value("tolltap_frames_total{interface=\"tap0\"}") == 315.0);
    drop(flowing);
    let sum = |name: &str| -> f64 {
        page.samples.iter().filter(|(sample, _)| sample.starts_with(&format!("{name}{{"))).map(|(_, value)| value).sum()
    };
    assert_eq!(sum("tolltap_sip_messages_total"), 65.0);
    assert_eq!(sum("tolltap_decoded_frames_total"), 315.0);
    assert_eq!(page.value("tolltap_ring_dropped_frames_total{interface=\"tap0\"}"), 0.0);
    assert!(page.value("tolltap_reading_lag_seconds_count{interface=\"tap0\"}") >= 1.0);
    let sessions = page.value("tolltap_sessions_total");
    assert!(sessions >= 1.0);
    assert_eq!(page.value("tolltap_records_total{trigger=\"bye\"}"), sessions);
    // What it takes was opened while that was permitted.
    assert!(page.value("process_resident_memory_bytes") > 1e6);
    page.names_nobody(&["alice", "bob", "10.77", "example"]);

    let page = asked.until("every record is answered", |page| {
        page.value("tolltap_responses_total{result=\"accepted\"}") >= sessions
            && page.value("tolltap_outbox_reports{state=\"under_way\"}") == 0.0
    });
    assert_eq!(page.value("tolltap_bye_to_response_seconds_count"), sessions);
    assert_eq!(page.value("tolltap_bye_to_response_seconds_bucket{le=\"10\"}"), sessions);
    assert_eq!(page.value("tolltap_enabler_connected"), 1.0);
    for path in ["/health", "/ready"] {
        let (head, body) = asked.get(path);
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{path}: {head}");
        assert_eq!(body, "ok\n");
    }
    asked.probe.record();
    let ended = asked.probe.stop();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let line = ended.stderr.lines().find(|line| line.starts_with("bye to response ")).expect("a summary");
    assert!(line.contains(" p99 ") && line.ends_with(" ms"), "{line}");
}

#[test]
fn what_is_encrypted_is_opaque_wherever_it_was_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("esp.pcap");
    let mut writer = PcapWriter::new(File::create(&file).unwrap(), 1).unwrap();
    for sequence in 0..5 {
        writer.packet(Timestamp::from_nanos(i64::from(sequence) * 1_000_000), &esp(sequence)).unwrap();
    }
    drop(writer);
    for (arguments, in_kernel) in [("--kernel-filter auto", true), ("--kernel-filter none", false)] {
        let Some(asked) = Asked::with(arguments) else { return };
        if in_kernel && !asked.filter.contains("eBPF: ") {
            println!("skipped: no eBPF filter here: {}", asked.filter);
            continue;
        }
        asked.replay(&file, "-t");
        let sample = match in_kernel {
            true => "tolltap_filter_frames_total{reason=\"drop_opaque\"}",
            false => "tolltap_encrypted_frames_total{interface=\"tap0\"}",
        };
        asked.until("they are counted", |page| page.samples.get(sample) == Some(&5.0));
        let ended = asked.probe.stop();
        let line = ended.stderr.lines().find(|line| line.starts_with("opaque ")).expect("a summary");
        assert_eq!(line.split_whitespace().nth(1), Some("5"), "{line}");
    }
}

#[test]
fn what_the_process_uses_is_told_although_files_are_out_of_reach() {
    let Some(asked) = Asked::with("--workers 2") else { return };
    let page = asked.page();
    for sample in ["process_resident_memory_bytes", "process_cpu_seconds_total"] {
        assert!(page.value(sample) > 0.0, "{sample}: {:#?}", page.samples);
    }
    assert_eq!(asked.probe.stop().status, Some(0));
}
