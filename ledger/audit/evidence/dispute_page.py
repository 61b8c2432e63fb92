"""A dispute on a bundle's page: what is stated and what the record says, side by side, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from ledger.domain.line.disputed_records import ROAMING
from ledger.figures import of_unit

STYLE_OF_DISPUTE = """
.sides { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .6rem; margin: .4rem 0 1rem }
.sides > div { border: 1px solid #999; border-radius: .3rem; padding: .5rem .8rem }
.sides .differs { border: 2px solid #b00020; background: #fff4f4 } .sides h3 { font-size: 1rem; margin: 0 0 .2rem }
.sum { font-size: 1.25rem; font-variant-numeric: tabular-nums } .mark { color: #b00020; font-weight: 600 }
@media (max-width: 30rem) { .sides { grid-template-columns: minmax(0, 1fr) } }
ol.steps { padding-left: 1.2rem } ol.steps li { margin: .3rem 0 } blockquote { margin: .4rem 0 .4rem 1rem; color: #333 }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; border-left: 3px solid #bbb;
  padding-left: .6rem }
"""

EventsOfDispute = Sequence[Mapping[str, Any]]
"""Events as `events.jsonl` has them."""

_TYPES = "ledger.dispute."
WITHOUT_CLAUSE = (
    "The terms of this account have no clause on disputes: its record prevails as that of a contract does."
)
_IN_WORDS = {
    "DisputeOpened": "Opened",
    "EvidenceAttached": "Evidence was attached",
    "StatementOverridden": "Overridden: the system record prevails",
    "SystemCorrected": "The system record was corrected",
    "DisputeRejected": "Rejected",
    "DisputeWithdrawn": "Withdrawn",
    "DisputeReopened": "Opened again",
}


def dispute_told(
    asked: Mapping[str, Any] | None,
    rows: EventsOfDispute,
    words_of: Callable[[str], str | None],
    when: Callable[[int], str],
) -> Iterator[str]:
    """The section of a page; nothing where the bundle is of no dispute."""
    steps = [
        (row["type"].removeprefix(_TYPES), row["event"])
        for row in rows
        if asked is not None
        and row["type"].startswith(_TYPES)
        and (row["event"]["account"], row["event"]["dispute"]) == (asked["account"], asked["dispute"])
    ]
    if asked is None or not steps:
        return
    opened = steps[0][1]
    about = "use abroad" if opened["about"] == ROAMING else f"a {opened['about']}"
    yield f"<h2>The dispute {escape(asked['dispute'])} about {escape(about)}</h2>"
    yield from _sides(opened, [step for step in steps if "system" in step[1]][-1], rows, when)
    clause = next((event["clause"] for _, event in reversed(steps) if event["clause"]), None)
    if clause is None:
        yield f"<p>{WITHOUT_CLAUSE}</p>"
    else:
        says = words_of(clause)
        yield f"<p>Clause <b>{escape(clause)}</b>{'' if says is None else ': ' + escape(says)}.</p>"
    yield "<ol class=steps>"
    for kind, event in steps:
        yield f"<li>{when(event['recorded_at'])}: {_step(kind, event)}</li>"
    yield "</ol>"


def in_words(topic: str) -> str:
    """The type of an event as people read it: `Bill issued` of `ledger.postpaid.BillIssued`."""
    name = topic.rpartition(".")[2]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


def line_told(stated: Mapping[str, Any] | None) -> Iterator[str]:
    """What is known of the statement's line; nothing where no statement brought the dispute about."""
    if stated is None:
        return
    yield f"<p>Line <b>{stated['line']}</b> of <code>{escape(stated['statement'])}</code>"
    if stated["raw"] is None:
        yield " is not there: the statement says nothing of what the record has.</p>"
        return
    yield f" was recorded by the salted digest <code>{escape(stated['raw'])}</code>."
    if stated["text"] is None:
        yield " Whoever has the statement holds the line against it, with the salt in <code>line.json</code>.</p>"
        return
    yield f" It stood there so:</p><pre>{escape(stated['text'])}</pre>"


def _sides(
    opened: Mapping[str, Any],
    last: tuple[str, Mapping[str, Any]],
    rows: EventsOfDispute,
    when: Callable[[int], str],
) -> Iterator[str]:
    kind, event = last
    stated = event["stated"] if kind == "StatementOverridden" else opened["claimed"]
    system = event["system"] + (event["amount"] if kind == "SystemCorrected" else 0)
    unit = opened["unit"]
    who = f"line {opened['line']} of {opened['statement']}" if opened["statement"] else "the claim"
    differs = stated != system
    yield "<div class=sides>"
    yield f"<div{' class=differs' if differs else ''}><h3>Stated, by {escape(str(who))}</h3>"
    yield f"<div class=sum>{of_unit(stated, unit)}</div>"
    if differs:
        yield f"<div class=mark>differs by {of_unit(stated - system, unit)}</div>"
    yield "</div>"
    yield f"<div><h3>The record, as of {when(opened['stood_at'])}</h3><div class=sum>{of_unit(system, unit)}</div>"
    cited = {one["version"] for one in event["records"]}
    named = [
        f"event {row['event']['version']}, {in_words(row['type'])}"
        for row in rows
        if row["event"]["account"] == opened["account"] and row["event"]["version"] in cited
    ]
    yield f"<div>{escape('; '.join(named)) or 'it has no such record'}</div></div></div>"


def _step(kind: str, event: Mapping[str, Any]) -> str:
    by = event.get("decided_by") or event.get("opened_by")
    parts = [_IN_WORDS.get(kind, kind)]
    if by:
        parts.append(
            f"by {by}" + (f", approved by {event['approved_by']}" if event.get("approved_by") else "")
        )
    if event.get("amount"):
        parts.append(of_unit(event["amount"], event["unit"]))
    if event.get("remedied") is False:
        parts.append("recorded only: the account was closed")
    if event.get("digest"):
        parts.append(f"evidence {event['digest'][:16]}…")
    if event.get("reason"):
        parts.append(f"reason: {event['reason']}")
    return escape("; ".join(parts))
