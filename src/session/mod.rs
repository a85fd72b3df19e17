//! Dialogs, forks, timers, tombstones: when a session began and when it ended.
