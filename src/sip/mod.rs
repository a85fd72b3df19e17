//! SIP as it really is on the wire: framing, lexer, the headers that charging needs, SDP.
