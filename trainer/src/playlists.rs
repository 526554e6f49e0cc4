use crate::interning::{Texts, TooMany};

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
    /// Appends a row of the playlist `pid`.
    pub(crate) fn push(&mut self, pid: &str, row: u32) -> Result<(), TooMany> {
        self.rows.push(row);
        let end = self.rows.len();
        match self.runs.last_mut() {
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

    /// The rows of each playlist together, the playlists in the order in which they came first.
    pub(crate) fn into_groups(self) -> Groups {
        let mut starts = vec![0; self.len() + 1];
        for (playlist, run) in self.runs() {
            starts[playlist + 1] += run.len();
        }
        for playlist in 0..self.len() {
            starts[playlist + 1] += starts[playlist];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; self.rows.len()];
        for (playlist, run) in self.runs() {
            let start = next[playlist];
            next[playlist] += run.len();
            rows[start..next[playlist]].copy_from_slice(run);
        }
        Groups { rows, starts }
    }

    fn runs(&self) -> impl Iterator<Item = (usize, &[u32])> {
        self.runs.iter().scan(0, |start, &(playlist, end)| {
            let run = &self.rows[*start..end];
            *start = end;
            Some((playlist as usize, run))
        })
    }
}

/// What [`Playlists::into_groups`] returns.
pub(crate) struct Groups {
    rows: Vec<u32>,
    starts: Vec<usize>,
}

impl Groups {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u32]> {
        self.starts.windows(2).map(|bounds| &self.rows[bounds[0]..bounds[1]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_playlist_need_not_be_contiguous() {
        let mut playlists = Playlists::default();
        for (pid, row) in [("b", 5), ("b", 6), ("a", 7), ("b", 5), ("c", 8), ("a", 9)] {
            playlists.push(pid, row).unwrap();
        }
        assert_eq!(playlists.len(), 3);
        let groups = playlists.into_groups();
        assert_eq!(groups.iter().collect::<Vec<_>>(), [&[5, 6, 5][..], &[7, 9], &[8]]);
    }
}
