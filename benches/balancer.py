"""A TCP balancer as a Service of Kubernetes is one: a new connection goes to one of the replicas in turn, and stays there whatever happens."""

import asyncio
import threading

CHUNK = 1 << 16


class Balancer:
    """Listens on a port of its own in a thread of its own. As a context, until that ends."""

    def __init__(self):
        self._replicas: list[str] = []
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.address = ""

    def __enter__(self):
        self._thread.start()
        server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.address = "127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def add(self, address: str):
        self._loop.call_soon_threadsafe(self._replicas.append, address)

    def remove(self, address: str):
        """Gives a replica no new connection; those that it has stay."""
        self._loop.call_soon_threadsafe(self._replicas.remove, address)

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        try:
            # Like the kernel, it does not try another one when this one refuses.
            self._turn += 1
            host, _, port = self._replicas[self._turn % len(self._replicas)].rpartition(":")
            replica_reader, replica_writer = await asyncio.open_connection(host, int(port))
        except (OSError, ZeroDivisionError):
            writer.transport.abort()
            return
        await asyncio.gather(_copy(reader, replica_writer), _copy(replica_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
    """Hands on what comes, its end, and that it was torn."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()
