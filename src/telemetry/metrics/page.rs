//! A page of metrics in the making.

use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use crate::buckets::Buckets;

/// Metrics in the order in which they are added, to be written in the text format 0.0.4 of Prometheus.
///
/// Invariant: a family is there once, with at least one sample, and no two of its samples have the same labels; whoever adds
/// one sees to that, and a test reads the page strictly.
#[derive(Debug, Default)]
pub(super) struct Page(Vec<MetricFamily>);

impl Page {
    /// A total since the start.
    pub(super) fn counter(&mut self, name: &str, help: &str, total: u64) {
        self.family(MetricType::COUNTER, name, help, vec![counter(&[], total as f64)]);
    }

    /// A total of seconds since the start.
    pub(super) fn seconds(&mut self, name: &str, help: &str, total: f64) {
        self.family(MetricType::COUNTER, name, help, vec![counter(&[], total)]);
    }

    /// Totals since the start, told apart by a label.
    pub(super) fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        totals: impl IntoIterator<Item = (&'a str, u64)>,
    ) {
        let metrics = totals.into_iter().map(|(value, total)| counter(&[(label, value)], total as f64)).collect();
        self.family(MetricType::COUNTER, name, help, metrics);
    }

    /// How something stands.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(MetricType::GAUGE, name, help, vec![gauge(&[], value)]);
    }

    /// How several things stand, told apart by a label.
    pub(super) fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, f64)>,
    ) {
        let metrics = values.into_iter().map(|(name, value)| gauge(&[(label, name)], value)).collect();
        self.family(MetricType::GAUGE, name, help, metrics);
    }

    /// Times in seconds.
    pub(super) fn histogram<const N: usize>(&mut self, name: &str, help: &str, times: &Buckets<N>) {
        self.family(MetricType::HISTOGRAM, name, help, vec![histogram(&[], times)]);
    }

    /// Times in seconds, told apart by a label.
    pub(super) fn histograms<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        times: impl IntoIterator<Item = (&'a str, &'a Buckets<N>)>,
    ) {
        let metrics = times.into_iter().map(|(value, times)| histogram(&[(label, value)], times)).collect();
        self.family(MetricType::HISTOGRAM, name, help, metrics);
    }

    fn family(&mut self, kind: MetricType, name: &str, help: &str, metrics: Vec<Metric>) {
        if metrics.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        self.0.push(family);
    }

    /// The text.
    pub(super) fn text(&self) -> String {
        // It fails where a family has no name or no sample, which none here has.
        TextEncoder::new().encode_to_string(&self.0).unwrap_or_default()
    }
}

fn labelled(labels: &[(&str, &str)]) -> Metric {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(labels.iter().map(pair).collect())
}

fn counter(labels: &[(&str, &str)], total: f64) -> Metric {
    let (mut metric, mut counter) = (labelled(labels), Counter::default());
    counter.set_value(total);
    metric.set_counter(counter);
    metric
}

fn gauge(labels: &[(&str, &str)], value: f64) -> Metric {
    let (mut metric, mut gauge) = (labelled(labels), Gauge::default());
    gauge.set_value(value);
    metric.set_gauge(gauge);
    metric
}

fn histogram<const N: usize>(labels: &[(&str, &str)], times: &Buckets<N>) -> Metric {
    let (mut metric, mut histogram) = (labelled(labels), Histogram::default());
    let bucket = |(bound, count): (core::time::Duration, u64)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound.as_secs_f64());
        bucket.set_cumulative_count(count);
        bucket
    };
    histogram.set_bucket(times.within().map(bucket).collect());
    histogram.set_sample_count(times.count());
    histogram.set_sample_sum(times.sum().as_secs_f64());
    metric.set_histogram(histogram);
    metric
}
