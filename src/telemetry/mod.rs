//! EDGE: logs, metrics, progress.
