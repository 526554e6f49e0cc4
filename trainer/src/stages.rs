use std::time::Instant;

use model::Stage;

use crate::memory;

/// The stages of a run so far.
#[derive(Default)]
pub(crate) struct Stages(pub(crate) Vec<Stage>);

impl Stages {
    /// Notes a stage that works on so many rows of the dataset.
    pub(crate) fn time<T>(&mut self, stage: &str, rows: u64, work: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = work();
        self.add(stage, begin, rows);
        result
    }

    /// Notes a stage that ends now.
    pub(crate) fn add(&mut self, stage: &str, begin: Instant, rows: u64) {
        let seconds = begin.elapsed().as_secs_f64();
        self.0.push(Stage {
            stage: stage.to_owned(),
            seconds,
            rows_per_second: Some((rows as f64 / seconds.max(1e-9)).round()),
            peak_memory_bytes: memory::peak(),
        });
    }
}
