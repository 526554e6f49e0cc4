//! A session with the service at the other end: a line in, an answer out.

use std::ops::ControlFlow;

use client_lib::{Client, RecommendRequest, SeedMatch};

use crate::{
    failure::Failure,
    information,
    output::{self, Output},
    session::{Session, Step},
};

/// A session with the service at the other end.
pub(crate) struct Conversation {
    client: Client,
    session: Session,
    output: Output,
}

impl Conversation {
    pub(crate) fn new(client: Client, output: Output) -> Self {
        Self { client, session: Session::default(), output }
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
            Step::Recommend { songs, limit } => self.recommend(songs, limit).await?,
            Step::Info => {
                let answer = self.client.model_info().await?;
                self.output.answer(&answer, information::model_info)?;
            }
            Step::Quit => return Ok(ControlFlow::Break(())),
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn recommend(&mut self, songs: Vec<String>, limit: Option<u32>) -> Result<(), Failure> {
        let mut request = RecommendRequest::new(songs).limit(limit.unwrap_or(0));
        if !self.output.json {
            // The list shows no reasons.
            request = request.max_rules_per_song(0);
        }
        let answer = self.client.recommend(request).await?;
        self.session.answered();
        self.output.answer(&answer, output::playlist)?;

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
