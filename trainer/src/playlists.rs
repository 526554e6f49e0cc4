use rayon::prelude::*;

use crate::{
    hold_out::stable_hash,
    interning::{Texts, TooMany},
};

/// The playlists as they are read: which row belongs to which, in the order of the rows.
///
/// The rows of a playlist are mostly, but not surely, contiguous. So the playlist is noted once for each run of rows.
#[derive(Default)]
pub(crate) struct Playlists {
    pids: Texts,
    /// What was pushed, in the order of the rows.
    rows: Vec<u32>,
    /// A playlist, and where its run of rows ends.
    runs: Vec<(u32, usize)>,
}

impl Playlists {
    /// Appends a row to the run that is not ended yet.
    pub(crate) fn push(&mut self, row: u32) {
        self.rows.push(row);
    }

    /// Ends a run of rows, which may be empty and may go on what was the last one: they are of the playlist `pid`.
    pub(crate) fn end_run(&mut self, pid: &str) -> Result<(), TooMany> {
        let end = self.rows.len();
        let last = self.runs.last_mut();
        if last.as_ref().map_or(0, |&&mut (_, run_end)| run_end) == end {
            return Ok(());
        }
        match last {
            Some((playlist, run_end)) if self.pids.get(*playlist) == pid => *run_end = end,
            _ => {
                let playlist = self.pids.intern(pid)?;
                self.runs.push((playlist, end));
            }
        }
        Ok(())
    }

    /// The number of playlists.
    pub(crate) fn len(&self) -> usize {
        self.pids.len()
    }

    /// The number of rows.
    pub(crate) fn row_count(&self) -> u64 {
        self.rows.len() as u64
    }

    /// A hash of the pid of each playlist; see [`stable_hash`].
    pub(crate) fn pid_hashes(&self) -> Vec<u64> {
        let pids = &self.pids;
        (0..pids.len() as u32).into_par_iter().map(|pid| stable_hash(&[pids.get(pid).as_bytes()])).collect()
    }

    /// The rows of each playlist together, the playlists in the order in which they came first, and where those of each end.
    pub(crate) fn into_groups(self) -> (Vec<u32>, Vec<usize>) {
        let Playlists { pids, rows, runs } = self;
        if runs.len() == pids.len() {
            // Each playlist came once, so they lie together already.
            return (rows, runs.into_iter().map(|(_, end)| end).collect());
        }
        let runs = || {
            runs.iter().scan(0, |start, &(playlist, end)| {
                let run = &rows[*start..end];
                *start = end;
                Some((playlist as usize, run))
            })
        };
        let mut ends = vec![0; pids.len()];
        for (playlist, run) in runs() {
            ends[playlist] += run.len();
        }
        let mut next = 0;
        for end in &mut ends {
            // For now, where the playlist begins; after all its runs it will have moved to its end.
            (*end, next) = (next, next + *end);
        }
        let mut grouped = vec![0; rows.len()];
        for (playlist, run) in runs() {
            let start = ends[playlist];
            ends[playlist] += run.len();
            grouped[start..ends[playlist]].copy_from_slice(run);
        }
        (grouped, ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(runs: &[(&str, &[u32])], expected: &[&[u32]]) {
        let mut playlists = Playlists::default();
        for &(pid, rows) in runs {
            rows.iter().for_each(|&row| playlists.push(row));
            playlists.end_run(pid).unwrap();
        }
        assert_eq!(playlists.len(), expected.len());
        let (rows, ends) = playlists.into_groups();
        assert_eq!(rows, expected.concat());
        let mut end = 0;
        assert_eq!(
            ends,
            expected
                .iter()
                .map(|rows| {
                    end += rows.len();
                    end
                })
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn rows_of_a_playlist_need_not_be_contiguous() {
        check(
            &[("b", &[5, 6]), ("a", &[7]), ("b", &[5]), ("c", &[8]), ("a", &[9])],
            &[&[5, 6, 5], &[7, 9], &[8]],
        );
    }

    #[test]
    fn contiguous_playlists_stay_as_they_are() {
        check(&[("b", &[5]), ("b", &[6]), ("a", &[7])], &[&[5, 6], &[7]]);
    }

    #[test]
    fn a_playlist_without_a_row_is_none() {
        check(&[("b", &[]), ("a", &[7]), ("b", &[])], &[&[7]]);
    }
}
