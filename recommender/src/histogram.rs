//! A histogram of durations that calls on many threads observe without waiting for each other.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, TypedMetric},
};

/// Durations by buckets. The library's own histogram takes a lock to observe; this one adds to two integers.
#[derive(Clone, Debug)]
pub(crate) struct DurationHistogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Upper bounds in seconds, rising; those above the last are in a bucket of their own.
    bounds: &'static [f64],
    /// The same in nanoseconds.
    bound_nanos: Vec<u64>,
    /// What each bucket holds, the one without a bound last.
    counts: Vec<AtomicU64>,
    /// In nanoseconds, which 64 bits hold for 584 years.
    sum: AtomicU64,
}

impl DurationHistogram {
    /// An empty one with the upper bounds `bounds`, in seconds and rising.
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        DurationHistogram(Arc::new(Inner {
            bounds,
            bound_nanos: bounds.iter().map(|bound| (bound * 1e9).round() as u64).collect(),
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }))
    }

    pub(crate) fn observe(&self, duration: Duration) {
        let inner = &*self.0;
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        // Most calls are quick, so most searches end early.
        let bucket = inner.bound_nanos.iter().take_while(|bound| nanos > **bound).count();
        inner.counts[bucket].fetch_add(1, Relaxed);
        inner.sum.fetch_add(nanos, Relaxed);
    }
}

impl EncodeMetric for DurationHistogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let inner = &*self.0;
        let bounds = inner.bounds.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(inner.counts.iter().map(|count| count.load(Relaxed))).collect();
        // The count is that of the buckets as they were read, so that the two never contradict each other.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let seconds = inner.sum.load(Relaxed) as f64 / 1e9;
        encoder.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for DurationHistogram {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text, registry::Registry};

    use super::*;

    #[test]
    fn a_duration_on_a_bound_is_in_the_bucket_below_it_and_what_is_above_all_bounds_is_counted_too() {
        let histogram = DurationHistogram::new(&[0.001, 0.5]);
        let mut registry = Registry::default();
        registry.register("took", "What it took", histogram.clone());
        for nanos in [0, 1_000_000, 1_000_001, 500_000_000, 2_000_000_000] {
            histogram.observe(Duration::from_nanos(nanos));
        }
        let mut text = String::new();
        text::encode(&mut text, &registry).unwrap();
        for line in [
            r#"took_bucket{le="0.001"} 2"#,
            r#"took_bucket{le="0.5"} 4"#,
            r#"took_bucket{le="+Inf"} 5"#,
            "took_count 5",
            "took_sum 2.502000001",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}: {text}");
        }
    }
}
