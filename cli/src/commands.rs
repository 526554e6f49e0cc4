//! What each command asks the service, and what becomes of the answer.

use std::{
    io::{self, BufRead as _, Read as _},
    ops::ControlFlow,
    path::Path,
    process::ExitCode,
    thread,
};

use client_lib::{Client, RecommendRequest, SearchSongsRequest};
use tokio::sync::mpsc;

use crate::{
    args::{Args, Command, RecommendArgs, SearchArgs},
    conversation::Conversation,
    credentials, doctor,
    failure::{Failure, in_one_line},
    information, manual,
    notices::Notices,
    output::{self, Output},
    probe, prompt,
    surroundings::Surroundings,
    texts::Lang,
    tunnel::Tunnel,
};

/// The most songs on a page of a search.
const LARGEST_PAGE: u32 = 100;
/// The largest request that the service reads: more songs than that need not be read from standard input.
const MAX_INPUT: u64 = 4 * 1024 * 1024;

/// Does what the command line asks for: answers go to standard output, failures to standard error and into the exit code.
///
/// Needs a tokio runtime with I/O and time; one thread is enough.
pub async fn run(args: Args, surroundings: &Surroundings) -> ExitCode {
    let output = Output::new(&args, surroundings);
    match follow(args, output, surroundings).await {
        Ok(code) => code,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(output.error_style());
            failure.exit_code()
        }
    }
}

async fn follow(mut args: Args, output: Output, surroundings: &Surroundings) -> Result<ExitCode, Failure> {
    let notices = Notices::new(output);
    match &args.command {
        Some(Command::Completions { shell }) => {
            return manual::completions(*shell, output).map(|()| ExitCode::SUCCESS);
        }
        Some(Command::Man { dir }) => {
            return manual::pages(dir.as_deref(), output).map(|()| ExitCode::SUCCESS);
        }
        Some(Command::Doctor) => return doctor::run(args, surroundings.somebody_is_there, &notices).await,
        _ => {}
    }
    // It lasts as long as this binding.
    let tunnel = Tunnel::open(&args, surroundings.somebody_is_there, &notices).await?;
    if let Some(tunnel) = &tunnel {
        args.server = tunnel.url().to_owned();
        args.server_name = Some(tunnel.server_name().to_owned());
    }
    let client = credentials::builder(&args)?.timeout(args.timeout).lazy()?;
    if let Some(tunnel) = &tunnel {
        tunnel.check(&client).await?;
        if surroundings.interactive {
            output.remark(&tunnel.description(output.lang));
        }
    }
    match args.command.take() {
        None if surroundings.interactive => {
            prompt::converse(&client, &notices, surroundings).await?;
        }
        None => return script(client, output, surroundings.home.as_deref()).await,
        Some(Command::Recommend(args)) => {
            recommend(&client, args, output, surroundings.input_is_terminal).await?;
        }
        Some(Command::Info) => {
            let answer = client.model_info().await?;
            output.answer(&answer, information::model_info)?;
        }
        Some(Command::Search(args)) => search(&client, args, output).await?,
        // They need no service, or find out themselves whether there is one: see above.
        Some(Command::Doctor | Command::Completions { .. } | Command::Man { .. }) => {}
        Some(Command::Watch) => tokio::select! {
            watched = watch(&client, output) => watched?,
            () = output::reader_gone() => {}
        },
        Some(Command::Probe(probe)) => tokio::select! {
            probed = probe::run(&args, *probe, surroundings) => return probed,
            () = output::reader_gone() => {}
        },
    }
    Ok(ExitCode::SUCCESS)
}

async fn recommend(
    client: &Client,
    args: RecommendArgs,
    output: Output,
    input_is_terminal: bool,
) -> Result<(), Failure> {
    let songs = songs(args.songs, input_is_terminal, output.lang)?;
    let mut request = RecommendRequest::new(songs)
        .limit(args.limit.unwrap_or(0))
        .exclude_songs(args.exclude)
        .max_songs_per_artist(args.max_songs_per_artist.map_or(0, u32::from));
    // People see reasons when they ask for them; JSON has what the service gives by itself.
    match args.rules {
        Some(rules) => request = request.max_rules_per_song(rules),
        None if !output.json => request = request.max_rules_per_song(0),
        None => {}
    }
    let answer = client.recommend(request).await?;
    output.answer(&answer, output::explained_playlist)?;
    for line in output::seed_remarks(&answer.seeds, output.lang, |_, _| None) {
        output.remark(&line);
    }
    for line in output::seed_remarks(&answer.excluded_songs, output.lang, |_, _| None) {
        output.remark(&output.lang.excluded(&line));
    }
    Ok(())
}

/// The songs of the command line; `-`, or no song at all, stands for the lines of standard input.
fn songs(named: Vec<String>, input_is_terminal: bool, lang: Lang) -> Result<Vec<String>, Failure> {
    if named.is_empty() && input_is_terminal {
        return Err(Failure::Misuse(lang.no_song_named()));
    }
    let n_dashes = named.iter().filter(|song| *song == "-").count();
    if n_dashes > 1 {
        return Err(Failure::Misuse(lang.dash_twice()));
    }
    if n_dashes == 0 && !named.is_empty() {
        return Ok(named);
    }
    let read = read_songs(io::stdin().lock(), lang)?;
    if named.is_empty() {
        return if read.is_empty() { Err(Failure::Misuse(lang.no_song_in_input())) } else { Ok(read) };
    }
    let mut songs = Vec::with_capacity(named.len() + read.len());
    for song in named {
        if song == "-" {
            songs.extend(read.iter().cloned());
        } else {
            songs.push(song);
        }
    }
    if songs.is_empty() {
        return Err(Failure::Misuse(lang.no_song_in_input()));
    }
    Ok(songs)
}

/// One song a line; blank lines, and blanks around a song, do not count.
fn read_songs(input: impl io::Read, lang: Lang) -> Result<Vec<String>, Failure> {
    let mut text = String::new();
    let n_bytes = input.take(MAX_INPUT + 1).read_to_string(&mut text).map_err(Failure::Input)?;
    if n_bytes as u64 > MAX_INPUT {
        return Err(Failure::Misuse(lang.input_too_long(MAX_INPUT)));
    }
    Ok(text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}

async fn search(client: &Client, args: SearchArgs, output: Output) -> Result<(), Failure> {
    let limit = usize::try_from(args.limit.get()).unwrap_or(usize::MAX);
    let page = |n_found: usize, token: &str| {
        let n_missing = u32::try_from(limit.saturating_sub(n_found)).unwrap_or(u32::MAX);
        SearchSongsRequest::new(&args.query).page_size(n_missing.min(LARGEST_PAGE)).page_token(token)
    };
    let mut answer = client.search_songs(page(0, "")).await?;
    while answer.songs.len() < limit && !answer.next_page_token.is_empty() {
        let next = client.search_songs(page(answer.songs.len(), &answer.next_page_token)).await?;
        answer.songs.extend(next.songs);
        answer.next_page_token = next.next_page_token;
    }
    output.answer(&answer, output::found_songs)?;
    if answer.songs.is_empty() {
        output.remark(&output.lang.no_song_found());
    }
    Ok(())
}

/// Tells of models until it is interrupted. A replica that stops is no reason to end: the watch goes on with another one.
async fn watch(client: &Client, output: Output) -> Result<(), Failure> {
    let models = client.watch_model().await?;
    let mut models = models.on_interruption(move |error| {
        let why = in_one_line(error, output.lang);
        output.remark(&format!("{}: {why}", output.lang.watch_interrupted()));
    });
    while let Some(model) = models.next().await {
        output.line(&model?, |model| information::model_change(model, output.lang))?;
    }
    Ok(())
}

/// Follows the lines of standard input as the prompt would, without prompts and history. A line that fails does not end
/// it; the exit code is that of the last failure.
async fn script(client: Client, output: Output, home: Option<&Path>) -> Result<ExitCode, Failure> {
    let mut conversation = Conversation::new(client, output, home);
    let mut code = ExitCode::SUCCESS;
    let mut lines = lines_of_input();
    while let Some(line) = lines.recv().await {
        match conversation.hear(&line.map_err(Failure::Input)?).await {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return Ok(code),
            Err(failure) if failure.is_closed_pipe() => return Err(failure),
            Err(failure) => {
                failure.report(output.error_style());
                code = failure.exit_code();
            }
        }
    }
    match conversation.session().unsent() {
        0 => Ok(code),
        n_songs => Err(Failure::Misuse(output.lang.unsent_songs(n_songs))),
    }
}

/// The lines of standard input. They are read on a thread of their own, so that connections stay alive while a line is
/// awaited; it ends with the process, for a read from a terminal or pipe cannot be called off.
fn lines_of_input() -> mpsc::Receiver<io::Result<String>> {
    let (sender, lines) = mpsc::channel(16);
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let failed = line.is_err();
            if sender.blocking_send(line).is_err() || failed {
                break;
            }
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn songs_are_read_one_a_line_without_blanks_around() {
        let songs =
            read_songs("\u{feff}Unforgettable\r\n\n  HUMBLE. \n1985".as_bytes(), Lang::English).unwrap();
        assert_eq!(songs, ["Unforgettable", "HUMBLE.", "1985"]);
    }

    #[test]
    fn endless_input_is_refused_without_reading_all_of_it() {
        assert!(matches!(read_songs(io::repeat(b'x'), Lang::English), Err(Failure::Misuse(_))));
    }

    #[test]
    fn input_that_is_not_text_is_refused() {
        assert!(matches!(read_songs(&b"a\xff"[..], Lang::English), Err(Failure::Input(_))));
    }

    #[test]
    fn a_terminal_is_not_waited_for() {
        assert!(matches!(songs(Vec::new(), true, Lang::English), Err(Failure::Misuse(_))));
    }
}
