"""A proxy between clients and a server that cuts connections at the worst moment."""
import collections
import contextlib
import random
import socket
import struct
import threading

from server import free_port

_PRODUCE = 0


class CuttingProxy:
    """Of some Produce requests it hands on the whole request, and then cuts the connection instead of bringing the answer.
    Clients stay with it if their server advertises `port`."""

    def __init__(self, server, ratio, seed=5):
        self.server, self.ratio, self.chance = server, ratio, random.Random(seed)
        self.port, self._lock = free_port()
        self.cuts = collections.Counter()  # by client id
        self._listener = socket.create_server(('127.0.0.1', self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()
        self._lock.close()

    def address(self):
        return f'127.0.0.1:{self.port}'

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client:
            upstream = socket.create_connection(('127.0.0.1', self.server.port))
            with upstream:
                cut = threading.Event()
                answers = threading.Thread(target=self._bring_answers, args=(upstream, client, cut), daemon=True)
                answers.start()
                while True:
                    frame = self._frame(client)
                    if frame is None:
                        return
                    if struct.unpack_from('>h', frame, 4)[0] == _PRODUCE and self.chance.random() < self.ratio:
                        self.cuts[self._client_id(frame)] += 1
                        cut.set()  # before the answer can be there
                        upstream.sendall(frame)
                        answers.join(10)
                        return
                    upstream.sendall(frame)

    @staticmethod
    def _bring_answers(upstream, client, cut):
        with contextlib.suppress(OSError):
            while True:
                data = upstream.recv(65536)
                if not data or cut.is_set():
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)

    @staticmethod
    def _client_id(frame):
        (length,) = struct.unpack_from('>h', frame, 12)
        return frame[14:14 + max(length, 0)].decode()

    @staticmethod
    def _frame(client):
        data = b''
        while len(data) < 4 or len(data) < 4 + struct.unpack_from('>i', data)[0]:
            wanted = 4 if len(data) < 4 else 4 + struct.unpack_from('>i', data)[0]
            more = client.recv(wanted - len(data))
            if not more:
                return None
            data += more
        return data


@contextlib.contextmanager
def behind_cuts(server, ratio):
    """The proxy, after the running `server` was started again so that it sends its clients to it."""
    with CuttingProxy(server, ratio) as proxy:
        server.terminate()
        server.options = [*server.options, f'--advertise={proxy.address()}']
        server.start()
        yield proxy
