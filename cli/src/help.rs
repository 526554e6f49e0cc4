//! The command line in the language that is spoken: what `--help` and the manual pages say. What it means is the same in each.

use std::{env, ffi::OsString, fmt::Write as _};

use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _, ValueEnum as _, builder::PossibleValue};

use crate::{
    args::Args,
    texts::{
        Lang,
        help::{self, CommandTexts},
        misuse::InPortuguese,
    },
};

/// Reads the command line of the process. Help and misuse end the process, with the exit codes 0 and 2. Help is in the language that the
/// command line asks for, else in that of the locale.
pub fn parse(locale: Lang) -> Args {
    let words: Vec<OsString> = env::args_os().collect();
    let lang = asked_for(&words).unwrap_or(locale);
    let mut command = in_language(Args::command(), lang);
    command
        .try_get_matches_from_mut(words)
        .and_then(|mut matches| {
            Args::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
        })
        .unwrap_or_else(|error| match lang {
            Lang::English => error.exit(),
            Lang::Portuguese => error.apply::<InPortuguese>().exit(),
        })
}

/// The language that `--lang` asks for. It is looked for before the command line is understood, since what is said of that depends on it;
/// what is wrong with it is told later.
fn asked_for(words: &[OsString]) -> Option<Lang> {
    let mut words = words.iter().skip(1).map(|word| word.to_string_lossy()).take_while(|word| word != "--");
    let value = loop {
        let word = words.next()?;
        if word == "--lang" {
            break words.next()?;
        }
        if let Some(value) = word.strip_prefix("--lang=") {
            break value.to_owned().into();
        }
    };
    Lang::from_str(&value, true).ok()
}

/// A command and those below it as help tells of them.
pub(crate) fn in_language(mut command: Command, lang: Lang) -> Command {
    match lang {
        Lang::English => command,
        Lang::Portuguese => {
            // From now on it has what clap adds by itself, which is English too.
            command.build();
            in_portuguese(command)
        }
    }
}

fn in_portuguese(command: Command) -> Command {
    let Some(texts) = CommandTexts::of(command.get_name()) else { return command };
    let mut command = command
        .about(texts.about)
        .subcommand_value_name(help::COMMAND)
        .mut_args(|arg| argument(arg, texts))
        .mut_subcommands(in_portuguese);
    if let Some(after) = texts.after {
        command = command.after_help(after);
    }
    let template = template(&mut command);
    command.help_template(template)
}

fn argument(arg: Arg, texts: &CommandTexts) -> Arg {
    match arg.get_id().as_str() {
        "help" => return arg.help(help::HELP_SHORT).long_help(help::HELP_LONG),
        "version" => return arg.help(help::VERSION),
        _ => {}
    }
    let Some(texts) = texts.argument(arg.get_id().as_str()) else { return arg };
    let (mut short, mut long) = (texts.help.to_owned(), texts.help.to_owned());
    // These clap can only tell in English; it tells them behind what it is given, and so do we.
    if arg.get_action().takes_values() {
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if !defaults.is_empty() {
            let default = format!("[{}: {}]", help::DEFAULT, defaults.join(" "));
            let _ = write!(short, " {default}");
            let _ = write!(long, "\n\n{default}");
        }
        let values = arg.get_possible_values();
        if !values.is_empty() {
            let names: Vec<_> = values.iter().map(PossibleValue::get_name).collect();
            let in_a_row = format!("[{}: {}]", help::POSSIBLE_VALUES, names.join(", "));
            let _ = write!(short, " {in_a_row}");
            let listed = listed(&values).map_or(in_a_row, |list| format!("{}{list}", help::LISTED_VALUES));
            let _ = write!(long, "\n\n{listed}");
        }
    }
    let arg = if texts.value.is_empty() { arg } else { arg.value_name(texts.value) };
    arg.help(short).long_help(long).hide_default_value(true).hide_possible_values(true)
}

/// Lines with values and what each means, unless that is not said.
fn listed(values: &[PossibleValue]) -> Option<String> {
    let width = values.iter().map(|value| value.get_name().len()).max()? + 1;
    let mut list = String::new();
    for value in values {
        let name = format!("{}:", value.get_name());
        let meaning = value_help(value.get_name())?;
        let _ = write!(list, "\n- {name:<width$} {meaning}");
    }
    Some(list)
}

fn value_help(name: &str) -> Option<&'static str> {
    help::VALUES.iter().find(|(value, _)| *value == name).map(|(_, meaning)| *meaning)
}

/// What clap's own template shows, with our headings.
fn template(command: &mut Command) -> String {
    let mut template = format!("{{about-with-newline}}\n{}", help::usage(&command.render_usage()));
    let header = command.get_styles().get_header();
    let mut section = |is_there: bool, heading: &str, tag: &str| {
        if is_there {
            let _ = write!(template, "\n\n{header}{heading}{header:#}\n{{{tag}}}");
        }
    };
    section(command.has_subcommands(), help::COMMANDS, "subcommands");
    section(command.get_positionals().next().is_some(), help::ARGUMENTS, "positionals");
    section(command.get_opts().next().is_some(), help::OPTIONS, "options");
    template.push_str("{after-help}");
    template
}

/// The same where what is told of an argument has one line: on manual pages and in completions.
pub(crate) fn in_language_briefly(command: Command, lang: Lang) -> Command {
    match lang {
        Lang::English => command,
        Lang::Portuguese => without_long_help(in_language(command, lang)),
    }
}

fn without_long_help(command: Command) -> Command {
    let brief = |arg: Arg| match arg.get_id().as_str() {
        "help" => arg,
        _ => arg.long_help(None::<&'static str>),
    };
    command.mut_args(brief).mut_subcommands(without_long_help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[&str]) -> Vec<OsString> {
        line.iter().map(Into::into).collect()
    }

    /// The program and its commands. Arguments that all of them have are in the program only.
    fn commands() -> Vec<Command> {
        let program = Args::command();
        let mut commands: Vec<_> = program.get_subcommands().cloned().collect();
        commands.insert(0, program);
        commands
    }

    #[test]
    fn the_language_is_what_the_command_line_asks_for_wherever_it_does() {
        let portuguese = Some(Lang::Portuguese);
        for (line, lang) in [
            (&["playlist", "--lang", "pt-BR", "--help"][..], portuguese),
            (&["playlist", "info", "--lang=PT", "-h"], portuguese),
            (&["playlist", "--help", "--lang", "pt_BR"], portuguese),
            (&["playlist", "--lang", "en"], Some(Lang::English)),
            (&["playlist", "--lang", "de"], None),
            (&["playlist", "--lang"], None),
            (&["playlist", "recommend", "--", "--lang", "pt"], None),
            (&["--lang=pt"], None),
            (&[], None),
        ] {
            assert_eq!(asked_for(&words(line)), lang, "{line:?}");
        }
    }

    #[test]
    fn everything_that_help_tells_is_told_in_portuguese() {
        for command in commands() {
            let name = command.get_name();
            let texts = CommandTexts::of(name).unwrap_or_else(|| panic!("`{name}` has no text"));
            assert_eq!(
                texts.after.is_some(),
                command.get_after_help().is_some(),
                "after the help of `{name}`"
            );
            for arg in command.get_arguments() {
                let id = arg.get_id().as_str();
                let texts = texts.arguments.iter().find(|texts| texts.id == id);
                let texts = texts.unwrap_or_else(|| panic!("`{id}` of `{name}` has no text"));
                assert_eq!(texts.value.is_empty(), !arg.get_action().takes_values(), "`{id}` of `{name}`");
                for value in arg.get_possible_values().iter().filter(|value| value.get_help().is_some()) {
                    assert!(value_help(value.get_name()).is_some(), "{value:?} of `{id}` has no text");
                }
            }
        }
    }

    #[test]
    fn no_text_is_of_something_that_is_not_there() {
        let commands = commands();
        for texts in help::TEXTS.iter().filter(|texts| texts.name != "help") {
            let name = texts.name;
            let command = commands.iter().find(|command| command.get_name() == name);
            let command = command.unwrap_or_else(|| panic!("there is no command `{name}`"));
            for argument in texts.arguments {
                let id = argument.id;
                assert!(command.get_arguments().any(|arg| arg.get_id() == id), "`{name}` has no `{id}`");
            }
        }
        let values: Vec<_> = commands
            .iter()
            .flat_map(Command::get_arguments)
            .flat_map(Arg::get_possible_values)
            .map(|value| value.get_name().to_owned())
            .collect();
        for (value, _) in help::VALUES {
            assert!(values.iter().any(|known| known == value), "no argument can be `{value}`");
        }
    }

    #[test]
    fn a_command_line_means_the_same_in_every_language() {
        let mut portuguese = in_language(Args::command(), Lang::Portuguese);
        for line in [
            &["playlist"][..],
            &["playlist", "--lang", "pt", "--timeout", "3s", "info", "--json", "--server", "http://host:1"],
            &["playlist", "recommend", "-n", "3", "--exclude", "a", "--exclude", "b", "x", "y"],
            &["playlist", "search", "x"],
            &["playlist", "completions", "zsh"],
            &["playlist", "probe", "--server", "a", "--server", "b", "--rate", "0.5", "x"],
        ] {
            let in_english = Args::from_arg_matches(&Args::command().get_matches_from(line)).unwrap();
            let matches = portuguese.try_get_matches_from_mut(line).unwrap();
            let in_portuguese = Args::from_arg_matches(&matches).unwrap();
            assert_eq!(format!("{in_portuguese:?}"), format!("{in_english:?}"), "{line:?}");
        }
    }
}
