use crate::{
    Artists, EncodedRules, InvalidTable, Manifest, Metadata, Rules, RulesEncoder, Songs, VersionName,
    order::Antecedents,
};

/// The tables of a model: one Parquet file each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// The songs, by falling support count.
    pub songs: Songs,
    /// The artists, by falling support count.
    pub artists: Artists,
    /// Rules from songs to a song.
    pub rules: Rules,
    /// Rules from an artist to a song.
    pub artist_rules: Rules,
}

/// A model as it was read from the volume.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The version that it is.
    pub version: VersionName,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Its songs and rules.
    pub tables: Tables,
}

/// The tables of a model on their way to the volume.
#[derive(Clone, Debug)]
pub struct EncodedTables<'a> {
    /// The songs.
    pub songs: &'a Songs,
    /// The artists.
    pub artists: &'a Artists,
    /// Rules from these songs to one of them.
    pub rules: EncodedRules,
    /// Rules from one of these artists to one of these songs.
    pub artist_rules: EncodedRules,
    /// Rules with longer consequents, where they were asked for.
    pub longer_rules: Option<EncodedRules>,
}

impl Tables {
    /// Encodes the rules.
    ///
    /// # Errors
    ///
    /// If the tables contradict each other.
    pub fn encode(&self) -> Result<EncodedTables<'_>, InvalidTable> {
        Ok(EncodedTables {
            songs: &self.songs,
            artists: &self.artists,
            rules: encode(&self.rules, RulesEncoder::for_songs(&self.songs)?)?,
            artist_rules: encode(&self.artist_rules, RulesEncoder::for_artists(&self.artists, &self.songs)?)?,
            longer_rules: None,
        })
    }
}

fn encode(rules: &Rules, mut encoder: RulesEncoder<'_>) -> Result<EncodedRules, InvalidTable> {
    for group in rules.groups() {
        encoder.push(group.antecedent, group.antecedent_count, group.rules())?;
    }
    encoder.finish()
}

/// The rows of the tables of rules.
pub(crate) struct RowCounts {
    pub(crate) rules: u64,
    pub(crate) artist_rules: u64,
    pub(crate) longer_rules: u64,
}

/// Checks what the tables of rules cannot tell: that songs, artists and counts agree with one another and with the metadata, and that scores
/// can be computed.
pub(crate) fn check_consistency(
    metadata: &Metadata,
    songs: &Songs,
    artists: &Artists,
    rows: &RowCounts,
) -> Result<(), InvalidTable> {
    let invalid = |problem: String| Err(InvalidTable(problem));
    if let Some(problem) = metadata.scoring.problem() {
        return invalid(format!("`scoring`: {problem}"));
    }

    let baskets = metadata.dataset.playlists;
    let counted = [
        ("songs", u64::from(metadata.dataset.songs), songs.len() as u64),
        ("artists", u64::from(metadata.dataset.artists), artists.len() as u64),
        ("rules", metadata.counts.rules, rows.rules),
        ("artist rules", metadata.counts.artist_rules, rows.artist_rules),
        ("longer rules", metadata.counts.longer_rules, rows.longer_rules),
    ];
    for (what, told, found) in counted {
        if told != found {
            return invalid(format!("the manifest tells of {told} {what}, the table holds {found}"));
        }
    }

    // The first song and the first artist are the commonest.
    let most = |counts: &[u32]| counts.first().copied().unwrap_or(0) > baskets;
    if most(songs.support_counts()) || most(artists.support_counts()) {
        return invalid(format!("a song or artist is in more than all {baskets} playlists"));
    }
    for (id, artist) in artists.iter() {
        if artist.songs.last().is_some_and(|&song| song as usize >= songs.len()) {
            return invalid(format!("artist {id} has a song that does not exist"));
        }
    }
    Ok(())
}

/// Checks that the ids of rules exist and that their counts agree with those of `antecedents` and of songs.
pub(crate) fn check_rules(
    rules: &Rules,
    antecedents: Antecedents<'_>,
    song_counts: &[u32],
) -> Result<(), InvalidTable> {
    for group in rules.groups() {
        antecedents.check(group.antecedent, group.antecedent_count)?;
        // Who has a song has it: that is no rule. Artists have other ids.
        if matches!(antecedents, Antecedents::Songs(_))
            && let Some(song) = group.antecedent.iter().find(|id| group.consequents.binary_search(id).is_ok())
        {
            return Err(InvalidTable(format!(
                "the consequent of the rule {:?} => {song} is in its antecedent",
                group.antecedent
            )));
        }
        for rule in group.rules() {
            let is_consequent =
                song_counts.get(rule.song as usize).is_some_and(|&count| rule.support_count <= count);
            if !is_consequent {
                return Err(InvalidTable(format!(
                    "the consequent of the rule {:?} => {} does not exist or is rarer than the rule",
                    group.antecedent, rule.song
                )));
            }
        }
    }
    Ok(())
}
