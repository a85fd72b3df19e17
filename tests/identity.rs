//! Rule 2: what makes a record id, and what never enters it.

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use tolltap::charging::RecordId;
use tolltap::probe::{Options, OrphanBye};

use common::replay::run;
use common::scenario::Scenario;

const HEAD: &str = "hosts: alice=192.0.2.1:5060 bob=192.0.2.2:5060 server=192.0.2.10:5060\n\
    call: id=same@example.net caller=alice;tag=zz callee=bob;tag=aa\n";
const WHOLE: &str = "0.000 alice -> bob INVITE\n 0.500 bob -> alice 200\n 0.520 alice -> bob ACK\n\
    10.000 alice -> bob BYE\n 10.010 bob -> alice 200\n end\n";
const OTHER_SIDE: &str = "0.000 alice -> bob INVITE\n 0.500 bob -> alice 200\n 0.520 alice -> bob ACK\n\
    10.000 bob -> alice BYE\n 10.010 alice -> bob 200\n end\n";
const ORPHAN: &str = "9.000 bob -> alice BYE cseq=4 from-tag=aa to-tag=zz\n end\n";

fn ids(ladder: &str, options: Options, later: u64) -> BTreeSet<RecordId> {
    let scenario = Scenario::parse("identity", &format!("{HEAD}{ladder}expect none\n")).expect("readable");
    let outcome = run(options, scenario.later(Duration::from_secs(later)).inputs());
    outcome.last.keys().map(|(id, _)| *id).collect()
}

/// A replay at another time, a probe that joined late, and an end by the other side: the same id.
#[test]
fn time_side_and_completeness_do_not_enter_the_id() {
    let whole = ids(WHOLE, Options::default(), 0);
    assert_eq!(whole.len(), 1);
    assert_eq!(ids(WHOLE, Options::default(), 86_400), whole);
    assert_eq!(ids(OTHER_SIDE, Options::default(), 0), whole);
    assert_eq!(ids(ORPHAN, Options { orphan_bye: OrphanBye::All, ..Options::default() }, 0), whole);
}

/// The NAME of the IM Server enters it, its address does not.
#[test]
fn the_name_of_the_server_enters_the_id() {
    let at = |servers: &str| {
        let text = format!("options: {servers}\n{HEAD}{WHOLE}expect none\n")
            .replace("-> bob", "-> server")
            .replace("bob ->", "server ->");
        let text = text.replace("callee=bob", "callee=server");
        let scenario = Scenario::parse("identity", &text).expect("readable");
        let ids: BTreeSet<RecordId> =
            run(scenario.options.clone(), scenario.inputs()).last.keys().map(|(id, _)| *id).collect();
        assert_eq!(ids.len(), 1, "with {servers}");
        ids
    };
    let unnamed = at("--im-server 192.0.2.10");
    assert_eq!(at("--im-server 192.0.2.0/24:5060"), unnamed);
    assert_eq!(ids(WHOLE, Options::default(), 0), unnamed);
    let named = at("--im-server IM=192.0.2.10");
    assert_ne!(named, unnamed);
    assert_eq!(at("--im-server IM=192.0.2.8/29"), named);
    assert_ne!(at("--im-server OTHER=192.0.2.10"), named);
}
