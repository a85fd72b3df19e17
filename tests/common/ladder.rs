//! From the arrows of a scenario to SIP messages: who says what in which transaction, as real user agents and proxies do.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::message::{Message, reason_phrase, sdp};

/// `a -> b METHOD key=value flag`, with the lines that hang on it.
#[derive(Clone, Debug, Default)]
pub struct Arrow {
    pub from: String,
    pub to: String,
    /// A method, or a status of three digits.
    pub what: String,
    /// `key=value` words; a word without `=` has an empty value.
    pub words: BTreeMap<String, String>,
    /// `+ Name: value`, `= Name: value`, `- Name`.
    pub headers: Vec<(char, String, String)>,
    /// `| line` of a body.
    pub body: Vec<String>,
}

impl Arrow {
    pub fn word(&self, key: &str) -> Option<&str> {
        self.words.get(key).map(String::as_str)
    }

    pub fn has(&self, flag: &str) -> bool {
        self.words.contains_key(flag)
    }

    fn number(&self, key: &str) -> Result<Option<u32>, String> {
        self.word(key).map(|text| text.parse().map_err(|_| format!("{key}={text} is no number"))).transpose()
    }
}

/// Every word an arrow may carry: a misspelt one is an error, not a silently different test.
pub const WORDS: &[&str] = &[
    "by", "cseq", "branch", "via", "lowest", "from-tag", "to-tag", "to", "sdp", "over", "iface", "vlan", "split",
    "stamp", "call", "reason", "uri", "initial", "again", "lost", "body",
];

/// Who of a call sends a request, whichever hosts relay it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Caller,
    Callee,
}

/// A `call:` line and what has been said in it.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    pub id: String,
    hosts: [String; 2],
    /// Absent tags are written `-`.
    tags: [Option<String>; 2],
    uris: [String; 2],
    cseq: [u32; 2],
    established: bool,
    branches: u32,
    sent: Vec<Request>,
    /// Bytes of each message by hop and kind, for `again`.
    said: Vec<(String, String, String, Vec<u8>)>,
}

/// A request as it crossed one hop.
#[derive(Clone, Debug)]
struct Request {
    method: String,
    by: By,
    from: String,
    to: String,
    cseq: u32,
    vias: Vec<String>,
    from_tag: Option<String>,
    to_tag: Option<String>,
    uri: String,
    /// Final status on this hop, with the To-tag of the answer.
    answered: Option<(u16, Option<String>)>,
}

pub type Hosts = BTreeMap<String, SocketAddr>;

impl Call {
    /// `id=… caller=host;tag=… callee=host;tag=… [name=…] [caller-uri=…] [callee-uri=…] [cseq=N] [established]`
    pub fn parse(line: &str, index: usize) -> Result<Self, String> {
        let mut call = Self {
            name: String::new(),
            id: format!("call-{index}@example.net"),
            hosts: ["alice".to_owned(), "bob".to_owned()],
            tags: [Some("a1".to_owned()), Some("b1".to_owned())],
            uris: [String::new(), String::new()],
            cseq: [0, 0],
            established: false,
            branches: 0,
            sent: Vec::new(),
            said: Vec::new(),
        };
        for word in line.split_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            match key {
                "name" => call.name = value.to_owned(),
                "id" => call.id = value.to_owned(),
                "caller" | "callee" => {
                    let side = usize::from(key == "callee");
                    let (host, tag) = value.split_once(";tag=").unwrap_or((value, "-"));
                    call.hosts[side] = host.to_owned();
                    call.tags[side] = tag_of(tag);
                }
                "caller-uri" => call.uris[0] = value.to_owned(),
                "callee-uri" => call.uris[1] = value.to_owned(),
                // The next request of either side is numbered one higher.
                "cseq" => call.cseq = [value.parse().map_err(|_| format!("cseq={value} is no number"))?; 2],
                "established" => call.established = true,
                _ => return Err(format!("'{word}' says nothing about a call")),
            }
        }
        for side in [0, 1] {
            if call.uris[side].is_empty() {
                call.uris[side] = format!("sip:{}@example.net", call.hosts[side]);
            }
        }
        Ok(call)
    }

    /// The bytes of one arrow.
    pub fn say(&mut self, arrow: &Arrow, hosts: &Hosts) -> Result<Vec<u8>, String> {
        if let Some(word) = arrow.words.keys().find(|word| !WORDS.contains(&word.as_str())) {
            return Err(format!("no arrow knows the word '{word}'"));
        }
        let kind = (arrow.from.clone(), arrow.to.clone(), arrow.what.clone());
        if arrow.has("again") {
            let said =
                self.said.iter().rev().find(|(from, to, what, _)| (from, to, what) == (&kind.0, &kind.1, &kind.2));
            return said.map(|(.., bytes)| bytes.clone()).ok_or_else(|| "nothing like this was said before".to_owned());
        }
        let mut message = if arrow.what.len() == 3 && arrow.what.bytes().all(|byte| byte.is_ascii_digit()) {
            self.answer(arrow, hosts)?
        } else {
            self.request(arrow, hosts)?
        };
        if !arrow.body.is_empty() {
            message.set_body(
                "text/plain",
                arrow.body.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect(),
            );
        }
        for (how, name, value) in &arrow.headers {
            match how {
                '+' => message.add(name, value.clone()),
                '=' => message.replace(name, value),
                _ => message.remove(name),
            }
        }
        let bytes = message.render();
        self.said.push((kind.0, kind.1, kind.2, bytes.clone()));
        Ok(bytes)
    }

    fn request(&mut self, arrow: &Arrow, hosts: &Hosts) -> Result<Message, String> {
        let method = arrow.what.clone();
        let by = self.who(arrow)?;
        let side = by as usize;
        let initial = arrow.has("initial");
        let own = self.hosts[side] == arrow.from;
        let wanted = arrow.number("cseq")?;

        // A relay repeats what came in, with its own Via on top.
        let relayed = self
            .sent
            .iter()
            .rev()
            .find(|sent| !own && sent.method == method && sent.by == by && sent.to == arrow.from)
            .filter(|sent| wanted.is_none_or(|cseq| cseq == sent.cseq))
            .cloned();
        let invite = self
            .sent
            .iter()
            .rev()
            .find(|sent| sent.method == "INVITE" && sent.from == arrow.from && sent.to == arrow.to)
            .cloned();
        let mut from_tag = self.tags[side].clone();
        let mut to_tag = if self.in_dialog(&method, initial) { self.tags[1 - side].clone() } else { None };
        let mut vias = Vec::new();
        let mut same_branch = None;
        let mut uri = self.request_uri(by, &method, initial, hosts);
        let mut cseq = wanted;
        if let Some(sent) = relayed {
            (from_tag, to_tag, vias, cseq) = (sent.from_tag, sent.to_tag, sent.vias, Some(sent.cseq));
            uri = sent.uri;
        }
        let failed = invite.as_ref().and_then(|invite| invite.answered.clone()).filter(|(status, _)| *status >= 300);
        match (&invite, failed) {
            (Some(invite), Some((_, tag))) if method == "ACK" => {
                // The acknowledgement of a failure belongs to the INVITE's own transaction, hop by hop.
                same_branch = invite.vias.first().cloned();
                (to_tag, cseq, vias) = (tag, Some(invite.cseq), Vec::new());
                uri.clone_from(&invite.uri);
            }
            (Some(invite), _) if method == "CANCEL" => {
                same_branch = invite.vias.first().cloned();
                (to_tag, cseq, vias) = (invite.to_tag.clone(), Some(invite.cseq), Vec::new());
                uri.clone_from(&invite.uri);
            }
            _ => {}
        }
        let cseq = match cseq {
            Some(cseq) => cseq,
            None if method == "ACK" => {
                self.sent.iter().rev().find(|sent| sent.method == "INVITE" && sent.by == by).map_or(1, |sent| sent.cseq)
            }
            None => self.cseq[side] + 1,
        };
        self.cseq[side] = self.cseq[side].max(cseq);
        if let Some(tag) = arrow.word("from-tag") {
            from_tag = tag_of(tag);
        }
        if let Some(tag) = arrow.word("to-tag") {
            to_tag = tag_of(tag);
        }
        if let Some(given) = arrow.word("uri") {
            uri = given.to_owned();
        }
        let top = match (same_branch, arrow.word("branch")) {
            (Some(via), None) => via,
            (_, branch) => self.via(arrow, hosts, branch)?,
        };
        vias.insert(0, top);
        if let Some(count) = arrow.number("via")? {
            while vias.len() < count as usize {
                vias.push(format!("SIP/2.0/UDP 198.51.100.{}:5060;branch=z9hG4bK-lower-{}", vias.len(), vias.len()));
            }
        }

        if let (Some(branch), Some(last)) = (arrow.word("lowest"), vias.last_mut()) {
            let (sent_by, _) = last.split_once(";branch=").expect("every Via here has one");
            *last = format!("{sent_by};branch={branch}");
        }

        let mut message = Message::new(format!("{method} {uri} SIP/2.0"));
        for via in &vias {
            message.add("Via", via.clone());
        }
        message.add("Max-Forwards", (71 - vias.len()).to_string());
        message.add("From", name_addr(&self.uris[side], from_tag.as_deref()));
        message.add("To", name_addr(&self.uris[1 - side], to_tag.as_deref()));
        message.add("Call-ID", self.id.clone());
        message.add("CSeq", format!("{cseq} {method}"));
        if matches!(method.as_str(), "INVITE" | "UPDATE" | "SUBSCRIBE" | "REGISTER" | "NOTIFY" | "REFER") {
            message.add("Contact", self.contact(side, hosts)?);
        }
        let kind = arrow.word("sdp").unwrap_or(if method == "INVITE" { "msrp" } else { "none" });
        message.set_body("application/sdp", sdp(kind, self.address(side, hosts)?, &self.hosts[side])?);
        self.sent.push(Request {
            method,
            by,
            from: arrow.from.clone(),
            to: arrow.to.clone(),
            cseq,
            vias,
            from_tag,
            to_tag,
            uri,
            answered: None,
        });
        Ok(message)
    }

    fn answer(&mut self, arrow: &Arrow, hosts: &Hosts) -> Result<Message, String> {
        let status: u16 = arrow.what.parse().map_err(|_| "no status")?;
        let cseq = arrow.number("cseq")?;
        let by = arrow.word("by").map(by_name).transpose()?;
        let position = self.sent.iter().rposition(|sent| {
            sent.method != "ACK"
                && sent.from == arrow.to
                && sent.to == arrow.from
                && arrow.word("to").is_none_or(|method| method == sent.method)
                && cseq.is_none_or(|cseq| cseq == sent.cseq)
                && by.is_none_or(|by| by == sent.by)
                && arrow.word("branch").is_none_or(|branch| sent.vias.first().is_some_and(|via| via.ends_with(branch)))
        });
        let request = match position {
            Some(position) => self.sent[position].clone(),
            None => {
                let (Some(method), Some(cseq), Some(by)) = (arrow.word("to"), cseq, by) else {
                    return Err("answers no request of this hop; say to=METHOD cseq=N by=PARTY".to_owned());
                };
                Request {
                    method: method.to_owned(),
                    by,
                    from: arrow.to.clone(),
                    to: arrow.from.clone(),
                    cseq,
                    vias: vec![format!("SIP/2.0/UDP {};branch=z9hG4bK-unseen-{cseq}", host(hosts, &arrow.to)?)],
                    from_tag: self.tags[by as usize].clone(),
                    to_tag: self.tags[1 - by as usize].clone(),
                    uri: String::new(),
                    answered: None,
                }
            }
        };
        let side = request.by as usize;
        let from_tag = arrow.word("from-tag").map_or_else(|| request.from_tag.clone(), tag_of);
        let to_tag = match arrow.word("to-tag") {
            Some(tag) => tag_of(tag),
            None if status == 100 => request.to_tag.clone(),
            None => request.to_tag.clone().or_else(|| self.tags[1 - side].clone()),
        };
        let phrase = arrow.word("reason").unwrap_or_else(|| reason_phrase(status)).replace('_', " ");
        let mut message = Message::new(format!("SIP/2.0 {status} {phrase}"));
        for via in &request.vias {
            message.add("Via", via.clone());
        }
        message.add("From", name_addr(&self.uris[side], from_tag.as_deref()));
        message.add("To", name_addr(&self.uris[1 - side], to_tag.as_deref()));
        message.add("Call-ID", self.id.clone());
        message.add("CSeq", format!("{} {}", request.cseq, request.method));
        let answers_invite = request.method == "INVITE" && (200..300).contains(&status);
        if request.method == "INVITE" && (101..300).contains(&status) {
            message.add("Contact", self.contact(1 - side, hosts)?);
        }
        let kind = arrow.word("sdp").unwrap_or(if answers_invite { "msrp" } else { "none" });
        message.set_body("application/sdp", sdp(kind, self.address(1 - side, hosts)?, &self.hosts[1 - side])?);
        if let Some(position) = position.filter(|_| status >= 200) {
            self.sent[position].answered = Some((status, to_tag));
        }
        self.established |= answers_invite;
        Ok(message)
    }

    /// Who sends this request: said, or told by the ends of the hop, or by what it relays.
    fn who(&self, arrow: &Arrow) -> Result<By, String> {
        if let Some(name) = arrow.word("by") {
            return by_name(name);
        }
        let [caller, callee] = &self.hosts;
        if &arrow.from == caller || &arrow.to == callee {
            return Ok(By::Caller);
        }
        if &arrow.from == callee || &arrow.to == caller {
            return Ok(By::Callee);
        }
        let relayed = self.sent.iter().rev().find(|sent| sent.method == arrow.what && sent.to == arrow.from);
        relayed.map(|sent| sent.by).ok_or_else(|| "say by=caller or by=callee".to_owned())
    }

    fn in_dialog(&self, method: &str, initial: bool) -> bool {
        match method {
            _ if initial => false,
            "ACK" | "BYE" | "PRACK" | "UPDATE" | "INFO" | "NOTIFY" => true,
            "CANCEL" | "REGISTER" | "PUBLISH" => false,
            _ => self.established,
        }
    }

    /// In a dialog requests go to the other side's Contact, before it to its public address.
    fn request_uri(&self, by: By, method: &str, initial: bool, hosts: &Hosts) -> String {
        let other = 1 - by as usize;
        match hosts.get(&self.hosts[other]) {
            Some(address) if self.in_dialog(method, initial) => format!("sip:{}@{address}", self.hosts[other]),
            _ => self.uris[other].clone(),
        }
    }

    fn via(&mut self, arrow: &Arrow, hosts: &Hosts, branch: Option<&str>) -> Result<String, String> {
        self.branches += 1;
        let carrier = match arrow.word("over").unwrap_or("udp") {
            "udp" => "UDP",
            "tcp" => "TCP",
            "sctp" => "SCTP",
            "ws" => "WS",
            other => return Err(format!("nothing goes over '{other}'")),
        };
        let made = format!("z9hG4bK-{}-{}", self.id.split('@').next().unwrap_or_default(), self.branches);
        Ok(format!("SIP/2.0/{carrier} {};branch={}", host(hosts, &arrow.from)?, branch.unwrap_or(&made)))
    }

    fn contact(&self, side: usize, hosts: &Hosts) -> Result<String, String> {
        Ok(format!("<sip:{}@{}>", self.hosts[side], self.address(side, hosts)?))
    }

    fn address(&self, side: usize, hosts: &Hosts) -> Result<SocketAddr, String> {
        host(hosts, &self.hosts[side])
    }
}

pub fn host(hosts: &Hosts, name: &str) -> Result<SocketAddr, String> {
    hosts.get(name).copied().ok_or_else(|| format!("no host is called '{name}'"))
}

fn by_name(name: &str) -> Result<By, String> {
    match name {
        "caller" => Ok(By::Caller),
        "callee" => Ok(By::Callee),
        other => Err(format!("by={other}: a request is by the caller or the callee")),
    }
}

fn tag_of(text: &str) -> Option<String> {
    (text != "-").then(|| text.to_owned())
}

fn name_addr(uri: &str, tag: Option<&str>) -> String {
    match tag {
        Some(tag) => format!("<{uri}>;tag={tag}"),
        None => format!("<{uri}>"),
    }
}
