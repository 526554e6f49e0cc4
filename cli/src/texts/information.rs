//! What `/info` and `watch` tell of the model. The names of parameters and measures are those of the literature.

use super::{Lang, texts};

texts! {
    served_by_label(): "Served by" | "Servido por";
    model_label(): "Model" | "Modelo";
    no_model_yet(): "none yet" | "nenhum ainda";
    trained_label(): "Trained" | "Treinado";
    published_label(): "Published" | "Publicado";
    loaded_label(): "Loaded" | "Carregado";
    trainer_label(): "Trainer" | "Trainer";
    dataset_label(): "Dataset" | "Dados";
    parameters_label(): "Parameters" | "Parâmetros";
    itemsets_label(): "Itemsets" | "Itemsets";
    rules_label(): "Rules" | "Regras";
    weights_label(): "Weights" | "Pesos";
    last_refresh_label(): "Last refresh" | "Atualização";

    with_revision(version: &str, revision: &str):
        "{version} (revision {revision})" | "{version} (revisão {revision})";
    dataset_counts(playlists: u32, songs: u32, artists: u32, rows: u64, skipped: u64):
        "{playlists} playlists, {songs} songs, {artists} artists; {rows} rows, {skipped} of them skipped"
        | "{playlists} playlists, {songs} músicas, {artists} artistas; {rows} linhas, {skipped} delas puladas";
    dataset_bytes(bytes: u64, sha256: &str):
        "{bytes} bytes, SHA-256 {sha256}" | "{bytes} bytes, SHA-256 {sha256}";
    unlimited(): "unlimited" | "ilimitado";
    switched_off(): "off" | "desligado";
    itemsets_of_one(itemsets: u64): "{itemsets} of 1 song" | "{itemsets} de 1 música";
    itemsets_of(itemsets: u64, songs: usize): "{itemsets} of {songs}" | "{itemsets} de {songs}";
    longer_rules(rules: u64):
        ", {rules} with longer consequents" | ", {rules} com consequentes mais longos";
    rule_counts(rules: u64, itemset_rules: u64, one_song_rules: u64, artist_rules: u64, longer: &str):
        "{rules} from songs (itemset rules {itemset_rules}, one-song rules {one_song_rules}), {artist_rules} from artists{longer}"
        | "{rules} de músicas (de itemsets {itemset_rules}, de uma música {one_song_rules}), {artist_rules} de artistas{longer}";
    scales(one: f64, many: f64, artist: f64):
        "one unit is {one:.4} for a single seed, {many:.4} for many, {artist:.4} of an artist"
        | "uma unidade vale {one:.4} para uma só música, {many:.4} para muitas, {artist:.4} de um artista";

    refresh_unchanged():
        "the model in service is the one published" | "o modelo em serviço é o publicado";
    refresh_swapped(version: &str):
        "{version} came into service" | "{version} entrou em serviço";
    nothing_published():
        "no model was ever published" | "nenhum modelo foi publicado até hoje";
    refresh_failed(reason: &str):
        "failed: {reason}" | "falhou: {reason}";
    refresh_rejected(version: &str, reason: &str):
        "{version} was rejected: {reason}" | "{version} foi rejeitado: {reason}";

    evaluated_on(playlists: u32):
        "Evaluated on {playlists} held-out playlists:" | "Avaliado em {playlists} playlists reservadas:";
    scored_by_seeds():
        "Scored by the number of seeds:" | "Pontuação pelo número de músicas dadas:";
    trained_in_stages():
        "Trained in stages:" | "Treinado em etapas:";

    watched_without_model(now: &str, replica: &str, refresh: &str):
        "{now}  no model yet, at {replica}{refresh}" | "{now}  nenhum modelo ainda, em {replica}{refresh}";
    watched_refresh(refresh: &str):
        "; last refresh: {refresh}" | "; última atualização: {refresh}";
    watched_model(now: &str, version: &str, date: &str, replica: &str):
        "{now}  model {version}, trained {date}, served by {replica}"
        | "{now}  modelo {version}, treinado em {date}, servido por {replica}";
}

impl Lang {
    /// The columns of the evaluation.
    pub(crate) fn evaluation_head(self) -> [&'static str; 9] {
        match self {
            Self::English => [
                "Seeds",
                "Recommender",
                "R-precision",
                "NDCG",
                "Hit rate@10",
                "Precision@10",
                "Clicks",
                "Coverage",
                "Answered",
            ],
            Self::Portuguese => [
                "Dadas",
                "Recommender",
                "R-precision",
                "NDCG",
                "Hit rate@10",
                "Precision@10",
                "Cliques",
                "Cobertura",
                "Respondidas",
            ],
        }
    }

    /// The columns of the scoring.
    pub(crate) fn scoring_head(self) -> [&'static str; 4] {
        match self {
            Self::English => ["Seeds", "Many share", "Damping", "Artist share"],
            Self::Portuguese => ["Dadas", "Parte de muitas", "Amortecimento", "Parte do artista"],
        }
    }

    /// The columns of the stages.
    pub(crate) fn stage_head(self) -> [&'static str; 4] {
        match self {
            Self::English => ["Stage", "Seconds", "Rows a second", "Peak memory"],
            Self::Portuguese => ["Etapa", "Segundos", "Linhas por segundo", "Pico de memória"],
        }
    }

    /// A model's parameters.
    #[expect(clippy::too_many_arguments, reason = "there are as many parameters")]
    pub(crate) fn parameters(
        self,
        item_key: &str,
        min_support: &str,
        min_support_count: u32,
        min_confidence: &str,
        min_pair_count: &str,
        max_rules: &str,
        max_length: &str,
        max_consequent: u32,
    ) -> String {
        match self {
            Self::English => format!(
                "item key {item_key}, min support {min_support} ({min_support_count} playlists), min confidence \
                 {min_confidence}, min pair count {min_pair_count}, max rules per song {max_rules}, max length \
                 {max_length}, max consequent length {max_consequent}"
            ),
            Self::Portuguese => format!(
                "chave {item_key}, suporte mínimo {min_support} ({min_support_count} playlists), confiança mínima \
                 {min_confidence}, mínimo de pares {min_pair_count}, máximo de regras por música {max_rules}, tamanho máximo \
                 {max_length}, consequente máximo {max_consequent}"
            ),
        }
    }
}
