//! What can go wrong, and what the program tells then.

use std::{
    error::Error as StdError,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use client_lib::Error as ServiceError;

use crate::{layout::Style, output::clean, texts::Lang, tunnel::TunnelFailure};

/// How far a message goes on to the right where it does not fit into one line, in columns.
const INDENT: usize = 4;

/// Why the program could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The command line, or a line of the session, cannot be followed.
    #[error("{0}")]
    Misuse(String),
    /// An option goes only with another one.
    #[error("`{given}` needs its `{missing}`")]
    Alone {
        /// The option.
        given: &'static str,
        /// The other one.
        missing: &'static str,
    },
    /// The file that shall hold a token holds none.
    #[error("`{}` holds no token", path.display())]
    NoToken {
        /// The file.
        path: PathBuf,
    },
    /// A file that the command line names cannot be read.
    #[error("`{}` cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The service was not reached, refused the request, or failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// There is no tunnel to the service.
    #[error(transparent)]
    Tunnel(#[from] TunnelFailure),
    /// Songs cannot be read.
    #[error("standard input cannot be read; songs are UTF-8 text, one a line")]
    Input(#[source] io::Error),
    /// An answer cannot be written.
    #[error("the answer cannot be written to standard output")]
    Output(#[source] io::Error),
    /// A file that the command line names cannot be written.
    #[error("`{}` cannot be written", path.display())]
    Written {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An answer has no form in JSON.
    #[error("the answer cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    /// The prompt cannot use the terminal.
    #[error("the terminal cannot be read; without one, pipe the lines in")]
    Terminal(#[source] io::Error),
}

impl Failure {
    /// Whether the reader of standard output has gone, as `head` does when it has seen enough: no failure to tell.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The exit code that `--help` tells of.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Misuse(_)
            | Self::Alone { .. }
            | Self::NoToken { .. }
            | Self::File { .. }
            | Self::Service(
                ServiceError::InvalidUrl { .. }
                | ServiceError::InvalidCredentials { .. }
                | ServiceError::InvalidRequest { .. },
            ) => 2,
            Self::Service(error) if is_unreachable(error) => 3,
            Self::Tunnel(_) => 3,
            Self::Service(
                ServiceError::NotReady { .. }
                | ServiceError::Overloaded { .. }
                | ServiceError::Unavailable { .. },
            ) => 4,
            _ => 1,
        })
    }

    /// Tells on standard error what failed, why, and what to do.
    pub(crate) fn report(&self, style: Style) {
        // There is no other place to tell it when this fails.
        let _ = io::stderr().write_all(self.message(style).as_bytes());
    }

    fn message(&self, style: Style) -> String {
        let lang = style.lang;
        // The mark is coloured last, for escape sequences have a width to whom wraps lines.
        let mark = lang.error_mark();
        let mut message = style.wrapped(&format!("{mark} {}", clean(&lang.failure(self))), INDENT);
        message.replace_range(..mark.len(), &style.red(&mark));
        let mut tell = |text: String| message.push_str(&style.wrapped(&text, INDENT));
        let mut cause = self.source();
        while let Some(error) = cause {
            tell(format!("  {} {}", lang.cause_mark(), clean(&error.to_string())));
            cause = error.source();
        }
        if let Self::Tunnel(failure) = self {
            tell(format!("{} {}", lang.hint_mark(), failure.hint(lang)));
        }
        if let Self::Service(error) = self {
            if let ServiceError::InvalidRequest { message: told, violations, .. } = error {
                for violation in violations.iter().filter(|one| !told.contains(&one.description)) {
                    tell(format!("  {}: {}", clean(&violation.field), clean(&violation.description)));
                }
            }
            if matches!(error, ServiceError::Tls { .. } | ServiceError::Unauthenticated { .. }) {
                tell(format!("{} {}", lang.hint_mark(), lang.credentials_hint()));
            }
            if is_unreachable(error) {
                // Commands are not broken, so that they can be copied.
                message.push_str(&format!("{} {}\n", lang.hint_mark(), lang.tunnel_hint()));
            }
        }
        message
    }
}

/// What failed on the service, and why, in one line.
pub(crate) fn in_one_line(error: &ServiceError, lang: Lang) -> String {
    let mut text = clean(&lang.service_failure(error)).into_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(if text.ends_with('?') { " " } else { ": " });
        text.push_str(&clean(&error.to_string()));
        cause = error.source();
    }
    text
}

/// Whether no service answered: a tunnel whose far end is missing accepts connections and closes them.
pub(crate) fn is_unreachable(error: &ServiceError) -> bool {
    matches!(
        error,
        ServiceError::Connect { .. }
            | ServiceError::Timeout { .. }
            | ServiceError::Unavailable { source: Some(_), .. }
    )
}
