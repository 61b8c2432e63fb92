"""A log has numbers or tokens in their place, as its first event says, and never both."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ledger.store.codec import Codec
from tests.entrypoints.pulsa import NUMBER, START, Pulsa, activate, issue, top_up, use

TOKEN, NEXT = "TAB3DE4FG5HI6JK7LM2NO", "TZZ3DE4FG5HI6JK7LM2NO"
_DIGEST = re.compile(r"[0-9a-f]{64}")
THEN = ("--as-of", START, "--known-at", START)


def lines(*of: str) -> list[dict[str, Any]]:
    sent = {"command": "TransferCredit", "command_id": "s", "at": START, "msisdn": of[0], "to_msisdn": of[1]}
    packs = [line for one in of for line in (issue(one), activate(one), top_up(f"top-{one}", one))]
    return [*packs, use(number=of[0]), sent | {"amount": "5000"}]


@pytest.fixture
def tokens(tmp_path: Path) -> Pulsa:
    pulsa = Pulsa(tmp_path, PULSA_IDS="tokens")
    pulsa.done("ingest", pulsa.file("in.jsonl", *lines(TOKEN, NEXT)))
    return pulsa


def without_digests(answer: Any) -> str:
    return _DIGEST.sub("digest", json.dumps(answer))


def created(log: Path) -> Any:
    with sqlite3.connect(log) as opened:
        [state] = opened.execute("SELECT state FROM stored_events WHERE ordinal=1").fetchone()
    opened.close()
    return Codec().record(state).get("ids")


def test_a_log_of_tokens_answers_like_one_of_numbers(tokens: Pulsa, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    numbers = Pulsa(other)
    own = ("6288100000001", "6288100000002")
    numbers.done("ingest", numbers.file("in.jsonl", *lines(*own)))
    assert (created(tokens.log), created(numbers.log)) == ("tokens", None)
    for question in (
        ("enquiry", TOKEN),
        ("number", "history", TOKEN),
        ("balance", f"{TOKEN}#1/credit", f"{NEXT}#1/credit", "operator/usage"),
        ("report", "trial-balance"),
    ):
        told = without_digests(tokens.json(*question, *THEN))
        asked = [one.replace(TOKEN, own[0]).replace(NEXT, own[1]) for one in question]
        expected = told.replace(TOKEN, own[0]).replace(NEXT, own[1])
        assert without_digests(numbers.json(*asked, *THEN)) == expected, question
    assert "clean: " in tokens.done("log", "verify")
    tokens.done("log", "replay")


def test_nobody_is_a_number_in_a_log_of_tokens(tokens: Pulsa) -> None:
    head = tokens.json("log", "events")
    sent = {"command": "TransferCredit", "command_id": "n", "at": START, "msisdn": TOKEN}
    for line in (issue(NUMBER), sent | {"to_msisdn": NUMBER, "amount": "5000"}):
        result = tokens("ingest", tokens.file("more.jsonl", line))
        assert result.exit_code == 1
        assert "this log has tokens in place of numbers" in result.output
    assert tokens.json("log", "events") == head
    asked_for = tokens.complaint("log", "advance", "--now", START, PULSA_IDS="numbers")
    assert asked_for.startswith("ids-mismatch: ")


def test_nobody_is_a_token_in_a_log_of_numbers(pulsa: Pulsa) -> None:
    pulsa.active()
    result = pulsa("ingest", pulsa.file("more.jsonl", issue(TOKEN)))
    assert (result.exit_code, "this log has numbers" in result.output) == (1, True)
    assert pulsa("log", "advance", "--now", START, PULSA_IDS="tokens").exit_code == 2


def test_tokens_have_other_names_too(tokens: Pulsa, tmp_path: Path) -> None:
    key = tmp_path / "pseudonyms.key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    copy = tmp_path / "copy.db"
    tokens.done("log", "copy", "--from", str(tokens.log), "--to", str(copy), "--pseudonymise", str(key))
    assert created(copy) == "tokens"
    content = copy.read_bytes()
    assert not [one for one in (TOKEN, NEXT) if one.encode() in content]
