//! The prompt: lines are edited on the terminal, with history and completion.

use std::{fs, io, ops::ControlFlow, path::Path, time::Duration};

use client_lib::{Client, SearchSongsRequest, Song};
use rustyline::{
    CompletionType, Config, Context, Editor, Helper, completion::Completer, error::ReadlineError,
    highlight::Highlighter, hint::Hinter, history::FileHistory, validate::Validator,
};
use tokio::{runtime::Handle, signal, task, time};

use crate::{
    conversation::Conversation,
    failure::Failure,
    output::{self, Output},
    session::COMMANDS,
    surroundings::Surroundings,
};

/// The longest time that the first prompt waits for the service.
const GREETING_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest time that a Tab may take: typing must go on when the service does not answer.
const COMPLETION_TIMEOUT: Duration = Duration::from_millis(700);
/// The most songs that a Tab offers.
const COMPLETIONS: u32 = 10;
/// The lines that the history keeps.
const HISTORY_LINES: usize = 1_000;

type LineEditor = Editor<Typing, FileHistory>;

/// Opens the prompt on the process' terminal, and ends when the person leaves it. A call that fails is told and does
/// not end it.
///
/// Needs a tokio runtime with I/O and time; the terminal is read on one of its blocking threads. From the first answer
/// on, Ctrl-C no longer ends the process but the call in flight.
///
/// # Errors
///
/// [`Failure::Terminal`] when the terminal cannot be read, and [`Failure::Output`] when it cannot be written to.
pub async fn prompt(client: &Client, surroundings: &Surroundings) -> Result<(), Failure> {
    let output = Output { json: false, colours: surroundings.colours };
    converse(client, output, surroundings.history.as_deref()).await
}

pub(crate) async fn converse(client: &Client, output: Output, history: Option<&Path>) -> Result<(), Failure> {
    let mut editor = editor(client).map_err(terminal_failure)?;
    if let Some(path) = history {
        load_history(&mut editor, path, output);
    }
    greet(client, output).await;

    let mut conversation = Conversation::new(client.clone(), output);
    'lines: loop {
        let prompt = conversation.session().prompt();
        let (returned, line) = task::spawn_blocking(move || {
            let line = editor.readline(&prompt);
            (editor, line)
        })
        .await
        .map_err(|error| Failure::Terminal(io::Error::other(error)))?;
        editor = returned;

        let text = match line {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => {
                output.remark("(Ctrl-C clears the line; `/quit` or Ctrl-D leaves)");
                continue;
            }
            Err(ReadlineError::Signal(_)) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(terminal_failure(error)),
        };
        if !text.trim().is_empty() {
            // Without it, only the history misses a line.
            let _ = editor.add_history_entry(text.trim());
        }
        // What is pasted may have several lines.
        for line in text.lines() {
            let heard = tokio::select! {
                heard = conversation.hear(line) => heard,
                Ok(()) = signal::ctrl_c() => {
                    output.remark("(interrupted)");
                    break;
                }
            };
            match heard {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break 'lines,
                Err(failure @ Failure::Output(_)) => return Err(failure),
                Err(failure) => failure.report(),
            }
        }
    }
    if let Some(path) = history {
        save_history(&mut editor, path, output);
    }
    Ok(())
}

/// Tells who answers, or that nobody does while there is still nothing to lose.
async fn greet(client: &Client, output: Output) {
    let hint = "type songs, one a line, then `/send`; `/help` tells the rest";
    match time::timeout(GREETING_TIMEOUT, client.model_info()).await {
        Ok(Ok(info)) if info.model_version.is_empty() => {
            output.remark(&format!("connected to {}, which has no model yet; {hint}", client.url()));
        }
        Ok(Ok(info)) => {
            let n_songs =
                info.dataset.map_or_else(String::new, |dataset| format!(", {} songs", dataset.songs));
            output.remark(&format!("connected to {}{n_songs}; {hint}", client.url()));
        }
        Ok(Err(error)) => {
            Failure::from(error).report();
            output.remark(hint);
        }
        Err(_) => output.remark(&format!("{} has not answered yet; {hint}", client.url())),
    }
}

fn editor(client: &Client) -> Result<LineEditor, ReadlineError> {
    let config = Config::builder()
        .max_history_size(HISTORY_LINES)?
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .build();
    let mut editor = LineEditor::with_config(config)?;
    editor.set_helper(Some(Typing { client: client.clone(), runtime: Handle::current() }));
    Ok(editor)
}

fn load_history(editor: &mut LineEditor, path: &Path, output: Output) {
    match editor.load_history(path) {
        Ok(()) => {}
        // The first time.
        Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            output.remark(&format!("warning: the history `{}` cannot be read: {error}", path.display()))
        }
    }
}

fn save_history(editor: &mut LineEditor, path: &Path, output: Output) {
    let saved = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .map_err(ReadlineError::from)
        .and_then(|()| editor.append_history(path));
    if let Err(error) = saved {
        output.remark(&format!("warning: the history `{}` cannot be saved: {error}", path.display()));
    }
}

fn terminal_failure(error: ReadlineError) -> Failure {
    Failure::Terminal(match error {
        ReadlineError::Io(error) => error,
        error => io::Error::other(error),
    })
}

/// Completes what is being typed: commands from their list, songs from the service.
struct Typing {
    client: Client,
    runtime: Handle,
}

impl Typing {
    /// Songs for what was typed of one; none when the service does not answer soon.
    fn songs(&self, typed: &str) -> Vec<Song> {
        let request = SearchSongsRequest::new(typed).page_size(COMPLETIONS);
        self.runtime
            .block_on(time::timeout(COMPLETION_TIMEOUT, self.client.search_songs(request)))
            .ok()
            .and_then(Result::ok)
            .map_or_else(Vec::new, |answer| answer.songs)
    }
}

impl Completer for Typing {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let line = &line[..pos];
        let mut start = line.len() - line.trim_start().len();
        if line[start..].starts_with('/') {
            match line[start..].strip_prefix("/add ") {
                Some(song) => start = line.len() - song.trim_start().len(),
                None => return Ok((start, commands(&line[start..]))),
            }
        }
        let typed = &line[start..];
        if typed.is_empty() {
            return Ok((start, Vec::new()));
        }
        Ok((start, candidates(typed, &self.songs(typed))))
    }
}

impl Helper for Typing {}
impl Highlighter for Typing {}
impl Hinter for Typing {
    type Hint = String;
}
impl Validator for Typing {}

fn commands(typed: &str) -> Vec<String> {
    COMMANDS.iter().map(|(name, ..)| (*name).to_owned()).filter(|name| name.starts_with(typed)).collect()
}

/// The songs as they can be typed. Those that go on from what was typed stand alone, for they can be completed together;
/// otherwise all that are near are shown.
fn candidates(typed: &str, songs: &[Song]) -> Vec<String> {
    let typed = typed.to_lowercase();
    let goes_on = |name: &str| name.to_lowercase().starts_with(&typed);
    let names = songs.iter().map(|song| {
        let title = output::clean(&song.title);
        // By the title when that is what was typed; the service takes artist and title in either order.
        if !song.artist.is_empty() && goes_on(&title) {
            format!("{title} - {}", output::clean(&song.artist))
        } else {
            output::song_name(song)
        }
    });
    let (going_on, near): (Vec<_>, Vec<_>) = names.partition(|name| goes_on(name));
    if going_on.is_empty() { near } else { going_on }
}
