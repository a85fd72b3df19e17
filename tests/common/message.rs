//! SIP text: complete, correct messages with every header where a real stack would put it.

use std::net::SocketAddr;

/// A SIP message to be sent.
#[derive(Clone, Debug)]
pub struct Message {
    pub start: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Message {
    pub fn new(start: String) -> Self {
        Self { start, headers: Vec::new(), body: Vec::new() }
    }

    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Replaces the first header of that name and removes its others; adds it where there was none.
    pub fn replace(&mut self, name: &str, value: &str) {
        match self.headers.iter().position(|(have, _)| have.eq_ignore_ascii_case(name)) {
            None => self.add(name, value),
            Some(at) => {
                self.headers[at] = (name.to_owned(), value.to_owned());
                let mut index = 0;
                self.headers.retain(|(have, _)| {
                    index += 1;
                    index - 1 <= at || !have.eq_ignore_ascii_case(name)
                });
            }
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(have, _)| !have.eq_ignore_ascii_case(name));
    }

    pub fn set_body(&mut self, content_type: &str, body: Vec<u8>) {
        self.remove("Content-Type");
        if !body.is_empty() {
            self.add("Content-Type", content_type);
        }
        self.body = body;
    }

    /// The bytes, with a right Content-Length at the end of the headers unless one was put there on purpose.
    pub fn render(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Content-Length")) {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        text += "\r\n";
        let mut bytes = text.into_bytes();
        bytes.extend(&self.body);
        bytes
    }
}

/// What a stack usually writes behind the status.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        199 => "Early Dialog Terminated",
        200 => "OK",
        202 => "Accepted",
        302 => "Moved Temporarily",
        401 => "Unauthorized",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        422 => "Session Interval Too Small",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        603 => "Decline",
        _ => "Status",
    }
}

/// A session description of one kind: `msrp`, `audio`, `both`, `refused` (an MSRP section with port 0), `file` or `none`.
pub fn sdp(kind: &str, at: SocketAddr, user: &str) -> Result<Vec<u8>, String> {
    let address = at.ip();
    let family = if at.is_ipv6() { "IP6" } else { "IP4" };
    let uri_host = if at.is_ipv6() { format!("[{address}]") } else { address.to_string() };
    let head = format!(
        "v=0\r\no={user} 2890844526 2890844526 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n"
    );
    let audio = "m=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
    let msrp = |port: u16| {
        format!(
            "m=message {port} TCP/MSRP *\r\na=accept-types:message/cpim text/plain\r\na=path:msrp://{uri_host}:2855/{user}s3ss10n;tcp\r\n"
        )
    };
    let media = match kind {
        "none" => return Ok(Vec::new()),
        "msrp" => msrp(2855),
        "refused" => msrp(0),
        "audio" => audio.to_owned(),
        "both" => format!("{audio}{}", msrp(2855)),
        "audio+refused" => format!("{audio}{}", msrp(0)),
        "file" => {
            format!("{}a=sendonly\r\na=file-selector:name:\"photo.jpg\" type:image/jpeg size:4092\r\n", msrp(2855))
        }
        other => return Err(format!("no session description is called '{other}'")),
    };
    Ok(format!("{head}{media}").into_bytes())
}
