"""What quick commands import: nothing that they have no use for, so that they stay quick without a clock to say so."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.entrypoints.pulsa import NUMBER, Pulsa

ALWAYS = (
    "pydantic",
    "eventsourcing",
    "kafka",
    "pyarrow",
    "duckdb",
    "psycopg",
    "prometheus_client",
    "cryptography",
    "sqlalchemy",
    "asyncio",
)
"""What no question needs: its imports take longer than its answer."""
OF_THE_LOG = (*ALWAYS, "rich")
"""Nor one that is asked of the log."""
QUICK = {
    OF_THE_LOG: [
        ["enquiry", NUMBER],
        ["why", NUMBER],
        ["number", "history", NUMBER, "--refused"],
        ["balance", f"{NUMBER}#1/credit"],
        ["log", "outcome", NUMBER, "activate"],
        ["log", "events", "-n", "1"],
        ["log", "journal", "-n", "1"],
    ],
    ALWAYS: [
        ["balance", "operator/breakage"],
        ["number", "timeline", NUMBER],
        ["number", "show", NUMBER],
        ["usage", "show", NUMBER],
        ["report", "movements", "operator/breakage"],
        ["bill", "list", NUMBER],
        ["payment", "list", NUMBER],
        ["report", "states"],
        ["report", "trial-balance"],
    ],
}
SAID = """
import io, json, sys
from contextlib import redirect_stdout

from ledger.entrypoints.cli.app import app

found = {}
for heavy, commands in json.loads(sys.argv[1]):
    for words in commands:
        with redirect_stdout(io.StringIO()) as out:
            try:
                app(words, prog_name="pulsa")
            except SystemExit as ended:
                assert not ended.code, words
        assert out.getvalue(), words
        known = [name for name in heavy if name in sys.modules]
        found |= {name: words for name in known if name not in found}
print(json.dumps(found))
"""


def test_no_quick_answer_imports_what_it_has_no_use_for(pulsa: Pulsa) -> None:
    pulsa.active()
    pulsa.done("report", "states")  # from here on the projections are there
    environment = {name: value for name, value in pulsa.environment.items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-c", SAID, json.dumps(list(QUICK.items()))],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}
