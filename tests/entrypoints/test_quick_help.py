"""Help and completion import nothing that is slow, whatever is asked: so they stay quick without a clock to say so."""

from __future__ import annotations

import json
import subprocess
import sys

SLOW = (
    *(
        "pydantic",
        "msgspec",
        "sqlalchemy",
        "fastavro",
        "eventsourcing",
        "kafka",
        "pyarrow",
        "rich",
        "asyncio",
    ),
    *("ledger.domain", "ledger.application", "ledger.store", "ledger.wiring", "projections.asking.questions"),
)
SAID = """
import io, json, sys
from contextlib import redirect_stdout, suppress

from ledger.entrypoints.cli.app import app
from ledger.entrypoints.cli.branches import paths
from ledger.entrypoints.cli.tree import TREE

found, slow = {}, json.loads(sys.argv[1])
for words in ([], *([name] for name in TREE), *(path.split() for path, _ in paths())):
    out = io.StringIO()
    with redirect_stdout(out), suppress(SystemExit):
        app([*words, "--help"], prog_name="pulsa")
    assert out.getvalue().startswith("Usage: pulsa"), words
    known = [name for name in slow if name in sys.modules]
    found |= {name: words for name in known if name not in found}
print(json.dumps(found))
"""


def test_help_of_every_word_imports_nothing_slow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAID, json.dumps(SLOW)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}


def test_completion_imports_nothing_slow() -> None:
    code = f"""
import os, sys
os.environ |= {{"_PULSA_COMPLETE": "complete_bash", "COMP_WORDS": "pulsa credit t", "COMP_CWORD": "2"}}
from ledger.entrypoints.cli.app import app
try:
    app(prog_name="pulsa")
except SystemExit:
    pass
print([name for name in {SLOW!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:2] == ["top-up", "transfer"], done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
