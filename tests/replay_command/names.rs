//! Names that scripts rely on.

use super::*;

/// In every record, whatever was seen.
const ALWAYS: [&str; 11] = [
    "recordId",
    "revision",
    "callId",
    "stopTime",
    "causeCode",
    "service",
    "trigger",
    "endedBy",
    "terminatedBy",
    "correlation",
    "evidence",
];
/// Where they were seen.
const WHERE_SEEN: [&str; 8] =
    ["callerTag", "calleeTag", "byeFromTag", "byeToTag", "inviteTime", "answerTime", "ackTime", "duration"];

fn is_time(text: &str) -> bool {
    let form = "0000-00-00T00:00:00.000000000Z";
    text.len() == form.len()
        && text.chars().zip(form.chars()).all(|(c, form)| if form == '0' { c.is_ascii_digit() } else { c == form })
}

fn is_duration(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_suffix('s')
        .and_then(|text| text.split_once('.'))
        .is_some_and(|(seconds, nanos)| digits(seconds) && digits(nanos) && nanos.len() == 9)
}

fn check_names(record: &Value) {
    for name in ALWAYS {
        assert!(record.get(name).is_some(), "no {name}: {record}");
    }
    assert!(record["revision"].is_u64() && record["causeCode"].is_i64(), "{record}");
    let id = text(record, "recordId");
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    for name in ["inviteTime", "answerTime", "ackTime", "stopTime", "detectedTime"] {
        assert!(record.get(name).is_none_or(|time| time.as_str().is_some_and(is_time)), "{name}: {record}");
    }
    assert!(record.get("duration").is_none_or(|span| span.as_str().is_some_and(is_duration)), "{record}");
    for (name, prefix) in
        [("trigger", "TRIGGER_"), ("endedBy", "PARTY_"), ("terminatedBy", "ROLE_"), ("service", "SERVICE_")]
    {
        assert!(text(record, name).starts_with(prefix), "{name}: {record}");
    }
}

#[test]
fn a_session_seen_whole_has_every_name() {
    let run = replay(&[pcap("im-client-terminated-udp")], &["--format", "json", "--im-server", "10.77.0.1"]).success();
    let [record] = &lines_of_json(&run.stdout)[..] else { panic!("one record") };
    check_names(record);
    for name in WHERE_SEEN {
        assert!(record.get(name).is_some(), "no {name}: {record}");
    }
}

/// Every scenario that a capture file can hold gives through the command, gRPC and all, what the core gives, byte by
/// byte; and between them they show every value of every enum that scripts read.
#[test]
fn every_scenario_gives_through_the_command_what_the_core_gives() {
    let folder = scratch();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut ran = 0;
    for scenario in scenarios() {
        let only_frames = !scenario.steps.iter().any(|step| matches!(step, Step::Loss(_)));
        let ends = scenario.steps.iter().any(|step| matches!(step, Step::End));
        let interfaces: BTreeSet<u16> = scenario.messages().map(|sent| sent.interface).collect();
        if !only_frames || !ends || interfaces.len() > 1 {
            continue;
        }
        ran += 1;
        let inputs: Vec<TestInput> = scenario.inputs().into_iter().flat_map(as_frames).collect();
        let capture = file(&folder, "scenario.pcap", &capture_file::write(&inputs));
        let options: Vec<&str> = scenario.option_words.iter().map(String::as_str).chain(JSON).collect();
        let got = replay(&[capture], &options).success();
        let outcome = run(scenario.options.clone(), inputs);
        let mut wanted: Vec<&StopRecord> = outcome.last.values().collect();
        wanted.sort_by_key(|record| (record.times.stop, record.record_id));
        let mut lines = Vec::new();
        for record in wanted {
            json::write_record(&mut lines, &wire::encode(record)).unwrap();
            lines.push(b'\n');
        }
        assert_eq!(String::from_utf8_lossy(&got.stdout), String::from_utf8_lossy(&lines), "{}", scenario.name);
        for record in lines_of_json(&got.stdout) {
            check_names(&record);
            seen.extend(["trigger", "endedBy", "terminatedBy", "service"].map(|name| text(&record, name)));
        }
    }
    println!("{ran} scenarios");
    for name in [
        "TRIGGER_BYE",
        "TRIGGER_BYE_ANSWER",
        "TRIGGER_SESSION_TIMER",
        "TRIGGER_DIALOG_FAILURE",
        "TRIGGER_MAX_SESSION",
        "PARTY_CALLER",
        "PARTY_CALLEE",
        "PARTY_UNSPECIFIED",
        "ROLE_IM_CLIENT",
        "ROLE_IM_SERVER",
        "ROLE_UNSPECIFIED",
        "SERVICE_INSTANT_MESSAGING",
        "SERVICE_OTHER",
        "SERVICE_UNSPECIFIED",
    ] {
        assert!(seen.contains(name), "no scenario shows {name}: {seen:?}");
    }
}

/// In a file, time passes only from frame to frame: in place of each tick, frames of nothing in particular. A jump is
/// believed only when several frames agree.
fn as_frames(input: TestInput) -> Vec<TestInput> {
    match input {
        TestInput::Tick(time) => vec![TestInput::frame(time, LinkType::Ethernet, vec![0; 60]); 9],
        input => vec![input],
    }
}

fn scenarios() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".sip.txt"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| Scenario::parse(&path.to_string_lossy(), &fs::read_to_string(path).unwrap()).unwrap())
        .collect()
}
