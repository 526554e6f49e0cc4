//! What a person is told of beside what they asked for: it may happen while they type.

use std::{
    sync::{Arc, OnceLock, mpsc},
    thread,
};

use rustyline::ExternalPrinter;

use crate::output::Output;

/// Moves the cursor up and down again: rustyline puts a line break after what is printed, and nothing shall stand above the line
/// that is drawn again.
const REDRAW: &str = "\x1b[A\n";

/// The way to the person. Clones lead to the same one.
#[derive(Clone)]
pub(crate) struct Notices {
    output: Output,
    /// Once there is a prompt, what is told must not be written into the line that is being typed.
    prompt: Arc<OnceLock<mpsc::Sender<String>>>,
}

impl Notices {
    pub(crate) fn new(output: Output) -> Self {
        Self { output, prompt: Arc::default() }
    }

    pub(crate) fn output(&self) -> Output {
        self.output
    }

    /// From now on, notices are shown above the line that is being typed.
    pub(crate) fn print_with(&self, mut printer: impl ExternalPrinter + Send + 'static) {
        let (sender, texts) = mpsc::channel();
        if self.prompt.set(sender).is_err() {
            return;
        }
        // Printing waits for the thread that reads the terminal, and that one may wait for the service: so it must hold up nobody else.
        thread::spawn(move || {
            for text in texts {
                if printer.print(text).is_err() {
                    break;
                }
            }
        });
    }

    /// Tells it, in a line of its own.
    pub(crate) fn tell(&self, text: &str) {
        match self.prompt.get() {
            Some(prompt) => {
                let style = self.output.style();
                let text: String =
                    style.wrapped(text, 2).lines().map(|line| style.cyan(line) + "\n").collect();
                // Whoever printed has ended, and with it the prompt.
                let _ = prompt.send(text);
            }
            None => self.output.remark(text),
        }
    }

    /// Draws the line that is being typed again, for what stands beside it has changed.
    pub(crate) fn redraw(&self) {
        if let Some(prompt) = self.prompt.get() {
            let _ = prompt.send(REDRAW.to_owned());
        }
    }
}
