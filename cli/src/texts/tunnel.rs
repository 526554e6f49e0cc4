//! What is said of a tunnel: what it connects, which hop failed, and what to do.

use super::{Lang, texts};
use crate::tunnel::{Problem, Route};

texts! {
    forward_without_ssh():
        "`--forward` says where a tunnel leads; open one with `--ssh user@host`"
        | "`--forward` diz aonde um túnel leva; abra um com `--ssh user@host`";
    tunnel_to_many():
        "a tunnel leads to one address; leave out `--ssh`, or name one `--server`"
        | "um túnel leva a um endereço; tire `--ssh`, ou dê um só `--server`";
    tunnel_opened(near: &str, host: &str, target: &str):
        "tunnel: {near} through {host} to {target}" | "túnel: {near} por {host} até {target}";
    tunnel_ended(host: &str, last_word: &str):
        "(the tunnel through {host} has ended{last_word}; opening it again)"
        | "(o túnel por {host} acabou{last_word}; abrindo de novo)";
    tunnel_reopened(host: &str):
        "(the tunnel through {host} is open again)" | "(o túnel por {host} está aberto de novo)";
    tunnel_still_closed(what: &str):
        "(no tunnel yet: {what}; trying on)" | "(ainda sem túnel: {what}; continuo tentando)";
    tunnel_given_up(what: &str, hint: &str):
        "(the tunnel stays closed: {what}; {hint})" | "(o túnel continua fechado: {what}; {hint})";
}

impl Lang {
    /// What went wrong, and at which hop.
    pub(crate) fn tunnel_problem(self, problem: Problem, route: &Route) -> String {
        let (host, target) = (&route.host, &route.target);
        match self {
            Self::English => match problem {
                Problem::NotStarted => "no tunnel was opened: ssh cannot be started here".to_owned(),
                Problem::LocalPort => {
                    "no tunnel was opened: no port of this machine can be its near end".to_owned()
                }
                Problem::HostUnknown => format!("first hop: the name of {host} cannot be resolved"),
                Problem::HostRefused => format!("first hop: nothing listens for ssh at {host}"),
                Problem::HostUnreachable => format!("first hop: {host} cannot be reached"),
                Problem::NoSsh => {
                    format!("first hop: what listens at {host} does not speak ssh, or hung up")
                }
                Problem::HostKeyChanged => format!("first hop: {host} has another key than it had before"),
                Problem::HostKeyUnknown => format!("first hop: the key of {host} is not known here"),
                Problem::Login => format!("first hop: {host} refused the login"),
                Problem::ForwardingForbidden => {
                    format!("second hop: {host} does not allow to forward to {target}")
                }
                Problem::TargetUnknown => {
                    format!("second hop: {host} cannot resolve the name in {target}")
                }
                Problem::TargetRefused => format!(
                    "second hop: {host} was reached, but nothing listens at {target} as seen from there"
                ),
                Problem::TargetUnreachable => {
                    format!("second hop: {host} was reached, but cannot reach {target}")
                }
                Problem::Silence => format!(
                    "second hop: {host} was reached, but the service at {target} does not answer through it"
                ),
                Problem::Other => format!("ssh to {host} failed"),
            },
            Self::Portuguese => match problem {
                Problem::NotStarted => {
                    "nenhum túnel foi aberto: não é possível iniciar o ssh aqui".to_owned()
                }
                Problem::LocalPort => {
                    "nenhum túnel foi aberto: nenhuma porta desta máquina serve de entrada".to_owned()
                }
                Problem::HostUnknown => format!("primeiro salto: o nome de {host} não pode ser resolvido"),
                Problem::HostRefused => format!("primeiro salto: nada escuta por ssh em {host}"),
                Problem::HostUnreachable => format!("primeiro salto: {host} não pode ser alcançado"),
                Problem::NoSsh => {
                    format!("primeiro salto: o que escuta em {host} não fala ssh, ou desligou")
                }
                Problem::HostKeyChanged => format!("primeiro salto: {host} tem outra chave que antes"),
                Problem::HostKeyUnknown => format!("primeiro salto: a chave de {host} não é conhecida aqui"),
                Problem::Login => format!("primeiro salto: {host} recusou o login"),
                Problem::ForwardingForbidden => {
                    format!("segundo salto: {host} não permite encaminhar para {target}")
                }
                Problem::TargetUnknown => {
                    format!("segundo salto: {host} não consegue resolver o nome em {target}")
                }
                Problem::TargetRefused => {
                    format!("segundo salto: {host} foi alcançado, mas dali nada escuta em {target}")
                }
                Problem::TargetUnreachable => {
                    format!("segundo salto: {host} foi alcançado, mas não alcança {target}")
                }
                Problem::Silence => format!(
                    "segundo salto: {host} foi alcançado, mas o serviço em {target} não responde por ele"
                ),
                Problem::Other => format!("o ssh para {host} falhou"),
            },
        }
    }

    /// What to do about it.
    pub(crate) fn tunnel_remedy(self, problem: Problem, route: &Route) -> String {
        let login = route.login_command();
        match self {
            Self::English => match problem {
                Problem::NotStarted => "install an ssh client, as Debian's `openssh-client`".to_owned(),
                Problem::LocalPort => {
                    format!("`{login}` may forward ports by itself: look for LocalForward in ~/.ssh/config")
                }
                Problem::HostUnknown => {
                    "is it spelled right, and in DNS, /etc/hosts or ~/.ssh/config?".to_owned()
                }
                Problem::HostRefused | Problem::NoSsh => {
                    "is that sshd's port? `--ssh user@host:port` names another".to_owned()
                }
                Problem::HostUnreachable => {
                    "is the host up, and do network and firewall let you through?".to_owned()
                }
                Problem::HostKeyChanged => format!(
                    "somebody may be in between; if the key was changed on purpose, `{login}` tells how to forget the old one"
                ),
                Problem::HostKeyUnknown => {
                    format!("log in once with `{login}`, and compare the key that it shows")
                }
                Problem::Login => format!(
                    "try `{login}`; where there is no terminal nobody can be asked, so a key must be in the agent"
                ),
                Problem::ForwardingForbidden => {
                    "its sshd_config (AllowTcpForwarding, PermitOpen) or the key's options say so".to_owned()
                }
                Problem::TargetUnknown => {
                    "the name is looked up on that host; `kubectl get services` there tells an address for `--forward`".to_owned()
                }
                Problem::TargetRefused | Problem::TargetUnreachable => {
                    "`kubectl -n playlist-recommender get services` tells the address: `--forward <cluster-ip>:52023`"
                        .to_owned()
                }
                Problem::Silence => "is that the address of the recommender, and does it run?".to_owned(),
                Problem::Other => format!("try `{login}`, with `-v` for details"),
            },
            Self::Portuguese => match problem {
                Problem::NotStarted => "instale um cliente ssh, como `openssh-client` no Debian".to_owned(),
                Problem::LocalPort => {
                    format!("talvez `{login}` encaminhe portas por si: procure LocalForward em ~/.ssh/config")
                }
                Problem::HostUnknown => {
                    "está escrito certo, e no DNS, em /etc/hosts ou em ~/.ssh/config?".to_owned()
                }
                Problem::HostRefused | Problem::NoSsh => {
                    "é essa a porta do sshd? `--ssh user@host:porta` diz outra".to_owned()
                }
                Problem::HostUnreachable => {
                    "o host está no ar, e a rede e o firewall deixam passar?".to_owned()
                }
                Problem::HostKeyChanged => format!(
                    "pode haver alguém no meio; se a chave foi trocada de propósito, `{login}` diz como esquecer a antiga"
                ),
                Problem::HostKeyUnknown => {
                    format!("entre uma vez com `{login}`, e compare a chave que aparece")
                }
                Problem::Login => format!(
                    "tente `{login}`; sem terminal não há a quem perguntar, então uma chave precisa estar no agente"
                ),
                Problem::ForwardingForbidden => {
                    "o sshd_config dele (AllowTcpForwarding, PermitOpen) ou as opções da chave dizem isso".to_owned()
                }
                Problem::TargetUnknown => {
                    "o nome é procurado naquele host; lá, `kubectl get services` diz um endereço para `--forward`".to_owned()
                }
                Problem::TargetRefused | Problem::TargetUnreachable => {
                    "`kubectl -n playlist-recommender get services` diz o endereço: `--forward <cluster-ip>:52023`"
                        .to_owned()
                }
                Problem::Silence => "é esse o endereço do recommender, e ele está rodando?".to_owned(),
                Problem::Other => format!("tente `{login}`, com `-v` para detalhes"),
            },
        }
    }
}
