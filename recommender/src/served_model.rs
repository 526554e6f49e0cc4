use model::{ArtistId, Artists, Manifest, Model, Song, SongId, VersionName};
use ranking::{Query, Ranking, Recommendation};

use crate::{
    catalogue::Catalogue,
    search::{self, SearchPage},
    seeds::{self, SeedMatch},
};

/// A model, indexed for answering. It never changes; another version is another `ServedModel`.
///
/// Songs are named by ids, which mean nothing to another `ServedModel`.
#[derive(Debug)]
pub struct ServedModel {
    version: VersionName,
    manifest: Manifest,
    catalogue: Catalogue,
    artists: Artists,
    ranking: Ranking,
}

impl ServedModel {
    /// Indexes a model. Takes seconds for millions of songs or rules, so call it off the request path.
    pub fn build(model: Model) -> ServedModel {
        let Model { version, manifest, tables } = model;
        let song_count = tables.songs.len();
        ServedModel {
            ranking: Ranking::build(
                tables.rules,
                tables.artist_rules,
                &tables.artists,
                song_count,
                manifest.metadata.scoring.clone(),
                manifest.metadata.dataset.playlists,
            ),
            version,
            manifest,
            catalogue: Catalogue::build(tables.songs),
            artists: tables.artists,
        }
    }

    /// Answers some queries for the commonest songs, so that the first answers for clients need not wait for memory that nobody has
    /// touched yet. Takes some hundredths of a second.
    pub fn warm_up(&self) {
        const QUERIES: u32 = 200;
        const SEEDS: u32 = 5;
        self.ranking.warm_up(self.song_count());
        let songs = self.song_count() as SongId;
        for first in (0..QUERIES * SEEDS).step_by(SEEDS as usize) {
            let seeds: Vec<SongId> = (first..first + SEEDS).take_while(|&seed| seed < songs).collect();
            for &seed in &seeds {
                let song = self.song(seed);
                self.resolve(&format!("{} - {}", song.artist, song.title));
            }
            self.recommend(&Query { seeds, limit: 10, max_rules_per_song: 3, ..Query::default() });
        }
    }

    /// The version that the model is.
    pub fn version(&self) -> &VersionName {
        &self.version
    }

    /// What the model says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The number of songs.
    pub fn song_count(&self) -> usize {
        self.catalogue.len()
    }

    /// The song `id`.
    ///
    /// # Panics
    ///
    /// If `id` is not from this `ServedModel`.
    pub fn song(&self, id: SongId) -> Song<'_> {
        self.catalogue.songs().get(id)
    }

    /// The name of the artist `id`.
    ///
    /// # Panics
    ///
    /// If `id` is not from this `ServedModel`.
    pub fn artist_name(&self, id: ArtistId) -> &str {
        self.artists.get(id).name
    }

    /// Finds the song that a seed means: by URI, by name, by link, or else by likeness. Takes any text.
    pub fn resolve(&self, seed: &str) -> SeedMatch {
        seeds::resolve(&self.catalogue, seed)
    }

    /// Finds songs by what was typed so far, and returns those from `offset` on, at most `count`.
    ///
    /// First come the songs whose title, artist, or both in either order begin with it, by falling support count; then those
    /// with such a word further on, and those whose name is close to it, the closest first. A blank query lists all songs by
    /// falling support count. Takes any text.
    pub fn search(&self, query: &str, offset: usize, count: usize) -> SearchPage {
        search::search(&self.catalogue, query, offset, count)
    }

    /// Recommends songs that go with the seeds, the best first; see [`Query`] and [`Recommendation`].
    pub fn recommend(&self, query: &Query) -> Vec<Recommendation> {
        self.ranking.recommend(self.catalogue.song_facts(), query)
    }
}
