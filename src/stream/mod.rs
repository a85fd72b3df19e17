//! From transport segments to whole SIP messages: TCP, WebSocket, SCTP; ordered bytes of one direction.
