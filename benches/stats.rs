//! Numbers that were measured several times, and how they are printed.

use std::time::Duration;

/// Measured values of one thing, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    /// One more value.
    pub(crate) fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// One more duration, in seconds.
    pub(crate) fn time(&mut self, duration: Duration) {
        self.add(duration.as_secs_f64());
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value below which `percent` of all lie (nearest rank); 0 where there is none.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// The middle one.
    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }

    /// `MEDIAN (MIN to MAX)` with a unit, the values multiplied by `scale`.
    pub(crate) fn show(&self, scale: f64, unit: &str) -> String {
        let [low, middle, high] = [1, 50, 100].map(|percent| number(self.percentile(percent) * scale));
        format!("{middle} {unit} ({low} to {high})")
    }

    /// The ratios to another sample, pair by pair: what drifts with the machine falls out.
    pub(crate) fn over(&self, other: &Self) -> Self {
        let pairs = self.0.iter().zip(&other.0).filter(|(_, other)| **other > 0.0);
        Self(pairs.map(|(one, other)| one / other).collect())
    }
}

/// Three digits that matter.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        small if small >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A number of things as a float; beyond 2^52 it is rounded, which no count here reaches.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// The heading of a subject.
pub(crate) fn heading(text: &str) {
    println!("\n== {text}");
}

/// One line: what, and the figure.
pub(crate) fn line(what: &str, figure: &str) {
    println!("{what:<58} {figure}");
}
