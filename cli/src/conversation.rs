//! A session with the service at the other end: a line in, an answer out.

use std::{
    io,
    num::NonZeroU32,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use client_lib::{Client, RecommendRequest, RecommendResponse, Recommendation, SeedMatch};

use crate::{
    failure::Failure,
    information,
    layout::Style,
    output::{self, Output},
    reasons,
    saving::{self, Format},
    session::{self, MOST_SONGS, Session, Step},
};

/// The rules that are asked for with every playlist, so that `/why` has them.
const MAX_RULES: u32 = 10;

/// A session with the service at the other end.
pub(crate) struct Conversation {
    client: Client,
    session: Session,
    output: Output,
    home: Option<PathBuf>,
    /// The last answer, and what was asked.
    last: Option<Exchange>,
}

/// A question, and all that was answered to it so far.
struct Exchange {
    songs: Vec<String>,
    cap: Option<NonZeroU32>,
    answer: RecommendResponse,
}

impl Conversation {
    /// `home` is what `~` stands for in the names of files.
    pub(crate) fn new(client: Client, output: Output, home: Option<&Path>) -> Self {
        let session = Session::new(output.lang);
        Self { client, session, output, home: home.map(Path::to_owned), last: None }
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Does what `line` asks for. A failure leaves the session as it was before the line.
    pub(crate) async fn hear(&mut self, line: &str) -> Result<ControlFlow<()>, Failure> {
        match self.session.take(line) {
            Step::Nothing => {}
            Step::Show(text) => self.output.text(&text)?,
            Step::Help => self.output.text(&session::help(self.output.style()))?,
            Step::Remark(text) => self.output.remark(&text),
            Step::Misuse(text) => return Err(Failure::Misuse(text)),
            Step::Recommend { songs, limit, cap } => self.recommend(songs, limit, cap).await?,
            Step::More(count) => self.more(count).await?,
            Step::Why(index) => {
                let answer = self.last.as_ref().map(|exchange| &exchange.answer);
                if let Some(recommendation) = answer.and_then(|answer| answer.songs.get(index)) {
                    self.output.answer(recommendation, reasons::of_song)?;
                }
            }
            Step::Save(name, format) => self.save(&name, format)?,
            Step::Info => {
                let answer = self.client.model_info().await?;
                self.output.answer(&answer, information::model_info)?;
            }
            Step::Quit => return Ok(ControlFlow::Break(())),
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn recommend(
        &mut self,
        songs: Vec<String>,
        limit: Option<u32>,
        cap: Option<NonZeroU32>,
    ) -> Result<(), Failure> {
        let answer = self.client.recommend(request(&songs, limit.unwrap_or(0), cap)).await?;
        self.session.answered(answer.songs.len());
        self.output.answer(&answer, output::playlist)?;

        let n_offers = answer.seeds.iter().map(|seed| seed.suggestions.len()).sum::<usize>();
        let (session, lang) = (&mut self.session, self.output.lang);
        for line in output::seed_remarks(&answer.seeds, lang, |matched: &SeedMatch, song| {
            Some(session.offer(&matched.seed, output::song_name(song)))
        }) {
            self.output.remark(&line);
        }
        if n_offers > 0 {
            self.output.remark(&format!("  {}", lang.how_to_choose()));
        }
        self.last = Some(Exchange { songs, cap, answer });
        Ok(())
    }

    /// Asks the same for a longer answer, and shows what is new in it: so the cap holds for all of it.
    async fn more(&mut self, count: usize) -> Result<(), Failure> {
        let Some(Exchange { songs, cap, answer: before }) = &mut self.last else {
            return Ok(());
        };
        let n_before = before.songs.len();
        let limit = u32::try_from(n_before + count).unwrap_or(MOST_SONGS).min(MOST_SONGS);
        let mut answer = self.client.recommend(request(songs, limit, *cap)).await?;
        let is_other_model = answer.model_version != before.model_version;
        answer.songs.retain(|found| !before.songs.iter().any(|shown| is_same_song(shown, found)));
        answer.songs.truncate(count);
        if answer.songs.is_empty() {
            self.output.remark(&self.output.lang.no_more_songs());
        } else {
            self.output.answer(&answer, |answer, style: Style| {
                output::numbered(&answer.songs, n_before, style, |_| Vec::new())
            })?;
        }
        if is_other_model {
            self.output.remark(&self.output.lang.changed_meanwhile());
        }
        before.songs.append(&mut answer.songs);
        self.session.extended(before.songs.len());
        Ok(())
    }

    fn save(&self, name: &str, format: Format) -> Result<(), Failure> {
        let Some(Exchange { answer, .. }) = &self.last else {
            return Ok(());
        };
        let lang = self.output.lang;
        let path = saving::path(name, self.home.as_deref());
        match saving::save(answer, &path, format) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Failure::Misuse(lang.exists_already(path.display())));
            }
            Err(source) => return Err(Failure::Written { path, source }),
        }
        self.output.remark(&lang.saved(&lang.songs(answer.songs.len()), path.display()));
        match saving::without_uri(answer) {
            n_songs @ 1.. if format == Format::M3u8 => {
                self.output.remark(&lang.saved_without_uri(&lang.songs(n_songs)));
            }
            _ => {}
        }
        Ok(())
    }
}

fn request(songs: &[String], limit: u32, cap: Option<NonZeroU32>) -> RecommendRequest {
    RecommendRequest::new(songs)
        .limit(limit)
        .max_songs_per_artist(cap.map_or(0, NonZeroU32::get))
        .max_rules_per_song(MAX_RULES)
}

/// Another model may know another URI of a song.
fn is_same_song(one: &Recommendation, other: &Recommendation) -> bool {
    (&one.song.title, &one.song.artist) == (&other.song.title, &other.song.artist)
}
