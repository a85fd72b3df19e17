//! Scenario files: a ladder of messages, and the records it must give. The grammar is in `tests/scenarios/README.md`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tolltap::packet::{InterfaceId, LinkType};
use tolltap::probe::{ImServer, Loss, Options, OrphanBye};
use tolltap::time::Timestamp;

use super::expectation::Expectation;
use super::ladder::{Arrow, Call, Hosts, host};
use super::replay::TestInput;
use super::transports::Transports;
use super::tunnels::{Encapsulation, Layer};

/// 2026-01-01T00:00:00Z: scenario times count from here.
pub const EPOCH: i64 = 1_767_225_600_000_000_000;

/// A parsed scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: String,
    pub options: Options,
    /// The options as written, for the command line.
    pub option_words: Vec<String>,
    /// In the order in which the probe is fed.
    pub steps: Vec<Step>,
    pub expectation: Expectation,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step {
    Message(Sent),
    Tick(Timestamp),
    Loss(Loss),
    End,
    Check(usize),
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Sent {
    pub time: Timestamp,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub text: Vec<u8>,
    pub carrier: Carrier,
    pub interface: u16,
    pub vlan: Option<u16>,
    /// The second half of the message comes this much later, in another segment or fragment.
    pub split: Option<Duration>,
    /// What follows the header block is in another segment or fragment, which was never captured.
    pub body_lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Udp,
    Tcp,
    WebSocket,
    Sctp,
}

/// A line that happens at a time, before it is made into a step.
struct Event {
    line: usize,
    time: i64,
    what: Happening,
}

enum Happening {
    Arrow(Arrow),
    Tick,
    /// Ticks every ten seconds until this time.
    Idle(i64),
    Loss(u64, u16),
    Clock(i64),
    Check(usize),
    End,
}

impl Scenario {
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut options = Options::default();
        let mut option_words = Vec::new();
        let mut hosts = Hosts::new();
        let mut calls: Vec<Call> = Vec::new();
        let mut carrier = "udp".to_owned();
        let mut events: Vec<Event> = Vec::new();
        let mut expectation = None;
        let lines: Vec<&str> = text.lines().map(without_comment).collect();
        for (index, raw) in lines.iter().enumerate() {
            let at = |error: String| format!("{name}:{}: {error}", index + 1);
            let line = raw.trim();
            if line.is_empty() {
                continue;
            }
            if line.starts_with("expect") {
                expectation = Some(Expectation::parse(&lines[index..]).map_err(at)?);
                break;
            }
            if let Some(list) = line.strip_prefix("options:") {
                option_words.extend(list.split_whitespace().map(str::to_owned));
                options = parse_options(&option_words).map_err(at)?;
            } else if let Some(list) = line.strip_prefix("hosts:") {
                for word in list.split_whitespace() {
                    let (host, address) =
                        word.split_once('=').ok_or_else(|| at(format!("'{word}' is no NAME=ADDR:PORT")))?;
                    let address = address.parse().map_err(|_| at(format!("'{address}' is no address and port")))?;
                    hosts.insert(host.to_owned(), address);
                }
            } else if let Some(list) = line.strip_prefix("call:") {
                calls.push(Call::parse(list, calls.len() + 1).map_err(at)?);
            } else if let Some(word) = line.strip_prefix("carrier:") {
                carrier = word.trim().to_owned();
            } else if let Some(event) = continuation(line, &mut events) {
                event.map_err(at)?;
            } else {
                let event =
                    parse_event(line, index, events.last().map_or(0, |event| event.time), &carrier).map_err(at)?;
                events.push(event);
            }
        }
        if calls.is_empty() {
            calls.push(Call::parse("", 1)?);
        }
        let steps =
            build(&events, &mut calls, &hosts).map_err(|(line, error)| format!("{name}:{}: {error}", line + 1))?;
        let expectation = expectation.ok_or_else(|| format!("{name}: what is expected is missing"))?;
        Ok(Self { name: name.to_owned(), options, option_words, steps, expectation })
    }

    /// The messages that reach the probe.
    pub fn messages(&self) -> impl Iterator<Item = &Sent> {
        self.steps.iter().filter_map(|step| match step {
            Step::Message(sent) => Some(sent),
            _ => None,
        })
    }

    /// The same scenario over another transport, every message of it.
    pub fn over(mut self, carrier: Carrier) -> Self {
        for step in &mut self.steps {
            if let Step::Message(sent) = step {
                sent.carrier = carrier;
            }
        }
        self
    }

    /// The same scenario, that much later.
    pub fn later(mut self, span: Duration) -> Self {
        for step in &mut self.steps {
            match step {
                Step::Message(sent) => sent.time = sent.time.plus(span),
                Step::Tick(time) => *time = time.plus(span),
                Step::Loss(loss) => (loss.from, loss.to) = (loss.from.plus(span), loss.to.plus(span)),
                Step::End | Step::Check(_) => {}
            }
        }
        self
    }

    /// Frames on Ethernet, ticks and losses, as the probe is fed.
    pub fn inputs(&self) -> Vec<TestInput> {
        self.inputs_in(&Encapsulation::plain(), Transports::default())
    }

    /// The same inside tunnels, a VLAN of the scenario innermost, over connections of the caller's making.
    pub fn inputs_in(&self, encapsulation: &Encapsulation, mut transports: Transports) -> Vec<TestInput> {
        let mut inputs = Vec::new();
        let mut serial = 0;
        for step in &self.steps {
            match step {
                Step::Tick(time) => inputs.push(TestInput::Tick(*time)),
                Step::Loss(loss) => inputs.push(TestInput::Loss(*loss)),
                Step::End => inputs.push(TestInput::End),
                Step::Check(wanted) => inputs.push(TestInput::Check(*wanted)),
                Step::Message(sent) => {
                    let mut around = encapsulation.clone();
                    if let Some(id) = sent.vlan {
                        around.layers.insert(0, Layer::Vlan(id));
                    }
                    for (time, packet) in transports.packets(sent) {
                        serial += 1;
                        for bytes in around.frames(&packet, serial, sent.source > sent.destination) {
                            let (wire_len, interface, link) = (bytes.len() as u32, sent.interface, around.link);
                            inputs.push(TestInput::Frame { time, link, bytes, wire_len, interface });
                        }
                    }
                }
            }
        }
        inputs
    }
}

/// Messages are composed in the order of their times, whatever the order in which the probe gets them.
fn build(events: &[Event], calls: &mut [Call], hosts: &Hosts) -> Result<Vec<Step>, (usize, String)> {
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|index| events[*index].time);
    let mut texts: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    for index in order {
        let Happening::Arrow(arrow) = &events[index].what else { continue };
        let name = arrow.word("call").unwrap_or_default();
        let fail = |error: String| (events[index].line, error);
        let call = match name {
            "" => calls.first_mut(),
            name => calls.iter_mut().find(|call| call.name == name),
        };
        let call = call.ok_or_else(|| fail(format!("no call is named '{name}'")))?;
        texts.insert(index, call.say(arrow, hosts).map_err(fail)?);
    }
    let mut steps = Vec::new();
    let mut shift = 0;
    let mut previous = EPOCH;
    for (index, event) in events.iter().enumerate() {
        let fail = |error: String| (event.line, error);
        let time = EPOCH + event.time + shift;
        match &event.what {
            Happening::Clock(by) => shift += by,
            Happening::Tick => steps.push(Step::Tick(Timestamp::from_nanos(time))),
            Happening::Idle(until) => {
                let until = EPOCH + until + shift;
                let ticks = (time..until).step_by(10_000_000_000).chain([until]);
                steps.extend(ticks.map(|time| Step::Tick(Timestamp::from_nanos(time))));
                previous = until;
            }
            Happening::Check(wanted) => steps.push(Step::Check(*wanted)),
            Happening::End => steps.push(Step::End),
            Happening::Loss(count, interface) => steps.push(Step::Loss(Loss {
                interface: InterfaceId(*interface),
                from: Timestamp::from_nanos(previous),
                to: Timestamp::from_nanos(time),
                count: *count,
            })),
            Happening::Arrow(arrow) if arrow.has("lost") => {}
            Happening::Arrow(arrow) => {
                let stamp = arrow.word("stamp").map(nanos).transpose().map_err(fail)?;
                let number = |key| {
                    arrow.word(key).map(str::parse::<u16>).transpose().map_err(|_| fail(format!("{key}: no number")))
                };
                steps.push(Step::Message(Sent {
                    time: Timestamp::from_nanos(stamp.map_or(time, |stamp| EPOCH + stamp)),
                    source: host(hosts, &arrow.from).map_err(fail)?,
                    destination: host(hosts, &arrow.to).map_err(fail)?,
                    text: texts.remove(&index).expect("every arrow was composed"),
                    carrier: carrier(arrow.word("over").unwrap_or("udp")).map_err(fail)?,
                    interface: number("iface")?.unwrap_or(0),
                    vlan: number("vlan")?,
                    split: arrow
                        .word("split")
                        .map(|text| nanos(text).map(|nanos| Duration::from_nanos(nanos as u64)))
                        .transpose()
                        .map_err(fail)?,
                    body_lost: match arrow.word("body") {
                        None => false,
                        Some("lost") => true,
                        Some(other) => return Err(fail(format!("body={other} is not body=lost"))),
                    },
                }));
            }
        }
        previous = previous.max(time);
    }
    Ok(steps)
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.find(" #").map_or(line, |at| &line[..at])
}

/// A line that hangs on the arrow before it.
fn continuation(line: &str, events: &mut [Event]) -> Option<Result<(), String>> {
    let sign = line.chars().next().filter(|sign| matches!(sign, '+' | '=' | '-' | '|'))?;
    let rest = line[1..].trim_start_matches(' ');
    let Some(Event { what: Happening::Arrow(arrow), .. }) = events.last_mut() else {
        return Some(Err("a header line hangs on no message".to_owned()));
    };
    match sign {
        '|' => arrow.body.push(rest.to_owned()),
        '-' => arrow.headers.push(('-', rest.trim().to_owned(), String::new())),
        _ => match rest.split_once(':') {
            None => return Some(Err(format!("'{rest}' is no header"))),
            Some((name, value)) => arrow.headers.push((sign, name.trim().to_owned(), value.trim().to_owned())),
        },
    }
    Some(Ok(()))
}

fn parse_event(line: &str, index: usize, before: i64, carrier: &str) -> Result<Event, String> {
    let mut words = line.split_whitespace();
    let mut first = words.next().unwrap_or_default();
    let mut time = before;
    if first.starts_with(|c: char| c.is_ascii_digit()) {
        time = nanos(first)?;
        first = words.next().ok_or("a time at which nothing happens")?;
    }
    let rest: Vec<&str> = words.collect();
    let argument = || rest.first().copied().ok_or_else(|| format!("'{first}' needs a number"));
    let what = match first {
        "tick" => Happening::Tick,
        "end" => Happening::End,
        "idle" => Happening::Idle(nanos(argument()?)?),
        "check" => Happening::Check(argument()?.parse().map_err(|_| "check needs a number of records")?),
        "clock" => Happening::Clock(nanos(argument()?)?),
        "loss" => {
            let interface = rest.get(1).and_then(|word| word.strip_prefix("iface=")).map_or(Ok(0), str::parse);
            Happening::Loss(
                argument()?.parse().map_err(|_| "loss needs a number of frames")?,
                interface.map_err(|_| "iface needs a number")?,
            )
        }
        from => {
            let ["->", to, what, words @ ..] = rest.as_slice() else {
                return Err(format!("'{line}' is nothing that happens"));
            };
            let mut arrow =
                Arrow { from: from.to_owned(), to: (*to).to_owned(), what: (*what).to_owned(), ..Arrow::default() };
            for word in words {
                let (key, value) = word.split_once('=').unwrap_or((word, ""));
                arrow.words.insert(key.to_owned(), value.to_owned());
            }
            arrow.words.entry("over".to_owned()).or_insert_with(|| carrier.to_owned());
            Happening::Arrow(arrow)
        }
    };
    Ok(Event { line: index, time, what })
}

fn carrier(name: &str) -> Result<Carrier, String> {
    match name {
        "udp" => Ok(Carrier::Udp),
        "tcp" => Ok(Carrier::Tcp),
        "ws" => Ok(Carrier::WebSocket),
        "sctp" => Ok(Carrier::Sctp),
        other => Err(format!("nothing goes over '{other}'")),
    }
}

/// Seconds with at most nine decimals, exactly, as nanoseconds.
pub fn nanos(text: &str) -> Result<i64, String> {
    let wrong = || format!("'{text}' is no time in seconds");
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.len() > 9 {
        return Err(wrong());
    }
    let whole: i64 = whole.parse().map_err(|_| wrong())?;
    let fraction: i64 = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
    Ok(sign * (whole * 1_000_000_000 + fraction))
}

/// The options of the command line that concern the core.
fn parse_options(words: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().map(String::as_str).ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--reorder" => options.reorder = duration(value()?)?,
            "--max-session" => options.max_session = duration(value()?)?,
            "--orphan-bye" => {
                options.orphan_bye = match value()? {
                    "answered" => OrphanBye::Answered,
                    "all" => OrphanBye::All,
                    "never" => OrphanBye::Never,
                    other => return Err(format!("--orphan-bye {other} is unknown")),
                }
            }
            "--im-server" => options.im_servers.push(im_server(value()?)?),
            "--only" => options.only_im = value()? == "im",
            "--one-charging-session" => options.one_charging_session = true,
            "--correlation-header" => options.correlation_header = Some(value()?.to_owned()),
            other => return Err(format!("{other} is no option of the core")),
        }
    }
    Ok(options)
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| format!("'{text}' is no duration"))?;
    match &text[digits.len()..] {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "h" => Ok(Duration::from_secs(number * 3600)),
        _ => Err(format!("'{text}' is no duration")),
    }
}

/// `[NAME=]ADDR[/PREFIX][:PORT]`, an IPv6 address with a port in brackets.
fn im_server(text: &str) -> Result<ImServer, String> {
    let wrong = |_| format!("'{text}' is no server");
    let (name, rest) = text.split_once('=').unwrap_or(("", text));
    let (address, port) = match rest.rsplit_once(':') {
        Some((address, port)) if !address.contains(':') || address.ends_with(']') => (address, Some(port)),
        _ => (rest, None),
    };
    let (address, prefix) = match address.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (address, None),
    };
    let address: IpAddr = address.trim_matches(['[', ']']).parse().map_err(|_| format!("'{text}' is no server"))?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    Ok(ImServer {
        name: name.to_owned(),
        address,
        prefix: prefix.map(str::parse).transpose().map_err(wrong)?.unwrap_or(whole),
        port: port.map(str::parse).transpose().map_err(wrong)?,
    })
}
