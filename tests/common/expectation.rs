//! What a scenario expects, and a readable difference where it does not come.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tolltap::charging::{
    Confirmation, MessageBody, NodeRole, Party, Revised, Role, ServiceKind, Sight, StopRecord, Trigger,
};
use tolltap::private::Private;
use tolltap::time::Timestamp;

use super::replay::{COUNTERS, Outcome, life_of};
use super::scenario::{EPOCH, nanos};

/// The last revision of every record, how many revisions left in all, and what was counted.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    pub records: Vec<Vec<(String, String)>>,
    pub revisions: Option<usize>,
    /// Name, and the number that it must be.
    pub counts: Vec<(String, u64)>,
}

impl Expectation {
    /// The lines from `expect` to the end of the file.
    pub fn parse(lines: &[&str]) -> Result<Self, String> {
        let mut expectation = Self::default();
        let mut none = false;
        for line in lines {
            let line = line.trim();
            match line {
                "" | "expect:" => continue,
                "expect none" => {
                    none = true;
                    continue;
                }
                _ => {}
            }
            if let Some(number) = line.strip_prefix("revisions:") {
                expectation.revisions = Some(number.trim().parse().map_err(|_| "revisions: needs a number")?);
            } else if let Some(list) = line.strip_prefix("counts:") {
                for word in list.split_whitespace() {
                    let (name, number) = word.split_once('=').ok_or_else(|| format!("'{word}' is no name=number"))?;
                    if !COUNTERS.iter().any(|(known, _)| *known == name) {
                        return Err(format!("'{name}' is no counted reason"));
                    }
                    expectation
                        .counts
                        .push((name.to_owned(), number.parse().map_err(|_| format!("'{word}' is no name=number"))?));
                }
            } else if let Some(fields) = line.strip_prefix("- ") {
                expectation.records.push(parse_fields(fields)?);
            } else if let Some(record) = expectation.records.last_mut() {
                record.extend(parse_fields(line)?);
            } else {
                return Err(format!("'{line}' expects nothing"));
            }
        }
        if none != expectation.records.is_empty() {
            return Err("say 'expect none', or the records after 'expect:'".to_owned());
        }
        Ok(expectation)
    }

    /// What is not as expected, a line each; empty when all is.
    pub fn differences(&self, outcome: &Outcome) -> String {
        let mut out = String::new();
        let mut left: Vec<&StopRecord> = outcome.last.values().collect();
        let mut unmatched = Vec::new();
        for wanted in &self.records {
            match left.iter().position(|record| mismatches(wanted, record).is_empty()) {
                Some(at) => {
                    left.remove(at);
                }
                None => unmatched.push(wanted),
            }
        }
        for wanted in unmatched {
            let nearest = left
                .iter()
                .enumerate()
                .min_by_key(|(_, record)| mismatches(wanted, record).len())
                .map(|(at, _)| at)
                .filter(|at| mismatches(wanted, left[*at]).len() < wanted.len());
            let title =
                wanted.iter().take(3).map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join(" ");
            match nearest {
                None => _ = writeln!(out, "  missing   {title} …"),
                Some(at) => {
                    let record = left.remove(at);
                    _ = writeln!(out, "  differs   {title} …");
                    for (key, wanted, got) in mismatches(wanted, record) {
                        _ = writeln!(out, "    {key:<24} expected {wanted:<28} got {got}");
                    }
                }
            }
        }
        for record in left {
            _ = writeln!(out, "  unwanted  {}", summary(record));
        }
        if let Some(revisions) = self.revisions.filter(|wanted| *wanted != outcome.records.len()) {
            _ = writeln!(out, "  revisions expected {revisions} got {}:", outcome.records.len());
            for record in &outcome.records {
                _ = writeln!(out, "    {}", summary(record));
            }
        }
        for (name, wanted) in &self.counts {
            let fields = COUNTERS.iter().find(|(known, _)| known == name).map_or(&[][..], |(_, fields)| fields);
            let got: u64 = fields.iter().filter_map(|field| outcome.counts.get(*field)).sum();
            if got != *wanted {
                _ = writeln!(out, "  counted   {name}: expected {wanted} got {got}");
            }
        }
        for (index, (wanted, got)) in outcome.checks.iter().enumerate() {
            if wanted != got {
                _ = writeln!(out, "  check {}   expected {wanted} records by then, got {got}", index + 1);
            }
        }
        out + &broken_promises(outcome)
    }
}

/// What holds for every outcome, whatever the scenario.
pub fn broken_promises(outcome: &Outcome) -> String {
    let mut out = String::new();
    let mut ids = BTreeMap::new();
    let mut lives: BTreeMap<_, Vec<&StopRecord>> = BTreeMap::new();
    for record in &outcome.records {
        let title = summary(record);
        let (times, end) = (&record.times, &record.end);
        if times.answer.zip(times.duration).is_some_and(|(answer, duration)| duration != times.stop.since(answer)) {
            _ = writeln!(out, "  broken    duration is not stop minus answer: {title}");
        }
        if times.duration.is_some() != times.answer.is_some() {
            _ = writeln!(out, "  broken    a duration needs both its ends, and has to be there with them: {title}");
        }
        let by_bye = matches!(end.trigger, Trigger::Bye | Trigger::ByeAnswer);
        if times.detected.is_some() == by_bye {
            _ = writeln!(
                out,
                "  broken    a time of detection is there for ends without BYE, and only for them: {title}"
            );
        }
        if (end.trigger == Trigger::Bye) != (record.evidence.bye == Sight::Seen) && by_bye {
            _ = writeln!(out, "  broken    evidence of the BYE contradicts the trigger: {title}");
        }
        let identity = &record.identity;
        if let (Some(one), Some(other)) = (&identity.caller_tag, &identity.callee_tag) {
            let mut tags = [one.reveal(), other.reveal()];
            tags.sort();
            let key = (identity.server_name.clone(), identity.call_id.reveal(), tags);
            if *ids.entry(key).or_insert(record.record_id) != record.record_id {
                _ = writeln!(out, "  broken    one session has two record ids: {title}");
            }
        }
        let first = record.revision == 1;
        if first != (record.revised == Revised::First) {
            _ = writeln!(out, "  broken    revision 1 and only it is the first: {title}");
        }
        let lives = lives.entry(record.record_id).or_default();
        match life_of(lives.iter().copied(), record) {
            Some(life) => lives[life] = record,
            None if !first && lives.is_empty() => {
                _ = writeln!(out, "  broken    the first revision of a session is not 1: {title}");
            }
            None if !first => _ = writeln!(out, "  broken    a revision was left out: {title}"),
            None => {
                if lives.last().is_some_and(|before| before.times.answer == record.times.answer) {
                    _ = writeln!(out, "  broken    the same session was reported as new twice: {title}");
                }
                lives.push(record);
            }
        }
    }
    let mut other = BTreeMap::new();
    for (key, id) in ids {
        if other.insert(id, key).is_some() {
            _ = writeln!(out, "  broken    two sessions share one record id");
        }
    }
    out
}

/// `key: value key: "value with spaces"`.
fn parse_fields(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut fields = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once(": ").ok_or_else(|| format!("'{rest}' is no 'key: value'"))?;
        let after = after.trim_start();
        let (value, tail) = match after.strip_prefix('"') {
            Some(quoted) => {
                quoted.split_once("\"|").or_else(|| quoted.rsplit_once('"')).ok_or("a quote is not closed")?
            }
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        if !KEYS.contains(&key) {
            return Err(format!("'{key}' is no field of a record"));
        }
        fields.push((key.to_owned(), value.to_owned()));
        rest = tail.trim_start();
    }
    Ok(fields)
}

const KEYS: &[&str] = &[
    "recordId",
    "revision",
    "revised",
    "withdrawn",
    "serverName",
    "callId",
    "callerTag",
    "calleeTag",
    "byeFromTag",
    "byeToTag",
    "forkIndex",
    "inviteTime",
    "answerTime",
    "ackTime",
    "stopTime",
    "detectedTime",
    "duration",
    "trigger",
    "causeCode",
    "endedBy",
    "terminatedBy",
    "reason",
    "from",
    "to",
    "called",
    "calling",
    "calledAsserted",
    "calledChange",
    "calledChangeTime",
    "history",
    "roleOfNode",
    "routeReceived",
    "routeTransmitted",
    "emergency",
    "bodies",
    "body",
    "relatedIcidGeneratedAt",
    "feIdentifiers",
    "callerAgent",
    "calleeAgent",
    "service",
    "communicationService",
    "media",
    "featureTags",
    "access",
    "terminatingIoi",
    "icid",
    "sessionId",
    "contributionId",
    "configured",
    "legs",
    "legCallId",
    "node",
    "evidence.invite",
    "evidence.answer",
    "evidence.ack",
    "evidence.bye",
    "evidence.byeAnswer",
    "evidence.confirmedBy",
    "evidence.notAtServer",
    "evidence.byeChallenged",
    "evidence.framesLost",
    "evidence.streamGaps",
    "evidence.clockSteppedBack",
    "evidence.clockGap",
    "evidence.sessionExpires",
];

/// Key, wanted and got of every field that is not as wanted.
fn mismatches(wanted: &[(String, String)], record: &StopRecord) -> Vec<(String, String, String)> {
    wanted
        .iter()
        .filter_map(|(key, value)| {
            let got = field(record, key);
            let same = match value.as_str() {
                "*" => got != "-",
                "-" => got == "-",
                value if key.ends_with("Time") || key == "duration" => {
                    nanos(value).is_ok_and(|value| nanos(&got).is_ok_and(|got| got == value))
                }
                value => value == got,
            };
            (!same).then(|| (key.clone(), value.clone(), got))
        })
        .collect()
}

/// One field of a record as scenarios write it; `-` where it is absent.
fn field(record: &StopRecord, key: &str) -> String {
    let (identity, times, end, evidence) = (&record.identity, &record.times, &record.end, &record.evidence);
    match key {
        "recordId" => record.record_id.0.iter().map(|byte| format!("{byte:02x}")).collect(),
        "revision" => record.revision.to_string(),
        "revised" => match record.revised {
            Revised::First => "first",
            Revised::LaterBye => "later_bye",
            Revised::MoreComplete => "more_complete",
            Revised::OtherHop => "other_hop",
            Revised::WentOn => "went_on",
        }
        .to_owned(),
        "withdrawn" => record.withdrawn.to_string(),
        "serverName" => shown(Some(identity.server_name.clone()).filter(|name| !name.is_empty())),
        "callId" => text(Some(&identity.call_id)),
        "callerTag" => text(identity.caller_tag.as_ref()),
        "calleeTag" => text(identity.callee_tag.as_ref()),
        "byeFromTag" => text(identity.bye_from_tag.as_ref()),
        "byeToTag" => text(identity.bye_to_tag.as_ref()),
        "forkIndex" => identity.fork_index.to_string(),
        "inviteTime" => time(times.invite),
        "answerTime" => time(times.answer),
        "ackTime" => time(times.ack),
        "stopTime" => time(Some(times.stop)),
        "detectedTime" => time(times.detected),
        "duration" => shown(times.duration.map(|duration| decimal(duration.as_nanos() as i64))),
        "trigger" => match end.trigger {
            Trigger::Bye => "TRIGGER_BYE",
            Trigger::ByeAnswer => "TRIGGER_BYE_ANSWER",
            Trigger::SessionTimer => "TRIGGER_SESSION_TIMER",
            Trigger::DialogFailure => "TRIGGER_DIALOG_FAILURE",
            Trigger::MaxSession => "TRIGGER_MAX_SESSION",
        }
        .to_owned(),
        "causeCode" => end.cause_code.to_string(),
        "endedBy" => party(end.ended_by),
        "terminatedBy" => match end.terminated_by {
            Role::Unspecified => "ROLE_UNSPECIFIED",
            Role::ImClient => "ROLE_IM_CLIENT",
            Role::ImServer => "ROLE_IM_SERVER",
        }
        .to_owned(),
        "reason" => text(end.reasons.first()),
        "from" => text(record.parties.from.as_ref()),
        "to" => text(record.parties.to.as_ref()),
        "called" => text(record.parties.called.as_ref()),
        "calling" => texts(&record.parties.calling),
        "calledChange" => text(record.parties.called_change.as_ref().map(|change| &change.identity)),
        "calledChangeTime" => time(record.parties.called_change.as_ref().map(|change| change.time)),
        "history" => texts(&record.parties.history),
        "roleOfNode" => match record.parties.role_of_node {
            NodeRole::Unspecified => "unspecified",
            NodeRole::Originating => "originating",
            NodeRole::Terminating => "terminating",
        }
        .to_owned(),
        "routeReceived" => text(record.network.route_received.as_ref()),
        "routeTransmitted" => text(record.network.route_transmitted.as_ref()),
        "emergency" => shown(record.service.emergency.then(|| true.to_string())),
        "bodies" => end.bodies.len().to_string(),
        "body" => shown(end.bodies.first().map(body)),
        "relatedIcidGeneratedAt" => text(record.correlation.related_generated_at.as_ref()),
        "feIdentifiers" => text(record.correlation.fe_identifiers.as_ref()),
        "calledAsserted" => texts(&record.parties.called_asserted),
        "callerAgent" => text(record.parties.caller_agent.as_ref()),
        "calleeAgent" => text(record.parties.callee_agent.as_ref()),
        "service" => match record.service.kind {
            ServiceKind::Unknown => "unknown",
            ServiceKind::InstantMessaging => "im",
            ServiceKind::Other => "other",
        }
        .to_owned(),
        "communicationService" => text(record.service.communication_service.as_ref()),
        "media" => record.service.media.len().to_string(),
        "featureTags" => record.service.feature_tags.len().to_string(),
        "access" => texts(&record.network.caller_access),
        "terminatingIoi" => text(record.network.terminating_ioi.as_ref()),
        "icid" => text(record.correlation.icid.as_ref()),
        "sessionId" => text(record.correlation.session_id.as_ref()),
        "contributionId" => text(record.correlation.contribution_id.as_ref()),
        "configured" => text(record.correlation.configured.as_ref()),
        "legs" => record.legs.len().to_string(),
        "legCallId" => text(record.legs.first().map(|leg| &leg.call_id)),
        "node" => shown(record.network.node.map(|node| std::net::SocketAddr::from(*node.reveal()).to_string())),
        "evidence.invite" => sight(evidence.invite),
        "evidence.answer" => sight(evidence.answer),
        "evidence.ack" => sight(evidence.ack),
        "evidence.bye" => sight(evidence.bye),
        "evidence.byeAnswer" => sight(evidence.bye_answer),
        "evidence.confirmedBy" => match evidence.confirmed_by {
            Confirmation::None => "none",
            Confirmation::Answer => "answer",
            Confirmation::Ack => "ack",
            Confirmation::InDialogRequest => "in_dialog_request",
            Confirmation::ByeAnswer => "bye_answer",
        }
        .to_owned(),
        "evidence.notAtServer" => evidence.not_at_server.to_string(),
        "evidence.byeChallenged" => evidence.bye_challenged.to_string(),
        "evidence.framesLost" => evidence.frames_lost.to_string(),
        "evidence.streamGaps" => evidence.stream_gaps.to_string(),
        "evidence.clockSteppedBack" => evidence.clock_stepped_back.to_string(),
        "evidence.clockGap" => evidence.clock_gap.to_string(),
        "evidence.sessionExpires" => shown(evidence.session_expires.map(|seconds| seconds.to_string())),
        other => panic!("'{other}' is in KEYS and has no value"),
    }
}

fn summary(record: &StopRecord) -> String {
    [
        "callId",
        "callerTag",
        "calleeTag",
        "serverName",
        "revision",
        "withdrawn",
        "trigger",
        "answerTime",
        "stopTime",
        "causeCode",
        "endedBy",
        "terminatedBy",
    ]
    .iter()
    .map(|key| format!("{key}: {}", field(record, key)))
    .collect::<Vec<_>>()
    .join(" ")
}

fn party(party: Party) -> String {
    match party {
        Party::Unspecified => "PARTY_UNSPECIFIED",
        Party::Caller => "PARTY_CALLER",
        Party::Callee => "PARTY_CALLEE",
    }
    .to_owned()
}

/// Type, length, disposition and originator, with a comma between.
fn body(body: &MessageBody) -> String {
    let (kind, disposition) = (text(body.content_type.as_ref()), text(body.disposition.as_ref()));
    format!("{kind},{},{disposition},{}", body.length, party(body.originator))
}

fn sight(sight: Sight) -> String {
    match sight {
        Sight::NotSeen => "not_seen",
        Sight::Seen => "seen",
        Sight::NotObservable => "not_observable",
    }
    .to_owned()
}

fn text(value: Option<&Private<Box<[u8]>>>) -> String {
    shown(value.map(|value| String::from_utf8_lossy(value.reveal()).into_owned()))
}

/// All values, with a comma between.
fn texts(values: &[Private<Box<[u8]>>]) -> String {
    shown(Some(values.iter().map(|value| text(Some(value))).collect::<Vec<_>>().join(",")))
}

fn time(value: Option<Timestamp>) -> String {
    shown(value.map(|time| decimal(time.nanos() - EPOCH)))
}

fn decimal(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    format!("{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

fn shown(value: Option<String>) -> String {
    value.filter(|value| !value.is_empty()).unwrap_or_else(|| "-".to_owned())
}
