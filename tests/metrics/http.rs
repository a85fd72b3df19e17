//! The port as those who ask see it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tolltap::pipeline::Standing;
use tolltap::telemetry::metrics::MetricsPort;
use tolltap::telemetry::{DeskCounts, Vitals};

use crate::exposition::Exposition;
use crate::page::vitals;

/// Nothing here takes as long.
const PATIENCE: Duration = Duration::from_secs(30);

fn served() -> (SocketAddr, Arc<Vitals>) {
    let port = MetricsPort::listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let (address, vitals) = (port.address(), Arc::new(vitals()));
    port.serve(Arc::clone(&vitals)).unwrap();
    (address, vitals)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What comes back until the other side ends it; a reset is an end too.
fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

/// Head and body of the answer.
fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    let answer = rest(stream);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_owned(), body.to_owned())
}

fn get(address: SocketAddr, path: &str) -> (String, String) {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: probe\r\n\r\n"))
}

#[test]
fn metrics_are_in_the_text_format() {
    let (address, _vitals) = served();
    let (head, body) = get(address, "/metrics?name[]=anything");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4\r\n"), "{head}");
    assert!(head.contains("connection: close"), "{head}");
    Exposition::read(&body);
}

#[test]
fn health_and_readiness_say_why_not() {
    let (address, vitals) = served();
    assert!(get(address, "/health").0.starts_with("HTTP/1.1 200 OK\r\n"));
    let (head, body) = get(address, "/ready");
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!(body, "no connection to the Charging Enabler\n");
    vitals.stand(Standing::default(), DeskCounts::default());
    vitals.stop(DeskCounts::default());
    assert!(get(address, "/health").0.starts_with("HTTP/1.1 200 OK\r\n"), "what was read is still delivered");
    assert_eq!(get(address, "/ready").1, "it is stopping\n");
}

#[test]
fn what_is_not_there_and_what_cannot_be_done_is_said() {
    let (address, _vitals) = served();
    for path in ["/", "/metrics/", "/favicon.ico", "*"] {
        let (head, _) = get(address, path);
        assert!(head.starts_with("HTTP/1.1 404 "), "{path}: {head}");
    }
    let (head, _) = ask(address, "POST /metrics HTTP/1.1\r\nHost: probe\r\nContent-Length: 3\r\n\r\nabc");
    assert!(head.starts_with("HTTP/1.1 405 ") && head.contains("allow: GET, HEAD\r\n"), "{head}");
    let (head, _) = ask(address, "\x16\x03\x01 no request\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
}

#[test]
fn head_has_no_body() {
    let (address, _vitals) = served();
    let (head, body) = ask(address, "HEAD /metrics HTTP/1.1\r\nHost: probe\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(body, "");
}

#[test]
fn who_has_said_all_still_gets_its_answer() {
    let (address, _vitals) = served();
    let mut stream = connect(address);
    stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(rest(stream).ends_with("\r\n\r\nok\n"));
}

#[test]
fn one_connection_is_good_for_one_request() {
    let (address, _vitals) = served();
    let one = "GET /health HTTP/1.1\r\nHost: probe\r\n\r\n";
    let (_, body) = ask(address, &one.repeat(3));
    assert_eq!(body, "ok\n");
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let (address, _vitals) = served();
    let mut stream = connect(address);
    let field = format!("X-Filler: {}\r\n", "x".repeat(1000));
    // It ends, so that nothing but its length is wrong with it.
    let _ = stream.write_all(format!("GET /metrics HTTP/1.1\r\nHost: probe\r\n{}\r\n", field.repeat(64)).as_bytes());
    let answer = rest(stream);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn who_says_nothing_is_left() {
    let (address, _vitals) = served();
    let start = Instant::now();
    let mut slow = connect(address);
    slow.write_all(b"GET /metrics HT").unwrap();
    let silent = connect(address);
    assert_eq!(rest(silent), "");
    let _ = rest(slow);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn who_holds_every_connection_keeps_nobody_out() {
    let (address, _vitals) = served();
    let held: Vec<_> = (0..64).map(|_| connect(address)).collect();
    let start = Instant::now();
    let (head, _) = get(address, "/health");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(start.elapsed() < Duration::from_secs(1), "it did not wait for them: {:?}", start.elapsed());
    drop(held);
}

#[test]
fn an_address_in_use_is_said_in_one_line() {
    let (address, _vitals) = served();
    let error = MetricsPort::listen(address).unwrap_err().to_string();
    assert!(error.starts_with(&format!("--metrics {address}: cannot listen there: ")), "{error}");
    assert_eq!(error.lines().count(), 1);
}

/// What `tolltap live` says and how it ends, when asked to show metrics there.
fn refused(address: &str) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tolltap"));
    let output = command.args(["live", "-i", "lo", "--metrics", address]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_command_says_what_is_wrong_with_an_address() {
    let (address, _vitals) = served();
    let (status, said) = refused(&address.to_string());
    assert_eq!(status, Some(1));
    assert!(said.starts_with(&format!("tolltap: --metrics {address}: cannot listen there: ")), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for wrong in ["9464", "localhost", "127.0.0.1", "127.0.0.1:99999"] {
        assert_eq!(refused(wrong).0, Some(2), "{wrong}");
    }
}
