"""A name server, and a web server with a certificate, for the tests of the images: `servers.py ADDRESS=NAME... WEB FOLDER`.

The first address answers name queries; names other than the given ones do not exist. FOLDER holds `server.pem` (certificate and
key) and what is served. Each query and request is a line of standard output.
"""

import functools
import http.server
import socket
import ssl
import struct
import sys
import threading

A, NO_SUCH_NAME = 1, 3


def answer(query: bytes, names: dict[str, str]) -> bytes:
    """The answer to a query with one question, and no address but one of IPv4 in it."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii"))
        at += 1 + query[at]
    question = query[12 : at + 5]
    (kind,) = struct.unpack("!H", query[at + 1 : at + 3])
    name = ".".join(labels).lower()
    print(f"query {name} {kind}", flush=True)
    address = names.get(name)
    found = b""
    if address and kind == A:
        # The name is that of the question, valid for a minute.
        found = b"\xc0\x0c" + struct.pack("!HHIH", A, 1, 60, 4) + socket.inet_aton(address)
    flags = 0x8180 | (0 if address else NO_SUCH_NAME)
    return query[:2] + struct.pack("!HHHHH", flags, 1, 1 if found else 0, 0, 0) + question + found


def serve_names(address: str, names: dict[str, str]):
    """Answers queries for ever."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        while True:
            query, sender = server.recvfrom(512)
            server.sendto(answer(query, names), sender)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files, and tells so on standard output."""

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        print("request", format % args, flush=True)


def main():
    """Serves names and files."""
    *pairs, web, folder = sys.argv[1:]
    names = {name: address for address, name in (pair.split("=") for pair in pairs[1:])}
    threading.Thread(target=serve_names, args=(pairs[0].split("=")[0], names), daemon=True).start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/server.pem")
    server = http.server.ThreadingHTTPServer((web, 443), functools.partial(Handler, directory=folder))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("serving", flush=True)
    server.serve_forever()


main()
