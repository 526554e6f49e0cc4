//! What a system keeps of a program beside the program: completions of the shell, and manual pages. Both are made of the command
//! line itself.

use std::{fs, io, path::Path};

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{args::Args, failure::Failure, help, output::Output, texts::Lang};

/// Prints what `shell` needs to complete the command line.
pub(crate) fn completions(shell: Shell, output: Output) -> Result<(), Failure> {
    let mut command = help::in_language_briefly(Args::command(), output.lang);
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    output.text(&String::from_utf8_lossy(&script))
}

/// Prints the manual page of the program, or writes those of all commands into a folder.
pub(crate) fn pages(folder: Option<&Path>, output: Output) -> Result<(), Failure> {
    let lang = output.lang;
    match folder {
        Some(folder) => {
            // There is no page of `help`: the others are that.
            let mut command = help::in_language_briefly(Args::command().disable_help_subcommand(true), lang);
            command.build();
            fs::create_dir_all(folder)
                .and_then(|()| write_pages(&command, folder, lang))
                .map_err(|source| Failure::Written { path: folder.to_owned(), source })
        }
        None => {
            let page = page(help::in_language_briefly(Args::command(), lang), lang);
            output.text(&page.map_err(Failure::Output)?.1)
        }
    }
}

/// Writes the pages of a command and of those below it.
fn write_pages(command: &Command, folder: &Path, lang: Lang) -> io::Result<()> {
    for command in command.get_subcommands() {
        write_pages(command, folder, lang)?;
    }
    let (name, page) = page(command.clone(), lang)?;
    fs::write(folder.join(name), page)
}

/// The name of a page's file, and the page.
fn page(command: Command, lang: Lang) -> io::Result<(String, String)> {
    let man = Man::new(command).manual(lang.manual());
    let mut page = Vec::new();
    man.render(&mut page)?;
    Ok((man.get_filename(), lang.manual_page(&String::from_utf8_lossy(&page))))
}
