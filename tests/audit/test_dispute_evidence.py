"""The evidence of a dispute: what the record says is reckoned again from the events' bytes, by two programs alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.application.journal import NO_CHAIN, event_digest
from ledger.audit.evidence.bundle import Signed, accounts_of, bundle
from ledger.audit.evidence.collected import AskedDispute, Question
from ledger.audit.evidence.dispute_page import dispute_told
from ledger.domain.calendar import DAY, SECOND
from ledger.domain.line.dispute_commands import AttachEvidence, DecideDispute, OpenDispute, ReopenDispute
from ledger.domain.line.product import PRODUCTS
from ledger.domain.prepaid.commands import AdjustCredit, ChargeCredit, TopUp
from ledger.errors import EvidenceRefused
from ledger.store.codec import Codec
from ledger.store.schemas import fingerprint_of
from tests.audit.test_evidence import (
    JAKARTA,
    STANDALONE,
    both,
    checkpoints_of,
    edited,
    parts_of,
    reading,
    zipped,
)
from tests.given import NUMBER, START, Story, at, rupiah
from tests.often import often
from tests.projections.histories import closing, play

HOUR = 3_600 * SECOND
T = at(START)
KNOWN_AT = T + 30 * DAY
ACCOUNT = f"{NUMBER}#1"


class Disputed:
    def __init__(self, log: Path, signed: Signed) -> None:
        self.log, self.signed = log, signed
        self.one = self.bundle("C-1")
        with reading(log) as found:
            self.plain = bundle(found, Question(NUMBER, KNOWN_AT, KNOWN_AT), JAKARTA)

    def bundle(self, dispute: str, account: str = ACCOUNT, *, signed: bool = True) -> bytes:
        question = Question(NUMBER, KNOWN_AT, KNOWN_AT, AskedDispute(account, dispute))
        with reading(self.log) as found:
            return bundle(found, question, JAKARTA, self.signed if signed else None)


@pytest.fixture(scope="module")
def disputed(tmp_path_factory: pytest.TempPathFactory) -> Disputed:
    """A log with disputes of each outcome, closed and signed."""
    folder = tmp_path_factory.mktemp("disputed")
    story = Story(folder).given_active()
    hours = iter(range(1, 100))

    def say(command: Any, **fields: object) -> None:
        story.given(command, T + next(hours) * HOUR, **fields)

    say(TopUp, credit=rupiah(20_000), command_id="top-1")
    say(ChargeCredit, amount=rupiah(5_000), command_id="charge-1")
    say(OpenDispute, claimed=rupiah(50_000))
    say(AttachEvidence)
    say(DecideDispute, decision="overridden")
    say(ReopenDispute)
    say(DecideDispute, decision="corrected", amount=rupiah(10_000), approved_by="staff-2")
    say(OpenDispute, dispute="C-2", claimed=rupiah(50_000))
    say(DecideDispute, dispute="C-2", decision="overridden")
    say(AdjustCredit, amount=rupiah(3), effective_at=T + HOUR, actor="staff-1")
    say(OpenDispute, dispute="C-3", about="balance", claimed=rupiah(1))
    say(DecideDispute, dispute="C-3", decision="overridden")
    say(OpenDispute, dispute="C-4", about="balance", refers_to=None, claimed=rupiah(1))
    say(DecideDispute, dispute="C-4", decision="rejected")
    say(OpenDispute, dispute="C-5", refers_to=None, claimed=rupiah(9))
    story.close()
    play(story.path, [closing(KNOWN_AT + 2 * DAY, "close-1")])
    return Disputed(story.path, checkpoints_of(story.path))


@pytest.mark.parametrize(
    ("dispute", "said"),
    [
        (
            "C-1",
            [
                "C-1: DisputeOpened, 50000 was stated, the record says 20000 PULSA",
                "C-1: EvidenceAttached",
                "C-1: StatementOverridden, 50000 was stated, the record says 20000 PULSA",
                "C-1: DisputeReopened",
                "C-1: SystemCorrected, 50000 was stated, the record says 20000 PULSA",
            ],
        ),
        ("C-2", ["C-2: StatementOverridden, 50000 was stated, the record says 30000 PULSA"]),
        ("C-3", ["C-3: StatementOverridden, 1 was stated, the record says 30003 PULSA"]),
        ("C-4", ["C-4: DisputeRejected"]),
    ],
)
def test_both_reckon_what_was_stated_and_what_the_record_says(
    disputed: Disputed, tmp_path: Path, dispute: str, said: list[str]
) -> None:
    ours, theirs = both(disputed.bundle(dispute), tmp_path / "bundle.zip")
    assert ours == theirs
    assert ours is not None
    assert [line for line in ours if line.startswith(f"{dispute}: ")][-len(said) :] == said
    assert ours[-2].endswith("signed by ledger.example")


def test_each_decision_is_proved_by_itself(disputed: Disputed) -> None:
    proofs = [name for name in parts_of(disputed.bundle("C-1")) if name.startswith("proofs/events-0/")]
    assert len(proofs) == 3, "two decisions, and the account's last event"


def test_what_there_is_no_such_dispute_of_is_not_proved(disputed: Disputed) -> None:
    with reading(disputed.log) as found:
        assert accounts_of(found, "C-1") == [ACCOUNT]
        assert accounts_of(found, "C-99") == []
    for dispute, account in (("C-99", ACCOUNT), ("C-1", f"{NUMBER}#2")):
        with pytest.raises(EvidenceRefused, match="has no dispute"):
            disputed.bundle(dispute, account)


_CODEC = Codec()


def forged(content: bytes, index: int, change: dict[str, Any]) -> bytes:
    """A bundle in which one event says something else, and all digests were made anew."""
    parts = parts_of(content)

    def edit(rows: list[Any]) -> None:
        before: dict[str, bytes] = {}
        for place, row in enumerate(rows):
            state = bytes.fromhex(row["state"])
            event = _CODEC.event(row["type"], state)
            if place == index:
                event.__dict__.update(change)
                state = _CODEC.event_state(event)
            digest = event_digest(before.get(row["stream"], NO_CHAIN), row["type"], state)
            before[row["stream"]] = digest
            said = json.loads(json.dumps(_CODEC.record(state), default=lambda value: value.hex()))
            row.update(state=state.hex(), digest=digest.hex(), event=said)

    parts["events.jsonl"] = edited(parts["events.jsonl"], edit)
    return zipped(parts)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("DisputeOpened", {"system": 1}),
        ("DisputeOpened", {"claimed": 1}),
        ("DisputeOpened", {"records": []}),
        ("DisputeOpened", {"unit": "IDR"}),
        ("DisputeOpened", {"dispute": "C-99"}),
        ("StatementOverridden", {"system": 1}),
        ("StatementOverridden", {"stated": 1}),
        ("StatementOverridden", {"difference": 1}),
        ("StatementOverridden", {"known_at": 1}),
        ("StatementOverridden", {"head_version": 1}),
        ("StatementOverridden", {"head_digest": bytes(32)}),
        ("StatementOverridden", {"records": [{"version": 3, "digest": bytes(32)}]}),
        ("StatementOverridden", {"records": [{"version": 99, "digest": bytes(32)}]}),
        ("SystemCorrected", {"system": 1}),
        ("CreditToppedUp", {"credit": 1}),
        ("CreditAdjusted", {"effective_at": T + 50 * HOUR}),
    ],
)
def test_what_was_made_up_with_all_digests_anew_is_found(
    disputed: Disputed, tmp_path: Path, kind: str, change: dict[str, Any]
) -> None:
    content = disputed.bundle("C-3", signed=False)
    rows = [json.loads(line) for line in parts_of(content)["events.jsonl"].splitlines()]
    index = next(place for place, row in enumerate(rows) if row["type"].endswith(f".{kind}"))
    assert both(zipped(parts_of(content)), tmp_path / "whole.zip", key=False) != (None, None)
    assert both(forged(content, index, change), tmp_path / "forged.zip", key=False) == (None, None)


def test_both_know_which_fields_say_how_much() -> None:
    fields = {
        (about, event_type.TOPIC): dict(by_unit)
        for product in PRODUCTS.values()
        for about, by_type in product.disputable.items()
        for event_type, by_unit in by_type.items()
    }
    parts = {unit: tuple(names) for one in PRODUCTS.values() for unit, names in one.balance_parts.items()}
    assert fields == STANDALONE.FIELDS
    assert parts == STANDALONE.PARTS


@pytest.mark.chance
@often(300, soaked=10_000)
@given(st.data())
def test_two_programs_agree_about_every_change(disputed: Disputed, data: st.DataObject) -> None:
    """Of a small bundle, so that many are tried."""
    whole = disputed.one
    parts = parts_of(whole)
    path = disputed.log.with_name("changed.zip")
    what = data.draw(st.sampled_from(["bytes of the file", "a part", "a part, and the manifest with it"]))
    if what == "bytes of the file":
        content = bytearray(whole)
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
        changed = bytes(content)
    else:
        name = data.draw(st.sampled_from(sorted(set(parts) - {"verify.py"})))
        part = bytearray(parts[name])
        if data.draw(st.booleans()) and part:
            part[data.draw(st.integers(0, len(part) - 1))] ^= data.draw(st.integers(1, 255))
        elif data.draw(st.booleans()):
            part = part[: data.draw(st.integers(0, len(part)))]
        else:
            del parts[name]
        if name in parts:
            parts[name] = bytes(part)
        changed = zipped(parts, manifest=what.endswith("it") and name != "manifest.json")
    ours, theirs = both(changed, path, key=data.draw(st.booleans()))
    assert ours == theirs


def of_equal_fingerprint(schema: Any) -> Any:
    """The schema of a decision with stated and system swapped, and a name that makes its CRC-64 what it was.

    A CRC is linear: of 80 letters, each one of two, those are found by elimination that bring it to any value.
    """
    wanted = int.from_bytes(fingerprint_of(schema), "little")
    forged = json.loads(json.dumps(schema))
    by_name = {field["name"]: field for field in forged["fields"]}
    by_name["stated"]["name"], by_name["system"]["name"] = "system", "stated"
    free = 80

    def mark(letters: int) -> int:
        letters_of = "".join("b" if letters >> place & 1 else "a" for place in range(free))
        by_name["approved_by"]["name"] = f"approved_by{letters_of}"
        return int.from_bytes(fingerprint_of(forged), "little")

    base = mark(0)
    basis: dict[int, tuple[int, int]] = {}
    for place in range(free):
        value, letters = mark(1 << place) ^ base, 1 << place
        while value:
            high = value.bit_length()
            if high not in basis:
                basis[high] = (value, letters)
                break
            value, letters = value ^ basis[high][0], letters ^ basis[high][1]
    left, chosen = wanted ^ base, 0
    while left:
        value, letters = basis[left.bit_length()]
        left, chosen = left ^ value, chosen ^ letters
    assert mark(chosen) == wanted
    return forged


def test_a_schema_that_says_otherwise_under_an_equal_fingerprint_is_found(
    disputed: Disputed, tmp_path: Path
) -> None:
    parts = parts_of(disputed.bundle("C-2"))
    name = next(
        name for name in parts if name.startswith("schemas/") and b"StatementOverridden" in parts[name]
    )
    forged = of_equal_fingerprint(json.loads(parts[name]))
    parts[name] = json.dumps(forged).encode()
    assert fingerprint_of(forged).hex() in name
    for key in (True, False):
        assert both(zipped(parts), tmp_path / "bundle.zip", key=key) == (None, None)


def test_the_page_shows_both_sides_and_what_became_of_it(disputed: Disputed) -> None:
    page = parts_of(disputed.bundle("C-2"))["index.html"].decode()
    assert "Rp 50.000 of credit" in page
    assert "Rp 30.000 of credit" in page
    assert "differs by Rp 20.000 of credit" in page
    assert "Overridden: the system record prevails" in page
    assert "event 3, Credit topped up; event 9, System corrected" in page
    assert "The terms of this account have no clause on disputes" in page, "those of credit"
    assert "http" not in page, "it needs nothing from elsewhere"
    assert "The dispute" not in parts_of(disputed.plain)["index.html"].decode()


def test_the_page_says_use_abroad_in_words() -> None:
    event = {"account": ACCOUNT, "dispute": "C-9", "about": "roaming", "clause": "SE23-03", "version": 1}
    event |= {
        "claimed": 6100,
        "system": 6000,
        "unit": "QUANTITY",
        "line": None,
        "statement": None,
        "records": [],
    }
    row = {"type": "ledger.dispute.DisputeOpened", "event": event | {"stood_at": T, "recorded_at": T}}
    asked = {"account": ACCOUNT, "dispute": "C-9"}
    page = "".join(dispute_told(asked, [row], {"SE23-03": "The record prevails"}.get, str))
    assert "The dispute C-9 about use abroad" in page
    assert "<div class=sum>61 QUANTITY</div><div class=mark>differs by 1 QUANTITY</div>" in page
    assert "Clause <b>SE23-03</b>: The record prevails." in page


class TestVeryManyEvents:
    """Of a number with very many events only what is cited is in the bundle, each event with its own proof."""

    @pytest.fixture(autouse=True)
    def few(self, disputed: Disputed, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ledger.audit.evidence.collected.MOST_EVENTS", 5)

    @pytest.mark.parametrize("dispute", ["C-1", "C-2", "C-3", "C-4", "C-5"])
    def test_what_is_cited_is_proved_and_balances_are_not_told(
        self, disputed: Disputed, tmp_path: Path, dispute: str
    ) -> None:
        content = disputed.bundle(dispute)
        ours, theirs = both(content, tmp_path / "bundle.zip")
        assert ours == theirs
        assert ours is not None
        assert "BALANCE NOT RECOMPUTED: only the events that are cited are in it" in ours
        parts, whole = parts_of(content), parts_of(disputed_whole(disputed, dispute))
        rows = [json.loads(row) for row in parts["events.jsonl"].splitlines()]
        assert len(rows) < len(whole["events.jsonl"].splitlines())
        proofs = [name for name in parts if name.startswith("proofs/events-0/")]
        assert len(proofs) == len(rows)
        assert json.loads(parts["manifest.json"])["balances"] is None
        assert "Balance not recomputed" in parts["index.html"].decode()

    def test_nothing_of_it_can_be_left_out_or_changed(self, disputed: Disputed, tmp_path: Path) -> None:
        parts = parts_of(disputed.bundle("C-2"))
        rows = [json.loads(row) for row in parts["events.jsonl"].splitlines()]
        wrong = []
        for place, row in enumerate(rows):

            def drop(all_: list[Any], place: int = place) -> None:
                del all_[place]

            def unchain(all_: list[Any], place: int = place) -> None:
                all_[place]["before"] = "11" * 32

            wrong += [
                parts | {"events.jsonl": edited(parts["events.jsonl"], edit)} for edit in (drop, unchain)
            ]
            proof = f"proofs/events-0/{row['ordinal']}.tlog-proof"
            wrong.append({name: part for name, part in parts.items() if name != proof})
        wrong += [
            {name: part for name, part in parts.items() if name != proof}
            for proof in parts
            if proof.startswith("proofs/decisions-0/")
        ]
        for one in wrong:
            assert both(zipped(one), tmp_path / "changed.zip") == (None, None)

    def test_unsigned_it_would_show_nothing(self, disputed: Disputed) -> None:
        with pytest.raises(EvidenceRefused, match="proved by checkpoints alone"):
            disputed.bundle("C-1", signed=False)

    def test_without_a_dispute_the_last_event_is_proved(self, disputed: Disputed, tmp_path: Path) -> None:
        with reading(disputed.log) as found:
            content = bundle(found, Question(NUMBER, KNOWN_AT, KNOWN_AT), JAKARTA, disputed.signed)
        ours, theirs = both(content, tmp_path / "bundle.zip")
        assert ours == theirs
        assert ours is not None


def disputed_whole(disputed: Disputed, dispute: str) -> bytes:
    """The bundle of a dispute with all of the number's events."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ledger.audit.evidence.collected.MOST_EVENTS", 10_000)
        return disputed.bundle(dispute)
