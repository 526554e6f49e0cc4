//! What is left of a run that is killed, or whose disk is full: the version in service, whole, and nothing else that stays.
//!
//! `FAULT_ROUNDS` sets how many runs are killed; `FAULT_SEED` draws the same moments as an earlier run of these tests did.

#![cfg(test)]
#![cfg(unix)]

mod program;

use std::{
    env, fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use model::{VersionName, Volume};

use self::program::{Run, stdout};

const DATASETS: usize = 5;

/// Versions that are kept besides the one in service.
const KEEP: usize = 10;

/// Some themes, of which each dataset has other playlists.
fn playlists(dataset: usize) -> String {
    let themes =
        [["HUMBLE.", "Mask Off", "Unforgettable"], ["1985", "1979", "Creep"], ["Jolene", "9 to 5", "Crazy"]];
    let mut csv = "pid,track_name,artist_name\n".to_owned();
    for pid in 0..30 + dataset {
        for (position, title) in themes[pid % 3].iter().enumerate() {
            if (pid + position) % 5 != 0 {
                csv.push_str(&format!("{pid},{title},Artist of {title}\n"));
            }
        }
    }
    csv
}

fn rounds(default: usize) -> usize {
    env::var("FAULT_ROUNDS").map_or(default, |rounds| rounds.parse().expect("FAULT_ROUNDS is a number"))
}

/// Random numbers: SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let seed = match env::var("FAULT_SEED") {
            Ok(seed) => seed.parse().expect("FAULT_SEED is a number"),
            Err(_) => SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64,
        };
        println!("FAULT_SEED={seed}");
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn duration(&mut self, limit: Duration) -> Duration {
        limit.mul_f64(self.next() as f64 / u64::MAX as f64)
    }
}

/// A volume with a version in service, and datasets to train others from.
struct Faults {
    run: Run,
    /// How long a run takes that trains.
    length: Duration,
}

impl Faults {
    fn new() -> Self {
        let run = Run::new(&playlists(0));
        for dataset in 0..DATASETS {
            fs::write(run.path(&format!("{dataset}.csv")), playlists(dataset)).unwrap();
        }
        let faults = Faults { run, length: Duration::ZERO };
        let mut lengths: Vec<Duration> = (0..5)
            .map(|_| {
                let begin = Instant::now();
                assert!(faults.start(0, true).wait().unwrap().success());
                begin.elapsed()
            })
            .collect();
        lengths.sort();
        println!("a run takes {:?}", lengths[2]);
        Faults { length: lengths[2], ..faults }
    }

    fn start(&self, dataset: usize, force: bool) -> Child {
        let mut command = self.run.command();
        command
            .env("DATASET", self.run.path(&format!("{dataset}.csv")))
            .env("MODEL_DIR", self.run.path("volume"))
            .args(["--threads", "2", "--keep-versions", &KEEP.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if force {
            command.arg("--force");
        }
        command.spawn().unwrap()
    }

    /// Starts a run of a dataset that is drawn, which nearly always publishes something.
    fn start_any(&self, random: &mut Random) -> Child {
        let dataset = random.below(DATASETS);
        self.start(dataset, random.below(3) > 0)
    }

    /// Checks what must hold at any moment.
    #[track_caller]
    fn check(&self) {
        let volume = self.run.volume();
        volume.load(&self.run.current()).unwrap();
        for (version, _) in volume.versions().unwrap() {
            volume.load(&version).unwrap();
        }
        // A killed run is not a roll-back by hand.
        assert_eq!(names(&self.run.path("volume/holds")), [""; 0]);
        assert!(self.unfinished().len() <= 2, "{:?}", self.unfinished());
    }

    fn unfinished(&self) -> Vec<String> {
        let all = [self.run.path("volume"), self.run.path("volume/versions")].map(|folder| names(&folder));
        all.concat().into_iter().filter(|name| name.starts_with(".unfinished")).collect()
    }

    /// Runs to the end, which must succeed and clean up, also the versions of runs that were killed before they removed old ones.
    #[track_caller]
    fn check_next_run(&self) {
        assert!(self.start(0, true).wait().unwrap().success());
        let published = self.run.current();
        assert!(self.start(0, false).wait().unwrap().success());
        assert_eq!(self.run.current(), published, "there was something to do");
        assert_eq!(self.unfinished(), [""; 0]);
        assert!(self.run.volume().versions().unwrap().len() <= KEEP + 1);
        self.check();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Reads the volume again and again, as a recommender does, while `work` is done. Whatever `CURRENT` names must load. Returns how often it
/// did, and how many different versions were seen.
fn while_read(volume: &Volume, work: impl FnOnce()) -> (usize, usize) {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut loads, mut overtaken, mut seen) = (0, 0, Vec::<VersionName>::new());
            while !is_done.load(Ordering::Relaxed) {
                let current = volume.current().unwrap().expect("a version is in service");
                if let Err(error) = volume.load(&current) {
                    // While it was read, other versions may have come into service and this one may have been removed as an old one.
                    assert_ne!(volume.current().unwrap(), Some(current), "{error:?}");
                    overtaken += 1;
                    continue;
                }
                loads += 1;
                if !seen.contains(&current) {
                    seen.push(current);
                }
            }
            println!("{overtaken} loads of a version that was replaced and removed meanwhile");
            (loads, seen.len())
        });
        // Also when it fails, for the reader must end.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        is_done.store(true, Ordering::Relaxed);
        let read = reader.join().unwrap();
        if let Err(panic) = done {
            std::panic::resume_unwind(panic);
        }
        read
    })
}

#[test]
fn a_run_killed_at_any_moment_leaves_the_version_in_service_whole() {
    let faults = Faults::new();
    let mut random = Random::seeded();
    let rounds = rounds(150);
    let mut killed = 0;
    let (loads, versions) = while_read(&faults.run.volume(), || {
        for round in 1..=rounds {
            let mut child = faults.start_any(&mut random);
            thread::sleep(random.duration(faults.length));
            child.kill().unwrap();
            let status = child.wait().unwrap();
            assert!(status.success() || status.code().is_none(), "{status:?}");
            killed += usize::from(!status.success());
            faults.check();
            if round % 50 == 0 {
                faults.check_next_run();
            }
        }
        faults.check_next_run();
    });
    println!(
        "{rounds} runs, {killed} killed; meanwhile {loads} loads of {versions} versions, none of which failed"
    );
    assert!(killed > rounds / 2);
}

#[test]
fn of_several_runs_at_once_any_may_be_killed() {
    let faults = Faults::new();
    let mut random = Random::seeded();
    let rounds = rounds(150) / 10;
    let (mut started, mut killed) = (0, 0);
    let (loads, _) = while_read(&faults.run.volume(), || {
        for round in 1..=rounds {
            let mut runs: Vec<Child> = (0..3).map(|_| faults.start_any(&mut random)).collect();
            started += runs.len();
            // The last one may end.
            for child in runs.iter_mut().take(1 + round % 3) {
                thread::sleep(random.duration(faults.length));
                child.kill().unwrap();
            }
            for child in &mut runs {
                let status = child.wait().unwrap();
                assert!(status.success() || status.code().is_none(), "{status:?}");
                killed += usize::from(!status.success());
            }
            faults.check();
        }
        faults.check_next_run();
    });
    println!(
        "{started} runs by three at once, {killed} killed; meanwhile {loads} loads, none of which failed"
    );
}

/// A file system of its own, as large as `size` says, in which `script` runs: a shell's lines with `$1` for the trainer, `$2` for the file
/// system, and `$3` for the folder with the datasets. `None` where the system does not let us make one.
fn on_small_disk(size: &str, datasets: &Path, script: &str) -> Option<String> {
    let disk = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size={size} tmpfs \"$2\"");
    let unshare = |script: &str| {
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-euc", script, "sh"])
            .args([Path::new(env!("CARGO_BIN_EXE_trainer")), disk.path(), datasets])
            .output()
    };
    if !unshare(&mount).is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: no file system of its own can be made here (`unshare --user --mount`)");
        return None;
    }
    Some(stdout(&unshare(&format!("{mount}\n{script}")).unwrap(), 0))
}

#[test]
fn a_disk_that_is_full_at_any_moment_keeps_the_version_in_service_and_the_next_run_succeeds() {
    let faults = Faults::new();
    // With more and more room, until a run succeeds: each step of a publication runs out of it once.
    let script = r#"
        "$1" --model-dir "$2/volume" --dataset "$3/0.csv" >/dev/null 2>&1
        first=$(cat "$2/volume/CURRENT")
        pages=0
        while true; do
            dd if=/dev/zero of="$2/filler" bs=4096 2>/dev/null || true
            truncate -s -$((pages * 4096)) "$2/filler" 2>/dev/null || exit 7
            code=0
            "$1" --model-dir "$2/volume" --dataset "$3/1.csv" --force >/dev/null 2>"$3/log" || code=$?
            rm "$2/filler"
            tail -n 1 "$3/log"
            echo "with $pages pages: $code"
            "$1" versions verify --model-dir "$2/volume" >/dev/null
            [ "$code" -ne 0 ] || break
            [ "$(cat "$2/volume/CURRENT")" = "$first" ]
            [ "$code" -eq 1 ]
            pages=$((pages + 1))
        done
        [ "$(cat "$2/volume/CURRENT")" != "$first" ]
        ls -A "$2/volume" "$2/volume/versions" | grep -c unfinished || true
    "#;
    let Some(told) = on_small_disk("512k", &faults.run.path(""), script) else {
        return;
    };
    println!("{told}");
    assert!(told.contains("with 0 pages: 1"), "{told}");
    assert!(told.contains("No space left on device"), "{told}");
    assert!(told.ends_with("\n0\n"), "something unfinished is left: {told}");
}

#[test]
fn a_volume_that_cannot_be_written_is_told_and_left_alone() {
    let faults = Faults::new();
    let script = r#"
        "$1" --model-dir "$2/volume" --dataset "$3/0.csv" >/dev/null 2>&1
        before=$(cd "$2" && find . -type f | sort | xargs sha256sum)
        mount -o remount,ro "$2"
        code=0
        "$1" --model-dir "$2/volume" --dataset "$3/1.csv" 2>&1 || code=$?
        echo "code $code"
        [ "$before" = "$(cd "$2" && find . -type f | sort | xargs sha256sum)" ]
        mount -o remount,rw "$2"
        "$1" --model-dir "$2/volume" --dataset "$3/1.csv" 2>/dev/null
    "#;
    let Some(told) = on_small_disk("4m", &faults.run.path(""), script) else {
        return;
    };
    assert!(told.contains("code 1") && told.contains("Read-only file system"), "{told}");
    assert!(told.contains("published and put in service"), "{told}");
}
