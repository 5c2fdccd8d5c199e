"""A wire between the bank and PostgreSQL that can lose the answer to one COMMIT: the server has done it, nobody hears."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from tongbao.base.embedded import Cluster


class ReplyDropper:
    """A proxy on 127.0.0.1. After `drop_next_commit_reply`, the connection that commits next dies unanswered."""

    def __init__(self, cluster: Cluster) -> None:
        where = parse_qs(urlsplit(cluster.url("postgres")).query)
        self._path = f"{unquote(where['host'][0])}/.s.PGSQL.{where['port'][0]}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._armed = threading.Event()
        self._sockets: list[socket.socket] = []
        self.dropped = 0

    def url_for(self, url: str) -> str:
        parts = urlsplit(url)
        return f"postgresql://{parts.username}@127.0.0.1:{self._listener.getsockname()[1]}{parts.path}"

    def drop_next_commit_reply(self) -> None:
        self._armed.set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for each in self._sockets:
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._path)
                self._sockets += [client, server]
                lost = threading.Event()
                threading.Thread(target=self._up, args=(client, server, lost), daemon=True).start()
                threading.Thread(target=self._down, args=(client, server, lost), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self._armed.is_set() and b"COMMIT" in data:
                    self._armed.clear()
                    lost.set()
                server.sendall(data)
        _hang_up(server)

    def _down(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if lost.is_set():
                    self.dropped += 1
                    break
                client.sendall(data)
        _hang_up(client)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
