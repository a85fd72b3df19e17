//! Session descriptions, alone and inside multipart bodies.

use tolltap::sip::sdp::Sdp;

use super::script::is_inside;

/// The first line is a Content-Type, empty for none; the body follows.
pub fn sdp(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at(end);
    let body = rest.get(1..).unwrap_or_default();
    let content_type = line.strip_suffix(b"\r").unwrap_or(line);
    if let Some(sdp) = Sdp::read(body, Some(content_type).filter(|value| !value.is_empty())) {
        let range = body.as_ptr_range();
        assert!(sdp.media().all(|section| is_inside(&range, section.formats) || section.formats.is_empty()));
        assert!(sdp.media().count() <= body.len() / 3);
        read_sdp(&sdp);
    }
}

pub(super) fn read_sdp(sdp: &Sdp<'_>) {
    _ = (sdp.origin(), sdp.connection(), sdp.attribute("group"), format!("{sdp:?}"));
    // The sections of one message are few; each walks the lines of its own and, where it has none, of the session.
    for section in sdp.media().take(64) {
        assert!(!section.kind.is_empty() && !section.protocol.is_empty());
        _ = (section.is_msrp(), section.connection(), section.accept_types(), section.path(), section.file_selector());
        _ = (section.setup(), section.msrp_cema(), section.attribute("label"), format!("{section:?}"));
    }
}
