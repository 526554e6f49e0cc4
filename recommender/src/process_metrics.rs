//! What the kernel says of this process, under the names that Prometheus' client libraries have agreed on.

use std::{fmt, fs, sync::OnceLock};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// Reads `/proc` at each scrape. What cannot be read is left out, which is everything where there is no `/proc`.
#[derive(Debug)]
pub(crate) struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stat = fs::read_to_string("/proc/self/stat").ok();
        if let Some(stat) = stat.as_deref().and_then(Stat::parse) {
            ConstCounter::new(stat.cpu_seconds).encode(encoder.encode_descriptor(
                "process_cpu_seconds",
                "Time that the process ran on processors, in user and system mode together.",
                None,
                MetricType::Counter,
            )?)?;
            let mut gauge = |name, help, value: f64| {
                ConstGauge::new(value).encode(encoder.encode_descriptor(
                    name,
                    help,
                    None,
                    MetricType::Gauge,
                )?)
            };
            gauge(
                "process_resident_memory_bytes",
                "Memory of the process that is in RAM.",
                stat.resident_bytes,
            )?;
            gauge("process_virtual_memory_bytes", "Address space of the process.", stat.virtual_bytes)?;
            gauge("process_threads", "Threads of the process.", stat.threads)?;
            if let Some(began) = began_at(&stat) {
                gauge("process_start_time_seconds", "When the process began, in Unix time.", began)?;
            }
        }
        let mut gauge = |name, help, value: Option<f64>| match value {
            Some(value) => ConstGauge::new(value).encode(encoder.encode_descriptor(
                name,
                help,
                None,
                MetricType::Gauge,
            )?),
            None => Ok(()),
        };
        gauge("process_open_fds", "Open file descriptors of the process.", open_files())?;
        gauge("process_max_fds", "File descriptors that the process may have open.", max_files())?;
        gauge(
            "recommender_memory_limit_bytes",
            "Memory that the process may use: the limit of its container, or else the RAM of the machine.",
            memory_limit(),
        )
    }
}

/// The parts of `/proc/self/stat` that are told, see proc_pid_stat(5).
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    began_after_boot: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The second field is the name in parentheses, which may hold anything, parentheses too.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        // The manual counts from 1, and what is left begins with the third field.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        Some(Stat {
            cpu_seconds: (field(14)? + field(15)?) / ticks,
            threads: field(20)?,
            began_after_boot: field(22)? / ticks,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * rustix::param::page_size() as f64,
        })
    }
}

/// When the process began, in Unix time. It is computed once: whenever the clock is set, the kernel tells another time of the
/// start of the machine, which would look like a restart.
fn began_at(stat: &Stat) -> Option<f64> {
    static BEGAN_AT: OnceLock<Option<f64>> = OnceLock::new();
    *BEGAN_AT.get_or_init(|| {
        let text = fs::read_to_string("/proc/stat").ok()?;
        let booted = text.lines().find_map(|line| line.strip_prefix("btime "))?;
        Some(booted.trim().parse::<f64>().ok()? + stat.began_after_boot)
    })
}

fn open_files() -> Option<f64> {
    // One of them is that of the folder itself.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

fn max_files() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let limits = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    limits.split_ascii_whitespace().next()?.parse().ok()
}

/// The least of what the control group of the container, of either version, and the machine allow.
fn memory_limit() -> Option<f64> {
    let control_groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .into_iter()
        .filter_map(|path| fs::read_to_string(path).ok()?.trim().parse::<f64>().ok());
    control_groups.chain(memory_of_the_machine()).reduce(f64::min)
}

fn memory_of_the_machine() -> Option<f64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(total.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let rest =
            "R 1 1 1 0 -1 4194304 98 0 0 0 250 50 0 0 20 0 7 0 2506512 3133440 362 18446744073709551615";
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let expected = Stat {
            cpu_seconds: 300.0 / ticks,
            threads: 7.0,
            began_after_boot: 2_506_512.0 / ticks,
            virtual_bytes: 3_133_440.0,
            resident_bytes: 362.0 * rustix::param::page_size() as f64,
        };
        for name in ["recommender", "a) 1 2 (b"] {
            assert_eq!(Stat::parse(&format!("42 ({name}) {rest}\n")).as_ref(), Some(&expected), "{name}");
        }
        assert_eq!(Stat::parse("42 (cut off) R 1 1"), None);
    }
}
