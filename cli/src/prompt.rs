//! The prompt: lines are edited on the terminal, with history and completion.

use std::{io, ops::ControlFlow, time::Duration};

use client_lib::Client;
use rustyline::{CompletionType, Config, Editor, error::ReadlineError, history::FileHistory};
use tokio::{signal, task, time};
use unicode_width::UnicodeWidthStr as _;

use crate::{
    conversation::Conversation, failure::Failure, history::History, notices::Notices, output::Output,
    suggestions::Suggestions, surroundings::Surroundings, typing::Typing, watching::Watching,
};

/// The longest time that the first prompt waits for the service.
const GREETING_TIMEOUT: Duration = Duration::from_secs(2);
/// The lines that the history keeps.
const HISTORY_LINES: usize = 1_000;

pub(crate) type LineEditor = Editor<Typing, FileHistory>;

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
    let notices = Notices::new(Output::for_people(surroundings));
    converse(client, &notices, surroundings).await
}

pub(crate) async fn converse(
    client: &Client,
    notices: &Notices,
    surroundings: &Surroundings,
) -> Result<(), Failure> {
    let output = notices.output();
    let mut editor = editor(client, notices).map_err(terminal_failure)?;
    let mut history = surroundings.history.clone().map(|path| History::load(&mut editor, path, output));
    // It lasts as long as this binding.
    let _watching = Watching::begin(client, notices, greet(client, output).await);

    let mut conversation = Conversation::new(client.clone(), output, surroundings.home.as_deref());
    loop {
        let prompt = conversation.session().prompt();
        if let Some(typing) = editor.helper_mut() {
            typing.prompt_width = prompt.width();
            // The window may have another width than before.
            typing.style = output.style();
        }
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
                output.remark(&output.lang.how_to_leave());
                continue;
            }
            Err(ReadlineError::Signal(_)) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(terminal_failure(error)),
        };
        if let Some(history) = &mut history {
            history.keep(&mut editor, text.trim(), output);
        } else {
            // Without it, only the arrow misses a line.
            let _ = editor.add_history_entry(text.trim());
        }
        // What is pasted may have several lines.
        for line in text.lines() {
            let heard = tokio::select! {
                heard = conversation.hear(line) => heard,
                Ok(()) = signal::ctrl_c() => {
                    output.remark(&output.lang.interrupted());
                    break;
                }
            };
            match heard {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Ok(()),
                Err(failure @ Failure::Output(_)) => return Err(failure),
                Err(failure) => failure.report(output.error_style()),
            }
        }
    }
}

/// Tells who answers, or that nobody does while there is still nothing to lose. Returns the model in service, if somebody answered;
/// it has no name while there is none.
async fn greet(client: &Client, output: Output) -> Option<String> {
    let (lang, url) = (output.lang, client.url());
    let steps = lang.first_steps();
    match time::timeout(GREETING_TIMEOUT, client.model_info()).await {
        Ok(Ok(info)) => {
            let who = match info.dataset {
                Some(dataset) if !info.model_version.is_empty() => lang.connected(url, dataset.songs),
                _ => lang.connected_without_model(url),
            };
            output.remark(&format!("{who}; {steps}"));
            return Some(info.model_version);
        }
        Ok(Err(error)) => {
            Failure::from(error).report(output.error_style());
            output.remark(&steps);
        }
        Err(_) => output.remark(&format!("{}; {steps}", lang.not_answered_yet(url))),
    }
    None
}

fn editor(client: &Client, notices: &Notices) -> Result<LineEditor, ReadlineError> {
    let config = Config::builder()
        .max_history_size(HISTORY_LINES)?
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .build();
    let mut editor = LineEditor::with_config(config)?;
    // A terminal that cannot do this gets notices as a pipe does.
    if let Ok(printer) = editor.create_external_printer() {
        notices.print_with(printer);
    }
    let late = notices.clone();
    editor.set_helper(Some(Typing {
        suggestions: Suggestions::new(client.clone(), move || late.redraw()),
        style: notices.output().style(),
        prompt_width: 0,
    }));
    Ok(editor)
}

fn terminal_failure(error: ReadlineError) -> Failure {
    Failure::Terminal(match error {
        ReadlineError::Io(error) => error,
        error => io::Error::other(error),
    })
}
