//! The messages of one session: who speaks, when, and in which words.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::rng::Rng;

/// The IM Server's side of every hop.
pub const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 10), 5060);

const MILLIS: u64 = 1_000_000;

/// How much the user agents and the network say in their headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// An IM client: INVITEs of about 850 bytes.
    Plain,
    /// The same client in an IMS core, where every node adds its headers: INVITEs of about 2600 bytes.
    Ims,
}

/// What is sent, in the order of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Invite,
    Trying,
    Ringing,
    Ok,
    Ack,
    Bye,
    ByeOk,
}

impl Step {
    pub const ALL: [Self; 7] = [Self::Invite, Self::Trying, Self::Ringing, Self::Ok, Self::Ack, Self::Bye, Self::ByeOk];
}

/// One session, worked out from its number alone: nothing about it has to be kept.
pub struct Session {
    /// The IM Client's address. Two thousand clients share the sessions.
    pub client: SocketAddrV4,
    /// Every third server sends no 100: the 180 comes at once.
    pub has_trying: bool,
    /// The network invites the client, rather than the client the network.
    terminating: bool,
    /// The side that was invited hangs up.
    callee_hangs_up: bool,
    /// Nanoseconds from the INVITE to each step.
    delays: [u64; 7],
    caller: u64,
    callee: u64,
    id: [u64; 3],
    profile: Profile,
    tcp: bool,
}

impl Session {
    pub fn new(number: u64, profile: Profile, tcp: bool) -> Self {
        let mut rng = Rng::new(number.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x7061_7373);
        let client = rng.within(0, 2000) as u32;
        let ringing = rng.within(40, 300) * MILLIS;
        let answer = ringing + rng.within(200, 5_000) * MILLIS;
        let ack = answer + rng.within(5, 80) * MILLIS;
        // From seconds to minutes; half of them under 50 s.
        let length = rng.within(2, 100) * if rng.one_in(3) { 1_800 } else { 600 };
        let bye = ack + length * MILLIS;
        let bye_ok = bye + rng.within(5, 80) * MILLIS;
        let jitter = rng.within(0, MILLIS);
        Self {
            client: SocketAddrV4::new(Ipv4Addr::from(0x0a40_0000 + client * 7), 5060 + (client % 5) as u16 * 10),
            has_trying: !number.is_multiple_of(3),
            terminating: rng.one_in(3),
            callee_hangs_up: rng.one_in(2),
            delays: [0, 2 * MILLIS + jitter, ringing, answer, ack, bye, bye_ok],
            caller: 31_600_000_000 + rng.within(0, 50_000_000),
            callee: 31_600_000_000 + rng.within(0, 50_000_000),
            id: [rng.next(), rng.next(), rng.next()],
            profile,
            tcp,
        }
    }

    /// Nanoseconds after the INVITE, in a session that lasts so many times longer.
    pub fn delay(&self, step: Step, stretch: u64) -> u64 {
        let longer = match step {
            Step::Bye | Step::ByeOk => {
                (stretch - 1) * (self.delays[Step::Bye as usize] - self.delays[Step::Ack as usize])
            }
            _ => 0,
        };
        self.delays[step as usize] + longer
    }

    /// Whether the IM Client sends this message; else the IM Server does.
    pub fn is_from_client(&self, step: Step) -> bool {
        let by_caller = match step {
            Step::Invite | Step::Ack => true,
            Step::Trying | Step::Ringing | Step::Ok => false,
            Step::Bye => !self.callee_hangs_up,
            Step::ByeOk => self.callee_hangs_up,
        };
        by_caller != self.terminating
    }

    /// Appends the message.
    pub fn write(&self, step: Step, out: &mut Vec<u8>) {
        let message = Writing { session: self, step };
        let mut head = Vec::with_capacity(3 * 1024);
        message.head(&mut head);
        let mut body = Vec::with_capacity(1024);
        if matches!(step, Step::Invite | Step::Ok) {
            message.sdp(&mut body);
            head.extend_from_slice(b"Content-Type: application/sdp\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\n\r\n", body.len());
        out.extend_from_slice(&head);
        out.extend_from_slice(&body);
    }
}

/// Every node on the way of an IMS session that stays on its route.
const ROUTE: [&str; 3] = [
    "<sip:term@pcscf2.visited.example.org:5060;lr;ottag=ue_term>",
    "<sip:mo@scscf1.ims.mnc004.mcc316.3gppnetwork.example.org:6060;lr;transport=udp>",
    "<sip:mo@pcscf1.ims.mnc004.mcc316.3gppnetwork.example.org:5060;lr;ottag=ue_orig>",
];

struct Writing<'a> {
    session: &'a Session,
    step: Step,
}

impl Writing<'_> {
    fn head(&self, out: &mut Vec<u8>) {
        let Session { caller, callee, id, .. } = *self.session;
        let step = self.step;
        let is_request = matches!(step, Step::Invite | Step::Ack | Step::Bye);
        let reversed = matches!(step, Step::Bye | Step::ByeOk) && self.session.callee_hangs_up;
        let (sender, receiver) = if reversed { (callee, caller) } else { (caller, callee) };
        // Where the two ends of this hop are, whichever of them speaks now.
        let (here, there) = if self.session.terminating != reversed {
            (SERVER, self.session.client)
        } else {
            (self.session.client, SERVER)
        };
        let transport = if self.session.tcp { "TCP" } else { "UDP" };
        let _ = match step {
            Step::Invite => write!(out, "INVITE sip:+{receiver}@im.example.net;user=phone SIP/2.0\r\n"),
            Step::Ack => write!(out, "ACK sip:+{receiver}@{there};ob SIP/2.0\r\n"),
            Step::Bye => write!(out, "BYE sip:+{receiver}@{there};ob SIP/2.0\r\n"),
            Step::Trying => write!(out, "SIP/2.0 100 Trying\r\n"),
            Step::Ringing => write!(out, "SIP/2.0 180 Ringing\r\n"),
            Step::Ok | Step::ByeOk => write!(out, "SIP/2.0 200 OK\r\n"),
        };
        let transaction = match step {
            Step::Ack => id[0] ^ 0x0f0f_0f0f,
            Step::Bye | Step::ByeOk => id[0] ^ 0xf0f0_f0f0,
            _ => id[0],
        };
        let _ = write!(out, "Via: SIP/2.0/{transport} {here};branch=z9hG4bK-524287-1---{transaction:016x};rport\r\n");
        if self.session.profile == Profile::Ims {
            self.network_path(is_request, transaction, out);
        }
        if is_request {
            out.extend_from_slice(b"Max-Forwards: 70\r\n");
        }
        let (caller_tag, callee_tag) = (id[1] as u32, id[1] >> 32);
        let (own_tag, other_tag) =
            if reversed { (callee_tag, u64::from(caller_tag)) } else { (u64::from(caller_tag), callee_tag) };
        let _ = write!(out, "From: \"User {}\" <sip:+{sender}@im.example.net>;tag={own_tag:08x}\r\n", sender % 10_000);
        let _ = write!(out, "To: <sip:+{receiver}@im.example.net;user=phone>");
        if !matches!(step, Step::Invite | Step::Trying) {
            let _ = write!(out, ";tag={other_tag:08x}");
        }
        let (number, method) = match step {
            Step::Ack => (1, "ACK"),
            Step::Bye | Step::ByeOk => (2, "BYE"),
            _ => (1, "INVITE"),
        };
        let (first, second) = (id[2], id[0] ^ id[1]);
        let _ = write!(
            out,
            "\r\nCall-ID: {:08x}-{:04x}-4{:03x}-9{:03x}-{:012x}\r\nCSeq: {number} {method}\r\n",
            first as u32,
            (first >> 32) as u16,
            (first >> 48) & 0xfff,
            second & 0xfff,
            second >> 16,
        );
        if !matches!(step, Step::Trying | Step::ByeOk) {
            let (user, at) = if is_request { (sender, here) } else { (receiver, there) };
            let _ = write!(out, "Contact: <sip:+{user}@{at};ob>;+g.oma.sip-im");
            if self.session.profile == Profile::Ims {
                let _ = write!(
                    out,
                    ";+sip.instance=\"<urn:gsma:imei:{:08}-{:06}-0>\";+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.session\"",
                    user % 100_000_000,
                    user % 1_000_000
                );
            }
            out.extend_from_slice(b"\r\n");
        }
        self.capabilities(out);
        if self.session.profile == Profile::Ims {
            self.network_identity(out);
        }
    }

    /// What the user agent says of itself.
    fn capabilities(&self, out: &mut Vec<u8>) {
        let agent = if self.session.is_from_client(self.step) {
            "IM-client/OMA1.0 Meridian-Messenger/7.4.1"
        } else {
            "IM-serv/OMA1.0 Meridian-Exchange/3.2"
        };
        let _ = match self.step {
            Step::Trying => Ok(()),
            Step::Invite => write!(
                out,
                "Accept-Contact: *;+g.oma.sip-im\r\nUser-Agent: {agent}\r\n\
                 Allow: INVITE, ACK, CANCEL, BYE, UPDATE, MESSAGE, INFO\r\n\
                 Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n"
            ),
            Step::Ok => write!(
                out,
                "Server: {agent}\r\nAllow: INVITE, ACK, CANCEL, BYE, UPDATE, MESSAGE, INFO\r\n\
                 Require: timer\r\nSession-Expires: 1800;refresher=uac\r\n"
            ),
            Step::Ack | Step::Bye => write!(out, "User-Agent: {agent}\r\n"),
            Step::Ringing | Step::ByeOk => write!(out, "Server: {agent}\r\n"),
        };
    }

    /// What proxies add before and after themselves.
    fn network_path(&self, is_request: bool, transaction: u64, out: &mut Vec<u8>) {
        for (node, port) in [("scscf1", 6060), ("pcscf1", 5060)] {
            let _ = write!(
                out,
                "Via: SIP/2.0/UDP {node}.ims.mnc004.mcc316.3gppnetwork.example.org:{port};\
                 branch=z9hG4bK{transaction:016x}{port}.1;received=198.51.100.7\r\n"
            );
        }
        let name = match self.step {
            Step::Invite | Step::Ok | Step::Ringing => "Record-Route",
            Step::Ack | Step::Bye => "Route",
            Step::Trying | Step::ByeOk => return,
        };
        let nodes = if is_request { &ROUTE[1..] } else { &ROUTE[..] };
        for node in nodes {
            let _ = write!(out, "{name}: {node}\r\n");
        }
    }

    /// What the network vouches for.
    fn network_identity(&self, out: &mut Vec<u8>) {
        let Session { caller, callee, id, .. } = *self.session;
        if matches!(self.step, Step::Trying) {
            return;
        }
        let _ = write!(out, "Session-ID: {:016x}{:016x};remote={:032x}\r\n", id[0], id[1], u128::from(id[2]));
        let cell = id[2] & 0xfff_ffff;
        let access = format_args!(
            "P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=31600411{cell:07x};network-provided\r\n"
        )
        .to_string();
        match self.step {
            Step::Invite => {
                let _ = write!(
                    out,
                    "P-Asserted-Identity: \"User {}\" <sip:+{caller}@ims.mnc004.mcc316.3gppnetwork.example.org;user=phone>\r\n\
                     P-Asserted-Identity: <tel:+{caller}>\r\n{access}\
                     P-Charging-Vector: icid-value=\"pcscf1-{:016x}-{:08x}\";icid-generated-at=198.51.100.7;\
                     orig-ioi=ims.mnc004.mcc316.3gppnetwork.example.org\r\n\
                     P-Charging-Function-Addresses: ccf=\"aaa://ccf1.ims.example.org:3868\";ccf=\"aaa://ccf2.ims.example.org:3868\"\r\n\
                     P-Asserted-Service: urn:urn-7:3gpp-service.ims.icsi.oma.cpm.session\r\n\
                     P-Early-Media: supported\r\nPrivacy: none\r\n\
                     Accept-Contact: *;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.session\";require;explicit\r\n\
                     Conversation-ID: {:032x}\r\nContribution-ID: {:032x}\r\n",
                    caller % 10_000,
                    id[0],
                    id[1] as u32,
                    u128::from(id[1]) << 64 | u128::from(id[2]),
                    u128::from(id[2]) << 64 | u128::from(id[0]),
                );
            }
            Step::Ok => {
                let _ = write!(
                    out,
                    "P-Asserted-Identity: <sip:+{callee}@ims.mnc004.mcc316.3gppnetwork.example.org;user=phone>\r\n{access}\
                     P-Charging-Vector: icid-value=\"pcscf1-{:016x}-{:08x}\";icid-generated-at=198.51.100.7;\
                     orig-ioi=ims.mnc004.mcc316.3gppnetwork.example.org;term-ioi=ims.visited.example.org\r\n\
                     Contribution-ID: {:032x}\r\n",
                    id[0],
                    id[1] as u32,
                    u128::from(id[2]) << 64 | u128::from(id[0]),
                );
            }
            _ => out.extend_from_slice(access.as_bytes()),
        }
    }

    /// MSRP (RFC 4975), as an IM client offers it.
    fn sdp(&self, out: &mut Vec<u8>) {
        let at = if self.session.is_from_client(self.step) { self.session.client } else { SERVER };
        let version = self.session.id[2] as u32;
        let (address, port) = (at.ip(), 20_000 + version % 20_000);
        let _ = write!(
            out,
            "v=0\r\no=- {version} 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m=message {port} TCP/MSRP *\r\na=accept-types:message/cpim\r\n\
             a=accept-wrapped-types:text/plain image/jpeg\r\na=path:msrp://{address}:{port}/{version:08x};tcp\r\n\
             a=setup:actpass\r\na=sendrecv\r\n"
        );
        if self.session.profile == Profile::Ims {
            let _ = write!(
                out,
                "a=msrp-cema\r\na=max-size:104857600\r\na=chatroom:nickname private-messages\r\n\
                 a=fingerprint:SHA-256 {0:02X}:5D:33:9B:2E:{1:02X}:71:0C:F1:44:A0:8E:57:19:6B:D2:{0:02X}:90:3F:C5:11:7A:28:E6:{1:02X}:B3:42:65:0D:9C:AF:38\r\n\
                 a=connection:new\r\nb=AS:128\r\nb=RS:0\r\nb=RR:0\r\n",
                version & 0xff,
                version >> 8 & 0xff,
            );
        }
    }
}
