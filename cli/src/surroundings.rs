//! What the program finds around itself.

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use crate::texts::Lang;

/// What the program finds around itself: `main` looks once, everything else is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Whether a person types on a terminal and reads the answers there; otherwise lines come from a pipe or a file.
    pub interactive: bool,
    /// Whether standard input is a terminal: songs are not awaited from it then.
    pub input_is_terminal: bool,
    /// Whether standard error is a terminal, on which a line may be written over.
    pub errors_are_terminal: bool,
    /// Whether one of the standard streams is a terminal, so that somebody can be asked for a password there.
    pub somebody_is_there: bool,
    /// Whether answers on standard output may be coloured.
    pub colours: bool,
    /// Whether text on standard error may be coloured.
    pub error_colours: bool,
    /// The language that the locale asks for.
    pub lang: Lang,
    /// What `~` stands for in the names of files.
    pub home: Option<PathBuf>,
    /// The file in which the prompt keeps its history; `None` keeps it in memory only.
    pub history: Option<PathBuf>,
}

impl Surroundings {
    /// Looks at the process' standard streams and at `NO_COLOR`, `TERM`, `LC_ALL`, `LC_MESSAGES`, `LANG`, `XDG_STATE_HOME` and the
    /// home directory.
    ///
    /// Reads the environment, so that only a `main` should call it.
    pub fn of_process() -> Self {
        let input_is_terminal = io::stdin().is_terminal();
        let output_is_terminal = io::stdout().is_terminal();
        let errors_are_terminal = io::stderr().is_terminal();
        let colours = allows_colours(env::var_os("NO_COLOR"), env::var_os("TERM"));
        Self {
            interactive: input_is_terminal && output_is_terminal,
            input_is_terminal,
            errors_are_terminal,
            somebody_is_there: input_is_terminal || output_is_terminal || errors_are_terminal,
            colours: output_is_terminal && colours,
            error_colours: errors_are_terminal && colours,
            lang: Lang::of_locale(env::var_os("LC_ALL"), env::var_os("LC_MESSAGES"), env::var_os("LANG")),
            home: env::home_dir(),
            history: history_file(env::var_os("XDG_STATE_HOME"), env::home_dir()),
        }
    }
}

/// <https://no-color.org>: set to anything but the empty string, `NO_COLOR` forbids colours. A `dumb` terminal has none.
fn allows_colours(no_color: Option<OsString>, term: Option<OsString>) -> bool {
    no_color.is_none_or(|value| value.is_empty()) && term.is_none_or(|value| value != "dumb")
}

/// After the XDG Base Directory Specification: a relative `XDG_STATE_HOME` is ignored, and `~/.local/state` stands in.
fn history_file(state_home: Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    state_home
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| home.filter(|path| path.is_absolute()).map(|path| path.join(".local/state")))
        .map(|path| path.join("playlist/history"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_of_no_color_but_the_empty_one_forbids_colours() {
        assert!(!allows_colours(Some("1".into()), None));
        assert!(!allows_colours(Some("0".into()), None));
        assert!(allows_colours(Some("".into()), Some("xterm".into())));
        assert!(allows_colours(None, None));
    }

    #[test]
    fn a_dumb_terminal_gets_no_colours() {
        assert!(!allows_colours(None, Some("dumb".into())));
    }

    #[test]
    fn the_history_lies_in_the_state_directory_of_xdg_or_in_its_default() {
        assert_eq!(
            history_file(Some("/state".into()), Some("/home/a".into())),
            Some("/state/playlist/history".into())
        );
        assert_eq!(
            history_file(Some("state".into()), Some("/home/a".into())),
            Some("/home/a/.local/state/playlist/history".into())
        );
        assert_eq!(history_file(Some("".into()), None), None);
    }
}
