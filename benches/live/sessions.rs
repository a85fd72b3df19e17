//! Thousands of sessions through Kamailio: is there a record of each, how exact is it, and how soon is it answered?

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::lab::{Lab, Mirror};
use crate::loopback::Loopback;
use crate::probe::Probe;
use crate::reconciliation::{by_call, time};
use crate::spread::Spread;
use crate::wire::{Call, Wire};

const RATE: u32 = 200;

/// Runs so many sessions, and prints what came of it.
pub(crate) fn measure(transport: &str, sessions: usize) {
    let Some(mut lab) = Lab::new(Mirror::Plain, &[]) else { return };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut probe = Probe::on(&lab.network, "probe", "-i tap0 --im-server 10.77.0.1");
    let loopback = Loopback::listen(&lab, folder.path());
    lab.sessions(sessions, RATE, transport);
    let mut records = probe.records(sessions);
    let exchanges = loopback.exchanges(&lab, sessions);
    let ended = probe.stop();
    records.extend(ended.records);

    let (cdrs, capture) = (lab.cdrs(), lab.captured());
    let wire = Wire::read(&capture);
    let calls = by_call(&records);
    let ours: BTreeSet<_> = calls.keys().collect();
    let servers: BTreeSet<_> = cdrs.keys().collect();
    let name = if transport == "u1" { "UDP" } else { "TCP" };
    println!("\n{sessions} sessions through Kamailio over {name}, {RATE} a second\n");
    println!(
        "CDRs {}, StopRecords {}, of the same Call-ID {}",
        servers.len(),
        records.len(),
        ours.intersection(&servers).count()
    );
    for line in
        ended.stderr.lines().filter(|line| ["acknowledged", "damaged or lost"].iter().any(|of| line.starts_with(of)))
    {
        println!("{line}");
    }
    println!("\n{:<58}{:>9}{:>9}{:>9}{:>9}{:>8}", "milliseconds", "median", "90 %", "99 %", "most", "of");

    let both = || calls.iter().filter_map(|(id, record)| Some((*record, wire.call(id), cdrs.get(id)?)));
    let milliseconds = |nanoseconds: i64| nanoseconds as f64 / 1e6;
    let apart = |from: &'static str| {
        Spread::of(both().filter_map(|(record, _, cdr)| {
            let ours = time(record, "stopTime")? - time(record, from)?;
            Some((milliseconds(ours) - cdr.duration * 1e3).abs())
        }))
    };
    let of_the_wire = |what: &dyn Fn(&Call) -> Option<i64>| {
        Spread::of(both().filter_map(|(_, call, _)| what(call)).map(milliseconds))
    };
    let row = |name: &str, spread: &Spread| println!("{name:<58}{spread}");
    let duration = apart("answerTime");
    row("duration of the record (2xx to BYE), and of the CDR: apart", &duration);
    row("ACK to BYE of the record, and duration of the CDR: apart", &apart("ackTime"));
    // The server looks at its clock some time between reading a message and relaying it.
    let unexplained = Spread::of(both().filter_map(|(record, call, cdr)| {
        let ours = milliseconds(time(record, "stopTime")? - time(record, "ackTime")?);
        Some((ours - cdr.duration * 1e3).abs() - milliseconds(call.held("ACK") + call.held("BYE")))
    }));
    row("on the wire: from 2xx to ACK", &of_the_wire(&|call| Some(call.at("ACK")? - call.at("200 INVITE")?)));
    row("on the wire: ACK in the server", &of_the_wire(&|call| Some(call.held("ACK"))));
    row("on the wire: BYE in the server", &of_the_wire(&|call| Some(call.held("BYE"))));
    let differs = |name: &str, what: &str| {
        Spread::of(
            both().filter_map(|(record, call, _)| Some(milliseconds((time(record, name)? - call.at(what)?).abs()))),
        )
    };
    row("answer time, and 2xx in tcpdump's capture: apart", &differs("answerTime", "200 INVITE"));
    row("stop time, and BYE in tcpdump's capture: apart", &differs("stopTime", "BYE"));
    let file = folder.path().join("tap.pcap");
    fs::write(&file, &capture).expect("a capture can be written");
    if let Some(times) = dissected(&file) {
        let first = |id: &str, what: &str| times.get(&(id.to_owned(), what.to_owned())).copied();
        let durations = both().filter_map(|(record, ..)| {
            let id = record["callId"].as_str()?;
            let theirs = first(id, "BYE")? - first(id, "200 INVITE")?;
            Some(milliseconds((time(record, "stopTime")? - time(record, "answerTime")? - theirs).abs()))
        });
        row("duration of the record, and as tshark sees it: apart", &Spread::of(durations));
    }
    println!(
        "more than 20 ms from the CDR: {}; beside the way from 2xx to ACK and what the server held: {}",
        duration.above(20.0),
        unexplained.above(20.0)
    );

    let ways = || {
        calls.values().filter_map(|record| {
            let exchange = exchanges.get(record["recordId"].as_str()?)?;
            Some((time(record, "stopTime")?, exchange.report?, exchange.response?))
        })
    };
    println!();
    row(
        "BYE at the tap, to report on loopback",
        &Spread::of(ways().map(|(bye, report, _)| milliseconds(report - bye))),
    );
    row(
        "report, to Response on loopback",
        &Spread::of(ways().map(|(_, report, response)| milliseconds(response - report))),
    );
    let whole = Spread::of(ways().map(|(bye, _, response)| milliseconds(response - bye)));
    row("BYE at the tap, to Response on loopback", &whole);
    println!("99 of 100 within {:.2} ms; to be under 20, aim 8", whole.percentile(99.0));
}

/// When tshark first saw each message, by Call-ID and what it is. Frames with more than one are left to the others.
fn dissected(capture: &Path) -> Option<BTreeMap<(String, String), i64>> {
    let mut command = Command::new("tshark");
    command
        .args(["-d", "tcp.port==5080,sip", "-d", "udp.port==5080,sip", "-Y", "sip", "-T", "fields", "-r"])
        .arg(capture);
    for field in ["frame.time_epoch", "sip.Call-ID", "sip.CSeq.method", "sip.Status-Code"] {
        command.args(["-e", field]);
    }
    let Ok(output) = command.output() else {
        println!("no tshark: it is not installed");
        return None;
    };
    let mut times = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[at, call, method, status] = fields.as_slice() else { continue };
        if call.contains(',') {
            continue;
        }
        let Some((seconds, fraction)) = at.split_once('.') else { continue };
        let (Ok(seconds), Ok(nanos)) = (seconds.parse::<i64>(), format!("{fraction:0<9}").parse::<i64>()) else {
            continue;
        };
        let what = if status.is_empty() { method.to_owned() } else { format!("{status} {method}") };
        times.entry((call.to_owned(), what)).or_insert(seconds * 1_000_000_000 + nanos);
    }
    Some(times)
}
