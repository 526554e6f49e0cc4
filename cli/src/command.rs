//! The commands of the prompt.

/// A command of the prompt: it begins a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Send,
    More,
    Why,
    Save,
    Cap,
    List,
    Remove,
    Clear,
    Add,
    Info,
    Help,
    Quit,
}

impl Command {
    /// All of them, in the order in which a person meets them.
    pub(crate) const ALL: [Self; 12] = [
        Self::Send,
        Self::More,
        Self::Why,
        Self::Save,
        Self::Cap,
        Self::List,
        Self::Remove,
        Self::Clear,
        Self::Add,
        Self::Info,
        Self::Help,
        Self::Quit,
    ];

    /// What is typed; the same in every language.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Send => "/send",
            Self::More => "/more",
            Self::Why => "/why",
            Self::Save => "/save",
            Self::Cap => "/cap",
            Self::List => "/list",
            Self::Remove => "/remove",
            Self::Clear => "/clear",
            Self::Add => "/add",
            Self::Info => "/info",
            Self::Help => "/help",
            Self::Quit => "/quit",
        }
    }

    /// The command of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.name() == name)
    }

    /// The command that was most likely meant, if any is near.
    pub(crate) fn nearest(typed: &str) -> Option<Self> {
        let typed = typed.to_lowercase();
        let begins = |command: &Self| typed.len() > 1 && command.name().starts_with(&typed);
        let distance = |command: &Self| strsim::damerau_levenshtein(command.name(), &typed);
        Self::ALL
            .into_iter()
            .find(begins)
            .or_else(|| Self::ALL.into_iter().min_by_key(distance).filter(|command| distance(command) <= 2))
    }
}
