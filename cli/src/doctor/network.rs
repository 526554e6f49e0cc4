//! Whether the names in the addresses are known, and whether somebody listens where they lead.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    time,
};

use super::{Found, Outcome, failed, ok, skipped, warning};
use crate::texts::Lang;

/// What is found of the names and of the ports in `server`: `scheme://host:port`, or several with commas between.
pub(super) async fn examine(server: &str, timeout: Duration, lang: Lang) -> (Found, Found) {
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for url in server.split(',') {
        let (name, port) = examine_one(url, timeout, lang).await;
        names.push(name);
        ports.push(port);
    }
    (together(names), together(ports))
}

/// One finding of several: calls go where they are answered, so one address that is fine is enough, and what is wrong with the
/// others a warning.
fn together(all: Vec<Found>) -> Found {
    let texts = |outcome| {
        let matching = all.iter().filter(|(it, ..)| *it == outcome);
        let mut texts: Vec<_> = matching.map(|(_, found, _)| found.as_str()).collect();
        texts.dedup();
        texts.join(", ")
    };
    let (fine, wrong) = (texts(Outcome::Ok), texts(Outcome::Failed));
    let remedy = all.iter().find_map(|(_, _, remedy)| remedy.clone()).unwrap_or_default();
    match (fine.is_empty(), wrong.is_empty()) {
        (false, true) => ok(fine),
        (false, false) => warning(wrong, remedy),
        (true, false) => failed(wrong, remedy),
        (true, true) => skipped(texts(Outcome::Skipped)),
    }
}

/// What is found of the name and of the port in `url`, `scheme://host:port`.
async fn examine_one(url: &str, timeout: Duration, lang: Lang) -> (Found, Found) {
    let address = url.split_once("://").map_or(url, |(_, address)| address);
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port: u16 = port.parse().unwrap_or_default();
    let addresses: Vec<SocketAddr> = match time::timeout(timeout, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => {
            let found = failed(lang.name_unknown(host, &error.to_string()), lang.name_unknown_remedy());
            return (found, skipped(lang.not_reached()));
        }
        Err(_) => {
            let found = failed(lang.name_server_silent(host), lang.name_server_silent_remedy());
            return (found, skipped(lang.not_reached()));
        }
    };
    let mut ips: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
    ips.dedup();
    let name = ok(if ips == [host] {
        lang.name_is_an_address(host)
    } else {
        lang.name_known(host, &ips.join(", "))
    });

    let mut refusals = Vec::new();
    for address in addresses {
        match time::timeout(timeout, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return (name, ok(lang.port_open(&address.to_string()))),
            Ok(Err(error)) => refusals.push((address, error)),
            Err(_) => refusals.push((address, io::ErrorKind::TimedOut.into())),
        }
    }
    let is_refused = refusals.iter().any(|(_, error)| error.kind() == io::ErrorKind::ConnectionRefused);
    let remedy = if is_refused { lang.port_refused_remedy() } else { lang.port_silent_remedy() };
    let found: Vec<_> = refusals.iter().map(|(address, error)| format!("{address}: {error}")).collect();
    (name, failed(found.join(", "), remedy))
}
