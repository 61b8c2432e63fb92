"""Connections to PostgreSQL that never wait without bound: the one place where they are made, for whatever they serve.

A server can go away without a word, in three ways. Packets are swallowed: the kernel finds that out, by what is not
acknowledged and by probes of its own. A server or a proxy before it hangs, whose kernel goes on acknowledging: then
the server is asked whether it answers at all. Or it answers everybody but us: then the longest time ends it.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Generator
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

_R = TypeVar("_R")

ON_THE_WAY: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
"""What the client's side is told (libpq's words; seconds, the last in ms) where the URL does not say it."""
LONGEST_SECONDS: Final = 3600
"""How long one statement may take."""
ON_THE_SERVER: Final = {
    "statement_timeout": f"{LONGEST_SECONDS}s",
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "600s",
    "tcp_keepalives_idle": "60s",
    "tcp_keepalives_interval": "10s",
    "tcp_keepalives_count": "6",
}
"""What a session is set to where neither the URL's `options`, nor role, database or server say anything else: nobody
waits longer for others' locks, and those of a client that is gone are let go."""
SILENT_SECONDS = 15.0
"""After so much silence it is asked whether the server still answers, and again after as much."""
ANSWER_SECONDS = 15.0
"""How long the server is given to take the question, and to answer it."""
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""The first thing that a client may say; any server answers it with one byte, before it knows who asks."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that waits for a server as long as that answers, and for one statement no longer than it may take.

    Raises psycopg.OperationalError where it gives up; it is closed then.
    """

    has_longest = True
    """Whether that is LONGEST_SECONDS; else the operator has told the server."""

    def wait(self, gen: PQGen[_R], *args: Any, **named: Any) -> _R:  # noqa: ANN401 - as the library's
        """Carries out what the library waits for."""
        return super().wait(self._watched(gen), *args, **named)

    def _watched(self, gen: PQGen[_R]) -> Generator[Any, Any, _R]:
        begun = heard = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    heard = now
                elif self.has_longest and now - begun > LONGEST_SECONDS + SILENT_SECONDS:
                    self._give_up(f"the statement has not ended within {LONGEST_SECONDS} s")
                elif now - heard > SILENT_SECONDS:
                    if not self._server_answers():
                        self._give_up("the server does not answer any more: timeout expired")
                    heard = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            result: _R = end.value
            return result

    def _give_up(self, why: str) -> None:
        self.close()
        raise psycopg.OperationalError(why)

    def _server_answers(self) -> bool:
        """Whether who listens at the server's address says anything to somebody new."""
        info = self.info
        try:
            with _reached(info.hostaddr or info.host, info.port) as asking:
                asking.sendall(_SSL_REQUEST)
                return bool(asking.recv(1))
        except OSError:
            return False


def _reached(host: str, port: int) -> socket.socket:
    """A socket to a server, each step of which takes so long at most."""
    if not host.startswith("/"):
        return socket.create_connection((host, port), ANSWER_SECONDS)
    asking = socket.socket(socket.AF_UNIX)
    asking.settimeout(ANSWER_SECONDS)
    asking.connect(f"{host}/.s.PGSQL.{port}")
    return asking


def bounded_engine(url: URL) -> Engine:
    """An engine for a URL of PostgreSQL, whose connections have bounds. Raises sqlalchemy.exc.ArgumentError.

    What stands in the URL wins: libpq's parameters (`?keepalives_idle=60`), and a session's (`?options=…`).
    """
    said = {name: value for name, value in ON_THE_WAY.items() if name not in url.query}
    engine = create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args=said)
    event.listen(engine, "do_connect", _connected)
    return engine


def _connected(
    _dialect: Any,  # noqa: ANN401 - as SQLAlchemy hands them
    _entry: ConnectionPoolEntry,
    arguments: tuple[Any, ...],
    named: dict[str, Any],
) -> BoundedConnection:
    connection = BoundedConnection.connect(*arguments, **named)
    try:
        connection.autocommit = True
        ours = connection.execute(
            "SELECT name, set_config(name, to_set, false) FROM pg_settings"
            " JOIN unnest(%s::text[], %s::text[]) AS wanted(to_name, to_set) ON name = to_name"
            " WHERE source = 'default'",
            (list(ON_THE_SERVER), list(ON_THE_SERVER.values())),
        )
        connection.has_longest = "statement_timeout" in dict(ours)
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection
