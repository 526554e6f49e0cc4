//! What a system keeps of a program beside the program: completions of the shell, and manual pages. Both are made of the command
//! line itself.

use std::{fs, io, path::Path};

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{args::Args, failure::Failure, output::Output};

/// Prints what `shell` needs to complete the command line.
pub(crate) fn completions(shell: Shell, output: Output) -> Result<(), Failure> {
    let mut command = Args::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    output.text(&String::from_utf8_lossy(&script))
}

/// Prints the manual page of the program, or writes those of all commands into a folder.
pub(crate) fn pages(folder: Option<&Path>, output: Output) -> Result<(), Failure> {
    match folder {
        Some(folder) => fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(Args::command(), folder))
            .map_err(|source| Failure::Written { path: folder.to_owned(), source }),
        None => output.text(&page().map_err(Failure::Output)?),
    }
}

fn page() -> io::Result<String> {
    let mut page = Vec::new();
    Man::new(Args::command()).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
