//! A strict reader of the text format 0.0.4, made from its description and not from what writes it.

#![allow(dead_code, reason = "each test crate uses its own part of this")]

use std::collections::{BTreeMap, BTreeSet};

/// A page that was read: every sample by its name and labels, as they were written.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    pub(crate) samples: BTreeMap<String, f64>,
    pub(crate) families: BTreeMap<String, Family>,
}

#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) help: String,
    /// Names and values of labels, but for the bounds of buckets.
    pub(crate) labels: BTreeSet<(String, String)>,
    samples: usize,
}

impl Exposition {
    /// # Panics
    /// With the line that is wrong.
    pub(crate) fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line is not ended");
        let mut page = Self::default();
        let mut help: Option<(String, String)> = None;
        let mut current = String::new();
        for line in text.lines() {
            assert_eq!(line.trim(), line, "blanks around: {line:?}");
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, text) = rest.split_once(' ').unwrap_or_else(|| panic!("no text: {line}"));
                assert!(help.is_none(), "HELP without TYPE before: {line}");
                assert!(text.ends_with('.') && !text.contains("  "), "no sentence: {line}");
                help = Some((name.to_owned(), text.to_owned()));
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
                let (helped, help) = help.take().unwrap_or_else(|| panic!("TYPE without HELP: {line}"));
                assert_eq!(helped, name, "HELP of another: {line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                current = name.to_owned();
                page.open(name, kind, help);
            } else {
                assert!(help.is_none(), "a sample between HELP and TYPE: {line}");
                page.sample(&current, line);
            }
        }
        assert!(help.is_none(), "HELP and nothing after it");
        page.check_whole();
        page
    }

    /// The value of a sample, by its name and labels as they are written.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn value(&self, sample: &str) -> f64 {
        *self.samples.get(sample).unwrap_or_else(|| panic!("no {sample} in {:#?}", self.samples))
    }

    fn open(&mut self, name: &str, kind: &str, help: String) {
        assert!(is_name(name), "{name} is no name");
        assert_eq!(name.ends_with("_total"), kind == "counter", "_total is for counters: {name}, {kind}");
        // A unit that is in the name is in the text, for people.
        for unit in ["seconds", "bytes"] {
            if name.contains(&format!("_{unit}")) {
                assert!(help.contains(&format!("in {unit}")), "{name} does not say its unit: {help}");
            }
        }
        for wrong in ["_milliseconds", "_ms", "_kilobytes", "_percent", "_count", "_sum", "_bucket"] {
            assert!(!name.contains(wrong), "{name}: no base unit, or a name that is taken");
        }
        let family = Family { kind: kind.to_owned(), help, labels: BTreeSet::new(), samples: 0 };
        assert!(self.families.insert(name.to_owned(), family).is_none(), "{name} twice");
    }

    fn sample(&mut self, current: &str, line: &str) {
        let (sample, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let (name, labels) = match sample.split_once('{') {
            Some((name, rest)) => {
                let labels = rest.strip_suffix('}').unwrap_or_else(|| panic!("labels without end: {line}"));
                (name, read_labels(labels))
            }
            None => (sample, Vec::new()),
        };
        let family = self.families.get_mut(current).unwrap_or_else(|| panic!("before any TYPE: {line}"));
        let suffix = name.strip_prefix(current).unwrap_or_else(|| panic!("not of {current}: {line}"));
        match family.kind.as_str() {
            "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
            _ => assert_eq!(suffix, "", "{line}"),
        }
        assert_eq!(suffix == "_bucket", labels.iter().any(|(name, _)| name == "le"), "{line}");
        if family.kind != "gauge" {
            assert!(value >= 0.0 && value.is_finite(), "{line}");
        }
        let names: BTreeSet<_> = labels.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), labels.len(), "a label twice: {line}");
        family.labels.extend(labels.into_iter().filter(|(name, _)| name != "le"));
        family.samples += 1;
        assert!(self.samples.insert(sample.to_owned(), value).is_none(), "twice: {line}");
    }

    fn check_whole(&self) {
        for (name, family) in &self.families {
            assert!(family.samples > 0, "{name} has no sample");
            if family.kind == "histogram" {
                self.check_histogram(name);
            }
        }
    }

    /// Buckets rise to the count.
    fn check_histogram(&self, name: &str) {
        let counts = self.samples.iter().filter(|(sample, _)| sample.starts_with(&format!("{name}_count")));
        for (sample, count) in counts {
            let labels = sample.strip_prefix(&format!("{name}_count")).unwrap().trim_matches(['{', '}']);
            let mut buckets: Vec<(f64, f64)> = self
                .samples
                .iter()
                .filter_map(|(sample, count)| {
                    let inner = sample.strip_prefix(&format!("{name}_bucket{{"))?.strip_suffix('}')?;
                    let (before, bound) = inner.split_once("le=\"")?;
                    let bound = bound.strip_suffix('"')?.parse().ok()?;
                    (before.trim_end_matches(',') == labels).then_some((bound, *count))
                })
                .collect();
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(buckets.is_sorted_by(|one, other| one.1 <= other.1), "{sample}: {buckets:?}");
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{sample}");
            let sum = if labels.is_empty() { format!("{name}_sum") } else { format!("{name}_sum{{{labels}}}") };
            self.value(&sum);
        }
    }

    /// Whether nothing here says who or where: no label's value has the look of an address, a URI or a Call-ID, or is one of
    /// these words.
    pub(crate) fn names_nobody(&self, words: &[&str]) {
        for (name, family) in &self.families {
            for (label, value) in &family.labels {
                assert!(value.parse::<std::net::IpAddr>().is_err(), "{name}: {label}={value}");
                assert!(!value.contains(['@', ':', '<', ' ', '%']), "{name}: {label}={value}");
                assert!(!words.iter().any(|word| value.contains(word)), "{name}: {label}={value}");
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits) && !name.contains("__")
}

fn read_labels(mut rest: &str) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {rest}"));
        assert!(is_name(name), "{name} is no name");
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next() {
                Some((end, '"')) => break end,
                Some((_, '\\')) => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                    other => panic!("no escape: {other:?} in {after}"),
                },
                Some((_, character)) => value.push(character),
                None => panic!("a value without end: {after}"),
            }
        };
        labels.push((name.to_owned(), value));
        rest = &after[end + 1..];
        match rest.strip_prefix(',') {
            Some(further) => rest = further,
            None => break,
        }
    }
    assert!(rest.is_empty(), "after the labels: {rest}");
    labels
}
