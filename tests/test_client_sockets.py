"""A socket that is left open is an error, unless Kafka's client has left it."""

from __future__ import annotations

import gc
import socket
import warnings
from collections.abc import Callable

import pytest
from kafka.net.inet import KafkaNetSocket

from tests.client_sockets import SocketOfKafka


def _of_kafka() -> socket.socket:
    found: socket.socket = KafkaNetSocket().socket(socket.AF_INET)
    return found


@pytest.mark.parametrize(("opened", "told"), [(_of_kafka, False), (socket.socket, True)])
def test_only_what_others_leave_open_is_an_error(
    pytestconfig: pytest.Config, opened: Callable[[], socket.socket], told: bool
) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.resetwarnings()
        for line in pytestconfig.getini("filterwarnings"):
            if "unclosed" in line:
                warnings.filterwarnings("ignore", line.split(":")[1], ResourceWarning)
        left = opened()
        assert isinstance(left, SocketOfKafka) != told
        said = repr(left)
        del left
        gc.collect()
    assert (f"unclosed {said}" in {str(one.message) for one in seen}) == told
