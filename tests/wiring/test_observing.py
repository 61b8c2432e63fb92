"""What services log, line by line."""

from __future__ import annotations

import json
import subprocess
import sys

_FAILS = """
import structlog
from ledger.wiring.observing import log_as_json

def give(command):
    number, name = command
    raise ValueError("it fails")

log_as_json()
try:
    give(("6288112345678", "Budi Rarename"))
except ValueError as error:
    structlog.get_logger().error("started again", part="writer", code="defect", exc_info=error)
"""


def test_where_something_failed_is_told_without_what_variables_held() -> None:
    done = subprocess.run([sys.executable, "-c", _FAILS], check=True, capture_output=True, text=True)
    (line,) = done.stderr.splitlines()
    told = json.loads(line)
    [failure] = told["exception"]
    assert (failure["exc_type"], failure["exc_value"]) == ("ValueError", "it fails")
    assert [frame["name"] for frame in failure["frames"]] == ["<module>", "give"]
    assert "6288112345678" not in line
    assert "Rarename" not in line
