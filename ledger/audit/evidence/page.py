"""A bundle's page for people: one file without anything from elsewhere, to be read on a telephone and to be printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from ledger.audit.evidence.dispute_page import STYLE_OF_DISPUTE, dispute_told, in_words, line_told
from ledger.domain.calendar import Zone, zone
from ledger.domain.ids import part_of, streams_of
from ledger.figures import UNITS, rupiah
from ledger.release import RELEASE

_STYLE = (
    """
:root { color-scheme: light; font: 16px/1.45 system-ui, sans-serif; color: #1b1b1b; background: #fff }
body { max-width: 60rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.4rem; margin: 0 0 .3rem } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem }
h1, h2, h3, p, li, td { overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #ddd }
th { font-weight: 600; border-bottom: 2px solid #888 }
td:nth-child(1), td:nth-child(3) { white-space: nowrap } td:nth-child(2) { min-width: 6rem }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.late td { color: #777 } .small { font-size: .85rem; color: #555 }
code { font-size: .85em; overflow-wrap: anywhere }
"""
    + STYLE_OF_DISPUTE
    + """@media (max-width: 40rem) {
  table, tbody, tr, td { display: block } thead { display: none }
  tr { border-bottom: 1px solid #bbb; padding: .4rem 0 } td { border: 0; padding: .1rem 0 } td:empty { display: none }
  td:nth-child(1) { white-space: normal } .n { text-align: left }
  td[data-of]::before { content: attr(data-of) " "; color: #555 }
}
@media print { body { max-width: none; padding: 0 } tr { break-inside: avoid } }
"""
)


def page(
    manifest: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], stated: Mapping[str, Any] | None
) -> bytes:
    """The page of a bundle: of its manifest, its events (`events.jsonl`), and the statement's line (`line.json`).

    It is made of nothing else: whoever has these parts can make it again, the same to the byte.
    """
    made = manifest["page"]
    in_zone, own = zone(made["zone"]), streams_of(manifest["msisdn"])[0]
    lines = [
        "<!doctype html>",
        f'<html lang="en"><meta charset="utf-8"><title>{escape(manifest["msisdn"])}: the record</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style>",
        f"<h1>{escape(manifest['msisdn'])}: what the record says</h1>",
        _asked(manifest, in_zone),
        *dispute_told(manifest["dispute"], rows, made["clauses"].get, lambda at: _when(at, in_zone)),
        *line_told(stated),
        "<h2>What it came to</h2>",
        *_balances(manifest["balances"]),
        "<h2>How it came to that</h2>",
        *_events(manifest, rows, in_zone, own),
        "<h2>How to check this</h2>",
        *_checks(manifest),
    ]
    return "\n".join(lines).encode() + b"\n"


def made_by(
    zone_: Zone, rows: Iterable[Mapping[str, Any]], words_of: Callable[[str], str | None]
) -> dict[str, Any]:
    """What a manifest says of its page: which release makes it, in whose days, and what the events' clauses say."""
    words = {clause: words_of(clause) for row in rows if (clause := row["event"]["clause"]) is not None}
    return {
        "release": RELEASE,
        "zone": zone_.name,
        "clauses": {clause: says for clause, says in sorted(words.items()) if says is not None},
    }


def _asked(manifest: Mapping[str, Any], in_zone: Zone) -> str:
    as_of, known_at = (_when(manifest[name], in_zone) for name in ("as_of", "known_at"))
    times = f"Times are those of {escape(in_zone.name)}"
    return f"<p>As of <b>{as_of}</b>, as it was known at <b>{known_at}</b>. {times}.</p>"


def _balances(balances: Iterable[Mapping[str, Any]] | None) -> Iterator[str]:
    if balances is None:
        yield "<p>Balance not recomputed: so much happened that only what is cited is here, each with its proof.</p>"
        return
    found = [(one["account"], one["unit"], one["amount"]) for one in balances]
    if not found:
        yield "<p>No money was recorded on it.</p>"
        return
    yield from _table(
        ("Account", "Unit", "Amount"),
        (((account, UNITS[unit], rupiah(amount)), "") for account, unit, amount in found),
    )


def _events(
    manifest: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], in_zone: Zone, own: str
) -> Iterator[str]:
    """Every event with what it changed, and the balance after it; those that do not count yet are grey."""
    held: Counter[str] = Counter()

    def lines() -> Iterator[tuple[Sequence[str], str]]:
        for row in rows:
            event = row["event"]
            if not event["account"].startswith(manifest["msisdn"]):
                continue
            counts = event["effective_at"] <= manifest["as_of"] and (
                event["recorded_at"] <= manifest["known_at"] or event["command_id"].startswith("due/")
            )
            changes = [posting for posting in event["postings"] if posting["account"].startswith(own)]
            if counts:
                for change in changes:
                    held[change["account"]] += change["amount"]
            effect = "; ".join(f"{rupiah(c['amount'])} {part_of(c['account'])}" for c in changes)
            after = "; ".join(rupiah(held[c["account"]]) for c in changes) if counts else ""
            kind = in_words(row["type"])
            cells = (_when(event["effective_at"], in_zone), kind, event["clause"] or "", effect, after)
            yield (*cells, event["command_id"]), "" if counts else "late"

    yield from _table(("When", "What", "Clause", "Change", "Then", "Command"), lines())
    yield '<p class="small">Lines in grey were not so, or not known, at these instants.</p>'


def _checks(manifest: Mapping[str, Any]) -> Iterator[str]:
    close = manifest["completeness"]
    cited = f"The record is cited up to position {escape(manifest['position'])}"
    if manifest["decided"] is not None:
        cited += f", decisions, refusals among them, up to {escape(manifest['decided'])}"
    complete = (
        "That this number has no other account, and that nothing of it happened or was decided later, is proved up to"
        f" the close of {escape(close['day'])}."
        if close
        else "This does not show that nothing happened or was decided later, or that there is no other account: that"
        " is proved once the day was closed and signed; it is pending."
    )
    disputed = (
        " What each dispute says of the record was reckoned again from the events that it cites, by digest."
        if manifest["dispute"] is not None
        else ""
    )
    yield f"<p>{cited}. {complete}{disputed}</p>"
    yield (
        "<p>This page only shows; the proof is beside it. In the folder of the bundle, with any Python from 3.9 on,"
        " without a network:</p><p><code>python3 -I -S verify.py BUNDLE.zip KEY</code></p>"
        "<p>KEY is the ledger's public key, from where its operator publishes it. The program checks every event's"
        " bytes, the chain of their digests, the sums, and that they stand in what was signed.</p>"
    )


def _table(heads: Sequence[str], rows: Iterable[tuple[Sequence[str], str]]) -> Iterator[str]:
    right = {"Amount", "Change", "Then"}

    def cell(tag: str, head: str, text: str) -> str:
        said = f' data-of="{head}"' if tag == "td" else ""
        return f"<{tag}{said}{' class=n' if head in right else ''}>{escape(text)}</{tag}>"

    yield "<table><thead><tr>" + "".join(cell("th", head, head) for head in heads) + "</tr></thead><tbody>"
    for cells, kind in rows:
        line = "".join(cell("td", head, text) for head, text in zip(heads, cells, strict=True))
        yield f"<tr{f' class={kind}' if kind else ''}>{line}</tr>"
    yield "</tbody></table>"


def _when(instant: int, in_zone: Zone) -> str:
    return f"{in_zone.local(instant):%-d %B %Y, %H:%M:%S}"
