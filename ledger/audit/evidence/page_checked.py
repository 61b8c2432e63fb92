"""What is for people in a bundle: its page, made again from the other parts, and the program, held against our own.

This is what `verify.py` cannot do by itself: it makes no pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.audit.evidence.page import page
from ledger.audit.evidence.parts import json_of, must, program
from ledger.release import RELEASE

NOT_CHECKED = (
    "NOT CHECKED but for their digests: index.html, which is for people, and verify.py as it lies here"
)


def told_of_page(manifest: Any, parts: Mapping[str, bytes]) -> str:  # noqa: ANN401 - of a bundle that is as it should be
    """What is so of the page and the program. Raises EvidenceWrong where this release makes others of these parts."""
    made = manifest.get("page")
    if made is None or made["release"] != RELEASE:
        who = "a release of before" if made is None else f"the release {made['release']}"
        return f"{NOT_CHECKED}: {who} made them, and this is {RELEASE}"
    rows = [json_of(row) for row in parts["events.jsonl"].split(b"\n") if row]
    stated = json_of(parts["line.json"]) if "line.json" in parts else None
    must(page(manifest, rows, stated) == parts["index.html"], "index.html is not what the other parts give")
    must(program() == parts["verify.py"], "verify.py is not the program of its release")
    return "index.html is what the other parts give, the words of clauses as they are quoted; verify.py is our own"
