//! What the doctor finds, and what it advises.

use super::texts;

texts! {
    outcome_ok(): "ok" | "ok";
    outcome_warning(): "warning" | "aviso";
    outcome_failed(): "FAILED" | "FALHOU";
    outcome_skipped(): "-" | "-";
    not_reached(): "not reached" | "não alcançado";

    name_is_an_address(host: &str): "{host} is an address" | "{host} é um endereço";
    name_known(host: &str, addresses: &str): "{host} is {addresses}" | "{host} é {addresses}";
    name_unknown(host: &str, why: &str):
        "{host} is not known: {why}" | "{host} não é conhecido: {why}";
    name_unknown_remedy():
        "check the spelling in `--server`; names of a cluster are known only within it: use `--ssh` or a port-forward"
        | "confira a grafia em `--server`; nomes de um cluster só são conhecidos dentro dele: use `--ssh` ou um port-forward";
    name_server_silent(host: &str):
        "nobody told in time what {host} is" | "ninguém disse a tempo o que é {host}";
    name_server_silent_remedy():
        "check the network, and the name servers in /etc/resolv.conf"
        | "confira a rede, e os servidores de nomes em /etc/resolv.conf";

    port_open(address: &str): "{address} accepts connections" | "{address} aceita conexões";
    port_refused_remedy():
        "nothing listens there: start the recommender, or open the tunnel (`playlist --ssh user@host`, or `kubectl -n \
         playlist-recommender port-forward service/playlist-recommender 52023`)"
        | "nada escuta ali: inicie o recommender, ou abra o túnel (`playlist --ssh user@host`, ou `kubectl -n \
           playlist-recommender port-forward service/playlist-recommender 52023`)";
    port_silent_remedy():
        "a firewall or another network is in between: try from a host that reaches it, or through it with `--ssh`"
        | "há um firewall ou outra rede no meio: tente de um host que o alcance, ou por ele com `--ssh`";

    no_tunnel_asked_for():
        "not asked for (`--ssh` opens one)" | "não pedido (`--ssh` abre um)";
    left_to_ssh(): "left to ssh" | "fica com o ssh";

    plain_text():
        "not asked for: the address begins with `http://`, so what is sent can be read on the way"
        | "não pedido: o endereço começa com `http://`, então o que é enviado pode ser lido no caminho";
    trusted():
        "both ends trust each other" | "os dois lados confiam um no outro";

    served_by(version: &str, replica: &str):
        "version {version}, served by {replica}" | "versão {version}, servido por {replica}";
    another_service():
        "what answers is no recommender, or an old one: check host and port"
        | "o que responde não é um recommender, ou é um antigo: confira host e porta";
    try_again():
        "try again; if it stays so, look at the log of the recommender"
        | "tente de novo; se continuar, veja o log do recommender";
    see_the_log():
        "look at the log of the recommender" | "veja o log do recommender";

    serving(): "SERVING" | "SERVING";
    not_serving(service: &str): "NOT_SERVING {service}" | "NOT_SERVING {service}";
    not_serving_remedy():
        "it has no model yet or is stopping: train a model, or wait; `playlist info` tells its last refresh"
        | "ainda não tem modelo ou está parando: treine um modelo, ou espere; `playlist info` diz a última atualização";

    not_listed(service: &str):
        "{service} is not among the services" | "{service} não está entre os serviços";
    no_reflection(): "switched off" | "desligada";
    no_reflection_remedy():
        "only grpcurl and its like miss it: start the recommender with `--reflection true` for them"
        | "só fazem falta ao grpcurl e semelhantes: para eles, inicie o recommender com `--reflection true`";

    versions(here: &str, there: &str):
        "{here} here, {there} there" | "{here} aqui, {there} lá";
    versions_remedy(there: &str):
        "the two may not understand each other: install `playlist` of version {there}"
        | "os dois podem não se entender: instale o `playlist` da versão {there}";

    model_of(version: &str, date: &str):
        "{version}, trained {date}" | "{version}, treinado em {date}";
    no_model(reason: &str): "none yet {reason}" | "nenhum ainda {reason}";
    no_model_remedy():
        "run the trainer on the volume that the recommender reads"
        | "rode o trainer no volume que o recommender lê";
    model_rejected(model: &str, reason: &str):
        "{model}; another one was rejected: {reason}" | "{model}; outro foi rejeitado: {reason}";
    model_rejected_remedy():
        "publish a good one, or put the one in service back with `trainer versions rollback`"
        | "publique um bom, ou volte ao que está em serviço com `trainer versions rollback`";
}
