//! What a probe tells while it runs and at its end, and what its picture says. Codes of failures and their reasons stay as they came.

use super::{Lang, texts};

texts! {
    // What happens.
    served_in_words(version: &str, model: &str, date: &str):
        "API {version}, model {model} of {date}" | "API {version}, modelo {model} de {date}";
    replica_seen(replica: &str, served: &str):
        "{replica} answers, with {served}" | "{replica} responde, com {served}";
    replica_changed(replica: &str, before: &str, after: &str):
        "{replica} changed from {before} to {after}" | "{replica} mudou de {before} para {after}";
    replica_gone(replica: &str, date: &str):
        "{replica} has not answered since {date}" | "{replica} não responde desde {date}";
    only_replica_serves(served: &str, seconds: &str):
        "the one replica serves {served}, since +{seconds} s"
        | "a única réplica serve {served}, desde +{seconds} s";
    every_replica_serves(replicas: usize, served: &str, seconds: &str):
        "all {replicas} replicas serve {served}, since +{seconds} s"
        | "todas as {replicas} réplicas servem {served}, desde +{seconds} s";
    failing(code: &str, reason: &str):
        "fails with {code}: {reason}" | "falha com {code}: {reason}";
    answering_after_one(seconds: &str):
        "answers again, {seconds} s after the request that failed was due"
        | "voltou a responder, {seconds} s depois da hora marcada da requisição que falhou";
    answering_after_many(seconds: &str, requests: usize):
        "answers again, {seconds} s after the first of {requests} requests that failed was due"
        | "voltou a responder, {seconds} s depois da hora marcada da primeira de {requests} requisições que falharam";
    last_requests_awaited(requests: usize):
        "no more requests; waiting for {requests} to end, Ctrl-C again does not wait"
        | "sem mais requisições; à espera do fim de {requests}, outro Ctrl-C não espera";

    // The line that is written over: short enough for a terminal of 80 columns.
    live_line(seconds: &str, requests: usize, failed: usize, shed: &str, latencies: &str, replicas: &str):
        "{seconds} s  {requests} requests, {failed} failed{shed}  {latencies}  {replicas}"
        | "{seconds} s  req. {requests}, falhas {failed}{shed}  {latencies}  {replicas}";
    live_shed(shed: usize): ", {shed} shed" | ", recusas {shed}";

    // The report.
    probed_label(): "Probed" | "Sondagem";
    requests_label(): "Requests" | "Requisições";
    latency_label(): "Latency" | "Latência";
    downtime_label(): "Downtime" | "Fora do ar";
    replicas_label(): "Replicas" | "Réplicas";
    changes_label(): "Changes" | "Mudanças";
    probed(addresses: &str, seconds: &str, rate: &str, connections: &str):
        "{addresses} for {seconds} s, {rate} requests a second{connections}"
        | "{addresses} por {seconds} s, {rate} requisições por segundo{connections}";
    connection_each(): "a connection each" | "uma conexão para cada";
    request_counts(requests: usize, answered: usize, failed: usize, shed: usize, unfinished: &str, resent: &str):
        "{requests}: {answered} answered, {failed} failed, {shed} shed for overload{unfinished}; {resent}"
        | "{requests}: {answered} com resposta, {failed} com falha, {shed} com recusa por sobrecarga{unfinished}; {resent}";
    unfinished(requests: usize):
        ", {requests} not awaited" | ", {requests} cujo fim não foi esperado";
    none_resent(): "none was sent again" | "nenhuma foi reenviada";
    one_resent(): "the client sent one again, once" | "o cliente reenviou uma, uma vez";
    some_resent(times: u64):
        "the client sent some again, {times} times in all" | "o cliente reenviou algumas, {times} vezes ao todo";
    codes(codes: &str): "not answered: {codes}" | "sem resposta: {codes}";
    longest_latency(): "max" | "máx";
    no_downtime(): "none" | "nunca";
    downtime_in_one(seconds: &str): "{seconds} s in one span" | "{seconds} s em um intervalo";
    downtime_in_many(seconds: &str, spans: usize):
        "{seconds} s in {spans} spans" | "{seconds} s em {spans} intervalos";
    downtime_and_gap(downtime: &str, gap: &str):
        "{downtime}; at most {gap} s from an answer to the next"
        | "{downtime}; no máximo {gap} s de uma resposta à próxima";
    known_by_answers(seconds: &str):
        "known by answers, gone after {seconds} s without one"
        | "pelo que dizem as respostas, e fora da conta depois de {seconds} s sem uma";
    known_by_one_connection():
        "known by answers on one connection, which stays with a replica; `--new-connection` meets all"
        | "pelo que dizem as respostas de uma conexão, que fica com uma réplica; `--new-connection` encontra todas";
    known_by_addresses(): "one at each address" | "uma em cada endereço";
    replicas_none(known: &str): "none answered; {known}" | "nenhuma respondeu; {known}";
    replicas_none_at_end(seen: &str, known: &str):
        "none at the end, met were {seen}; {known}" | "no fim nenhuma, ao todo {seen}; {known}";
    replicas_at_end(at_end: &str, seen: &str, known: &str):
        "{at_end} at the end, met were {seen}; {known}" | "no fim {at_end}, ao todo {seen}; {known}";
    no_changes(): "none of version and model" | "nenhuma de versão ou modelo";
    change_to(served: &str): "to {served}:" | "para {served}:";
    after_start(): "after the start" | "depois do início";
    after_date(date: &str): "after {date}" | "depois de {date}";
    first_answer(seconds: &str, after: &str, replica: &str):
        "first answer {seconds} s {after}, from {replica}" | "primeira resposta {seconds} s {after}, de {replica}";
    every_replica(seconds: &str, after: &str):
        "served by every replica {seconds} s {after}" | "em todas as réplicas {seconds} s {after}";
    every_replica_unknown():
        "not known to be served by every replica" | "não se sabe se em todas as réplicas";
    not_every_replica(behind: &str):
        "not served by every replica: at the end, not by {behind}"
        | "não em todas as réplicas: no fim, não em {behind}";

    // The picture.
    picture_title(requests: usize, failed: usize, shed: &str, downtime: &str):
        "{requests} requests, {failed} failed{shed}, {downtime} s downtime"
        | "{requests} requisições, {failed} com falha{shed}, {downtime} s fora do ar";
    picture_shed(shed: usize): ", {shed} shed" | ", {shed} com recusa";
    picture_subtitle(addresses: &str, rate: &str, connections: &str, date: &str):
        "{addresses}, {rate} requests a second, {connections}, from {date}"
        | "{addresses}, {rate} requisições por segundo, {connections}, desde {date}";
    connections_that_stay(): "on connections that stay" | "em conexões que ficam";
    time_axis(): "seconds from the start" | "segundos desde o início";
    latency_axis():
        "latency from when a request was due" | "latência desde a hora marcada da requisição";
    other_replicas(): "other replicas" | "outras réplicas";
    mark_failed(): "failed" | "com falha";
    mark_shed(): "shed for overload" | "recusada por sobrecarga";
    mark_down(): "no request succeeded" | "nenhuma requisição respondida";
    mark_change(): "change" | "mudança";
    mark_every(): "served by every replica" | "em todas as réplicas";
    picture_change(number: usize, version: &str, model: &str, seconds: &str, replica: &str, every: &str):
        "{number}  API {version}, model {model}: first at {seconds} s by {replica}, {every}"
        | "{number}  API {version}, modelo {model}: primeiro aos {seconds} s por {replica}, {every}";
    picture_every(seconds: &str):
        "every replica at {seconds} s (dashed)" | "todas as réplicas aos {seconds} s (tracejado)";
    picture_not_every():
        "not by every replica until the end" | "até o fim não por todas as réplicas";
    picture_more(changes: usize): "; {changes} more are not listed" | "; mais {changes} fora da lista";

    // Misuse.
    too_many_requests(requests: f64, most: f64):
        "{requests:.0} requests are more than one run keeps, {most:.0}; lower `--rate` or `--duration`"
        | "{requests:.0} requisições são mais do que uma execução guarda, {most:.0}; diminua `--rate` ou `--duration`";
    no_song_to_ask_with(url: &str):
        "the model at {url} has no song to ask with; name songs, as in `playlist probe Unforgettable`"
        | "o modelo em {url} não tem música com que perguntar; dê músicas, como em `playlist probe Unforgettable`";
    no_address(): "there is no address to send to" | "não há endereço para onde enviar";
}

impl Lang {
    /// `1 replica`, `2 replicas`.
    pub(crate) fn replicas(self, replicas: usize) -> String {
        match (self, replicas) {
            (Self::English, 1) => "1 replica".to_owned(),
            (Self::English, _) => format!("{replicas} replicas"),
            (Self::Portuguese, 1) => "1 réplica".to_owned(),
            (Self::Portuguese, _) => format!("{replicas} réplicas"),
        }
    }
}
