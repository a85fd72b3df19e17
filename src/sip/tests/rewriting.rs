//! A message written in another legal way is the same message.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// One header, in pieces between which white space or a fold may stand.
#[derive(Clone, Debug)]
struct Line {
    names: &'static [&'static str],
    pieces: Vec<String>,
}

fn lines(call_id: &str, from_tag: &str, to_tag: &str, branch: &str, number: u32) -> Vec<Line> {
    let line = |names, pieces: &[&str]| Line { names, pieces: pieces.iter().map(|&piece| piece.to_owned()).collect() };
    vec![
        line(
            &["Via", "v", "VIA"],
            &["SIP", "/", "2.0", "/UDP ", "host", ";", "branch", "=", branch, ",", "SIP/2.0/TCP x"],
        ),
        line(&["From", "f", "FROM"], &["\"A;tag=x,\\\"\" ", "<sip:a@b;tag=y>", ";", "TAG", "=", from_tag, ";z"]),
        line(&["To", "t", "tO"], &["sip:c@d", ";", "tag", "=", to_tag]),
        line(&["Call-ID", "i", "CALL-id"], &[call_id]),
        line(&["CSeq", "cseq"], &[&format!("{number} "), "BYE"]),
        line(&["Content-Length", "l"], &["0"]),
        line(&["Subject", "s", "X-Other"], &["Call-ID: no ", "To: no"]),
        line(&["P-Asserted-Identity", "p-asserted-identity"], &["<sip:a@b>", ",", "<tel:+1>"]),
    ]
}

/// Where blanks and folds go, and which name is taken: chosen by a list of numbers, used in turn.
fn write(lines: &[Line], choices: &[u8]) -> String {
    let mut choices = choices.iter().copied().cycle();
    let mut choose = || choices.next().unwrap_or(0);
    let mut text = String::new();
    for line in lines {
        text += line.names[usize::from(choose()) % line.names.len()];
        text += ["", " ", "\t "][usize::from(choose()) % 3];
        text += ":";
        for piece in &line.pieces {
            text += ["", " ", "\t", "\r\n ", " \r\n\t", "\r\n  \r\n "][usize::from(choose()) % 6];
            text += piece;
        }
        text += ["\r\n", "\n", " \r\n", "\r\n \r\n"][usize::from(choose()) % 4];
    }
    text
}

proptest! {
    #[test]
    fn folding_order_and_compact_names_change_no_key(
        call_id in "[!-~&&[^:]]{1,40}",
        from_tag in "[a-zA-Z0-9.!%*_+`'~-]{0,20}",
        to_tag in "[a-zA-Z0-9.!%*_+`'~-]{0,20}",
        branch in "z9hG4bK[a-z0-9]{0,20}",
        number in 0u32..=0x7fff_ffff,
        choices in prop::collection::vec(any::<u8>(), 1..80),
        swaps in prop::collection::vec((any::<Index>(), any::<Index>()), 0..12),
    ) {
        let mut lines = lines(&call_id, &from_tag, &to_tag, &branch, number);
        for (one, other) in swaps {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            lines.swap(one, other);
        }
        let text = format!("BYE sip:a@b SIP/2.0\r\n{}\r\n", write(&lines, &choices));
        for carriage in [Carriage::Datagram, Carriage::CutDatagram, Carriage::Stream] {
            let message = Message::parse(text.as_bytes(), carriage);
            prop_assert!(message.is_ok(), "{:?}\n{}", message, text);
            let message = message.unwrap();
            prop_assert_eq!(message.call_id(), call_id.as_bytes());
            prop_assert_eq!(message.from_tag(), from_tag.as_bytes());
            prop_assert_eq!(message.to_tag(), to_tag.as_bytes());
            prop_assert_eq!(message.branch(), branch.as_bytes());
            prop_assert_eq!(message.cseq().number, number);
            prop_assert_eq!(message.via_count(), 2);
            let identities = message.all(Header::PAssertedIdentity).flat_map(|value| value.elements()).count();
            prop_assert_eq!(identities, 2);
        }
    }

    #[test]
    fn unfolding_leaves_words_and_one_blank_for_each_fold(
        words in prop::collection::vec("[!-~]{1,8}", 1..8),
        folds in prop::collection::vec(prop::sample::select(vec!["\r\n ", " \r\n\t ", "\n ", "\r\n \r\n "]), 8),
    ) {
        let folded: String = words.iter().zip(&folds).flat_map(|(word, fold)| [word.as_str(), fold]).collect();
        let value = crate::sip::Value::new(folded.as_bytes());
        prop_assert_eq!(value.unfold().into_owned(), words.join(" ").into_bytes());
    }
}
