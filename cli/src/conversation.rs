//! A session with the service at the other end: a line in, an answer out.

use std::{mem, num::NonZeroU32, ops::ControlFlow};

use client_lib::{Client, RecommendRequest, Recommendation, SeedMatch};

use crate::{
    failure::Failure,
    information,
    output::{self, Output},
    reasons,
    session::{Session, Step},
};

/// The rules that are asked for with every playlist, so that `/why` has them.
const MAX_RULES: u32 = 10;

/// A session with the service at the other end.
pub(crate) struct Conversation {
    client: Client,
    session: Session,
    output: Output,
    /// The songs of the last answer.
    answered: Vec<Recommendation>,
}

impl Conversation {
    pub(crate) fn new(client: Client, output: Output) -> Self {
        Self { client, session: Session::default(), output, answered: Vec::new() }
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Does what `line` asks for. A failure leaves the session as it was before the line.
    pub(crate) async fn hear(&mut self, line: &str) -> Result<ControlFlow<()>, Failure> {
        match self.session.take(line) {
            Step::Nothing => {}
            Step::Show(text) => self.output.text(&text)?,
            Step::Remark(text) => self.output.remark(&text),
            Step::Misuse(text) => return Err(Failure::Misuse(text)),
            Step::Recommend { songs, limit, cap } => self.recommend(songs, limit, cap).await?,
            Step::Why(index) => {
                if let Some(recommendation) = self.answered.get(index) {
                    self.output.answer(recommendation, reasons::of_song)?;
                }
            }
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
        let request = RecommendRequest::new(songs)
            .limit(limit.unwrap_or(0))
            .max_songs_per_artist(cap.map_or(0, NonZeroU32::get))
            .max_rules_per_song(MAX_RULES);
        let mut answer = self.client.recommend(request).await?;
        self.session.answered(answer.songs.len());
        self.output.answer(&answer, output::playlist)?;
        self.answered = mem::take(&mut answer.songs);

        let n_offers = answer.seeds.iter().map(|seed| seed.suggestions.len()).sum::<usize>();
        let session = &mut self.session;
        for line in output::seed_remarks(&answer.seeds, |matched: &SeedMatch, song| {
            Some(session.offer(&matched.seed, output::song_name(song)))
        }) {
            self.output.remark(&line);
        }
        if n_offers > 0 {
            self.output.remark("  (`?1` takes the first one instead, `?2` the second, ...)");
        }
        Ok(())
    }
}
