//! Real playlists, which may not be distributed and so are not in the repository.

use std::{
    env,
    io::{self, Write as _},
    path::PathBuf,
};

/// The path of a file of the real data in `$PLAYLIST_DATA` or in `shared/data` beside the repository. `None` where it is not, and then a line
/// that says that the test was skipped.
pub(crate) fn real_data(file: &str) -> Option<PathBuf> {
    let folder = env::var_os("PLAYLIST_DATA").map_or_else(
        || [env!("CARGO_MANIFEST_DIR"), "..", "..", "shared", "data"].iter().collect(),
        PathBuf::from,
    );
    let path = folder.join(file);
    if path.exists() {
        return Some(path);
    }
    // Not with a macro: what these print is shown for failed tests only.
    let _ = writeln!(io::stderr(), "skipped: there is no `{file}` (no shared data)");
    None
}
