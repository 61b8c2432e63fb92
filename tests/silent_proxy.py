"""A way to a server that falls silent, as networks and proxies do: nobody is told, and nothing is reset."""

from __future__ import annotations

import ctypes
import socket
import struct
import threading
from contextlib import ExitStack, suppress
from typing import Self

_ATTACH_FILTER, _DETACH_FILTER = 26, 27
_DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)
"""One instruction for the kernel: of every packet nothing is kept, so none is acknowledged."""


class SilentProxy:
    """Forwards what comes to its port to a server's port of this machine, until it is told not to."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._forwards = threading.Event()
        self._forwards.set()
        self._open = ExitStack()
        self._listening = self._open.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._clients: list[socket.socket] = []
        self._sockets: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept)
        self._forwarding: list[threading.Thread] = []
        self.port: int = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self.go_on()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._forwarding:
            thread.join()
        self._open.close()

    def hold_back(self) -> None:
        """Takes and acknowledges what comes, new connections too, and forwards nothing."""
        self._forwards.clear()

    def swallow(self) -> None:
        """Drops every packet of whoever is connected before any of it is acknowledged."""
        self._forwards.clear()
        program = ctypes.create_string_buffer(_DROP_ALL)
        for client in self._clients:
            client.setsockopt(
                socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program))
            )

    def go_on(self) -> None:
        """Forwards again, also what was held back."""
        for client in self._clients:
            with suppress(OSError):
                client.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)
        self._forwards.set()

    def _accept(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                client = self._open.enter_context(self._listening.accept()[0])
                server = self._open.enter_context(socket.create_connection(("127.0.0.1", self._server)))
                self._clients.append(client)
                self._sockets += client, server
                for one, other in ((client, server), (server, client)):
                    self._forwarding.append(threading.Thread(target=self._forward, args=(one, other)))
                    self._forwarding[-1].start()

    def _forward(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while content := one.recv(1 << 16):
                self._forwards.wait()
                other.sendall(content)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)
