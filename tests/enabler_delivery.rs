//! The whole edge: an outbox, the client, gRPC on loopback, the Enabler and its store.
#![cfg(feature = "cli")]

mod ch1_support;

use std::sync::Arc;
use std::time::Instant;

use ch1_support::{record, report};
use tolltap::ch1::{Acknowledgements, Ch1Client, ClientOptions, WireRecord, json, wire};
use tolltap::enabler::{Enabler, Filter, Place, Store};
use tolltap::outbox::{Limits, Outbox};

fn deliver(enabler: &Enabler, records: impl IntoIterator<Item = tolltap::charging::StopRecord>) -> Acknowledgements {
    let outbox = Arc::new(Outbox::new(Limits { items: 4096, bytes: 64 << 20 }));
    let client = Ch1Client::start(&enabler.url(), ClientOptions::default(), Arc::clone(&outbox)).unwrap();
    for record in records {
        outbox.push(report(record)).unwrap();
    }
    client.finish().unwrap()
}

fn stored(store: &Store) -> Vec<String> {
    let mut ids = Vec::new();
    store
        .each(&Filter::default(), |body| {
            ids.push(WireRecord::decode(body).unwrap().call_id().to_owned());
            Ok::<_, std::convert::Infallible>(())
        })
        .unwrap();
    ids
}

#[test]
fn every_record_arrives_once_and_in_the_order_of_its_stop() {
    let scratch = tempfile::tempdir().unwrap();
    let enabler = Enabler::start("127.0.0.1:0".parse().unwrap(), &Place::File(scratch.path().join("s"))).unwrap();
    let first = deliver(&enabler, (0..5000).rev().map(record));
    assert_eq!((first.accepted, first.duplicates, first.disconnects), (5000, 0, 0));
    let again = deliver(&enabler, (0..10).map(record));
    assert_eq!((again.accepted, again.duplicates), (0, 10));
    let store = enabler.stop().unwrap();
    assert_eq!(store.totals().unwrap().records, 5000);
    let expected: Vec<_> = (0..5000).map(|n| format!("3848276298220188511-{n}@client{n}.example.com")).collect();
    assert_eq!(stored(&store), expected);
}

#[test]
fn a_restart_of_the_enabler_loses_and_doubles_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("s");
    let enabler = Enabler::start("127.0.0.1:0".parse().unwrap(), &Place::File(path.clone())).unwrap();
    let address = enabler.local_addr();
    let outbox = Arc::new(Outbox::new(Limits { items: 64, bytes: 64 << 20 }));
    let client = Ch1Client::start(&enabler.url(), ClientOptions::default(), Arc::clone(&outbox)).unwrap();
    for n in 0..500 {
        outbox.push(report(record(n))).unwrap();
    }
    // The client is connected and has reports under way; those not answered by now come again.
    enabler.stop().unwrap();
    let enabler = Enabler::start(address, &Place::File(path.clone())).unwrap();
    for n in 500..1000 {
        outbox.push(report(record(n))).unwrap();
    }
    let answers = client.finish().unwrap();
    assert_eq!(answers.accepted + answers.duplicates, 1000);
    assert!(answers.disconnects >= 1);
    let store = enabler.stop().unwrap();
    assert_eq!(store.totals().unwrap().records, 1000);
}

#[test]
fn tells_its_health_and_stops_while_a_client_is_connected() {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;

    let enabler = Enabler::start("127.0.0.1:0".parse().unwrap(), &Place::Temporary).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let status = runtime.block_on(async {
        let endpoint = tonic::transport::Endpoint::from_shared(enabler.url()).unwrap();
        let mut client = HealthClient::new(endpoint.connect().await.unwrap());
        let service = "tolltap.ch1.v1.ChargingEnablerService".to_owned();
        client.check(HealthCheckRequest { service }).await.unwrap().into_inner().status
    });
    assert_eq!(status, 1, "SERVING");
    let idle = Arc::new(Outbox::new(Limits::default()));
    let _client = Ch1Client::start(&enabler.url(), ClientOptions::default(), idle).unwrap();
    assert_eq!(enabler.stop().unwrap().totals().unwrap().records, 0);
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Enabler::start(address, &Place::Temporary).err().unwrap().to_string();
    assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
}

/// Processor time of this process so far, in milliseconds: wall time says little on a shared machine.
fn cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    (ticks(11) + ticks(12)) * 10
}

fn spent((begin, before): (Instant, u64)) -> String {
    format!("{:?} ({} ms of processor)", begin.elapsed(), cpu() - before)
}

/// Not a test of correctness: `cargo test --release --test enabler_delivery -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn measures_records_per_second() {
    let scratch = tempfile::tempdir().unwrap();
    let file = |name: &str| Place::File(scratch.path().join(name));
    for place in [Place::Temporary, file("one"), Place::Temporary, file("other")] {
        let enabler = Enabler::start("127.0.0.1:0".parse().unwrap(), &place).unwrap();
        let records: Vec<_> = (0..30_000).map(record).collect();
        let begin = (Instant::now(), cpu());
        let answers = deliver(&enabler, records);
        println!("{place:?}: 30000 records acknowledged in {}", spent(begin));
        assert_eq!(answers.accepted, 30_000);

        let begin = (Instant::now(), cpu());
        let store = enabler.stop().unwrap();
        println!("  stop {}", spent(begin));
        let begin = (Instant::now(), cpu());
        let mut out = Vec::new();
        let each = |body: &[u8]| {
            json::write_record(&mut out, body).unwrap();
            out.push(b'\n');
            Ok::<_, std::convert::Infallible>(())
        };
        store.each(&Filter::default(), each).unwrap();
        println!("  read back as JSON: {}, {} bytes", spent(begin), out.len());
    }

    let records: Vec<_> = (0..30_000).map(record).collect();
    let begin = (Instant::now(), cpu());
    let bodies: Vec<_> = records.iter().map(wire::encode).collect();
    println!("encode 30000: {}, {} bytes each", spent(begin), bodies[0].len());
    let begin = (Instant::now(), cpu());
    let mut out = Vec::new();
    bodies.iter().for_each(|body| json::write_record(&mut out, body).unwrap());
    println!("JSON 30000: {}", spent(begin));
    let begin = (Instant::now(), cpu());
    bodies.iter().for_each(|body| assert!(wire::digest(body).is_ok()));
    println!("digest 30000: {}", spent(begin));
}
