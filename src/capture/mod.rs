//! EDGE: capture files and live interfaces.
