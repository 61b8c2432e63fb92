"""Whose a socket is: those that Kafka's client opens say so by their class, and all others are held to be closed.

kafka-python leaves sockets behind that no broker answered, and connected ones where it is closed while it asks for
metadata ("Metadata refresh: failed Cancelled"). A warning of one that was left names its class, and nothing else.
"""

from __future__ import annotations

import socket
from typing import Any


class SocketOfKafka(socket.socket):
    """A socket that Kafka's client has opened."""


def tell_apart() -> None:
    """From here on Kafka's client opens such sockets."""
    from kafka.net.inet import KafkaNetSocket

    def opened(
        _: Any,
        family: int = socket.AF_UNSPEC,
        kind: int = socket.SOCK_STREAM,
        proto: int = socket.IPPROTO_TCP,
    ) -> socket.socket:
        return SocketOfKafka(family, kind, proto)

    KafkaNetSocket.socket = opened  # type: ignore[method-assign]
