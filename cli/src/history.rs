//! The lines that were typed, kept from one run to the next in a file that only its owner reads.

use std::{fs, io, path::PathBuf};

use rustyline::error::ReadlineError;

use crate::{output::Output, prompt::LineEditor};

/// The history in its file.
pub(crate) struct History {
    path: PathBuf,
    /// That it cannot be saved is told once.
    is_told: bool,
}

impl History {
    /// Brings back what was typed before; that it cannot be read is told.
    pub(crate) fn load(editor: &mut LineEditor, path: PathBuf, output: Output) -> Self {
        match editor.load_history(&path) {
            Ok(()) => {}
            // The first time.
            Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => output.remark(&output.lang.history_not_read(path.display(), &error.to_string())),
        }
        Self { path, is_told: false }
    }

    /// Keeps a line at once: the terminal may be closed at any time.
    pub(crate) fn keep(&mut self, editor: &mut LineEditor, line: &str, output: Output) {
        if line.is_empty() {
            return;
        }
        let kept = editor
            .add_history_entry(line)
            .and_then(|_| self.make_private().map_err(ReadlineError::from))
            .and_then(|()| editor.append_history(&self.path));
        if let Err(error) = kept
            && !self.is_told
        {
            self.is_told = true;
            output.remark(&output.lang.history_not_saved(self.path.display(), &error.to_string()));
        }
    }

    /// What was typed is nobody else's business, whoever made the file. A new one is made private by rustyline.
    #[cfg(unix)]
    fn make_private(&self) -> io::Result<()> {
        use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};

        if let Some(folder) = self.path.parent() {
            // As the XDG Base Directory Specification asks for.
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        match fs::metadata(&self.path) {
            Ok(file) if file.permissions().mode() & 0o077 == 0 => Ok(()),
            Ok(_) => fs::set_permissions(&self.path, fs::Permissions::from_mode(0o600)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    #[cfg(not(unix))]
    fn make_private(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), fs::create_dir_all)
    }
}
