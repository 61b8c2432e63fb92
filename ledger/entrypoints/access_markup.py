"""How a person's page is written: headings, pairs and tables in two languages, instants and amounts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from ledger.domain.calendar import Zone, parse_instant
from ledger.domain.money import parse_amount
from ledger.entrypoints.access_words import FIELDS, PARTS, event_in
from ledger.figures import rupiah

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; max-width: 60rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.35rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2rem 0 .3rem; border-top: 2px solid #333;
padding-top: .5rem } h3 { font-size: 1rem; margin: 1.2rem 0 .2rem } p { margin: .3rem 0 }
small { color: #595959; font-weight: 400; font-size: .86em } h1 small { display: block } td > small { display: block }
dl { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .3rem 1rem; margin: .5rem 0 }
dt { color: #595959 } dt small { display: block } dd { margin: 0; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% } th { text-align: left; color: #595959; font-weight: 400;
vertical-align: bottom } td, th { padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #ddd }
td { vertical-align: top; overflow-wrap: break-word; min-width: 3.5rem }
td:last-child:not(.n) { overflow-wrap: anywhere } td.d { white-space: nowrap; overflow-wrap: normal }
.n { text-align: right; font-variant-numeric: tabular-nums; padding-right: 0; padding-left: .7rem }
td.n { white-space: nowrap; min-width: 0 } .left { color: #595959 } .t { overflow-x: auto }
summary { cursor: pointer; padding: .3rem 0 }
footer { margin-top: 2rem; font-size: .85em; color: #595959; overflow-wrap: anywhere }
@media (max-width: 40rem) { body { font-size: 13px; padding: .6rem } dl { grid-template-columns: 1fr; gap: 0 }
dt small { display: inline } dd { margin: 0 0 .5rem } td.d { white-space: normal; min-width: 4.9rem }
td, th { padding-right: .4rem } .n { padding-left: .3rem } }
"""
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T[\d:.]+Z")
Cells = Sequence[str]
"""A row of a table, in HTML."""


def head(indonesian: str, english: str) -> str:
    """A heading in both languages."""
    return f"<h2>{both(indonesian, english)}</h2>"


def sub(indonesian: str, english: str) -> str:
    """A lesser one."""
    return f"<h3>{both(indonesian, english)}</h3>"


def both(indonesian: str, english: str) -> str:
    """What it is called in both languages, once where they say the same."""
    if indonesian == english:
        return escape(indonesian)
    return f"{escape(indonesian)} <small>{escape(english)}</small>"


def named(words: Mapping[str, tuple[str, str]], code: str) -> str:
    """What a code is called in both languages; the code itself, where there are no words for it."""
    return both(*words.get(code, (code, code)))


def pair(indonesian: str, english: str, value: str) -> str:
    """A name and what it is, for a list of such."""
    return f"<dt>{both(indonesian, english)}</dt><dd>{value}</dd>"


def nothing() -> str:
    """That there is none."""
    return "<p class=left>tidak ada / none</p>"


def table(head: Sequence[str], rows: Iterable[Cells], *, amounts: int = 0) -> str:
    """A table whose first column is never broken on a wide page; the last `amounts` ones are amounts."""
    marks = [
        " class=n" if n >= len(head) - amounts else " class=d" if n == 0 else "" for n in range(len(head))
    ]
    body = [
        "<tr>" + "".join(f"<td{mark}>{cell}</td>" for mark, cell in zip(marks, row, strict=True)) + "</tr>"
        for row in rows
    ]
    if not body:
        return nothing()
    top = "".join(f"<th{mark}>{escape(cell)}</th>" for mark, cell in zip(marks, head, strict=True))
    return f"<div class=t><table><tr>{top}</tr>{''.join(body)}</table></div>"


def event_told(topic: str) -> str:
    """What happened."""
    return both(*event_in(topic))


def fields_told(names: Iterable[str]) -> str:
    """Fields by what they are called."""
    told = [FIELDS.get(name, (name, name)) for name in names]
    return both(", ".join(one for one, _ in told), ", ".join(two for _, two in told))


def parts_told(data: Mapping[str, Any], zone: Zone) -> Iterator[str]:
    """An event's own fields, lists by their names; digests say nothing to a person."""
    for name, value in data.items():
        if name == "digest" or value in (None, [], ""):
            continue
        text = ", ".join(_name_of(one) for one in value) if isinstance(value, list) else str(value)
        told = moment_of(text, zone) if _INSTANT.fullmatch(text) else escape(text)
        yield f"{escape(' / '.join(PARTS.get(name, (name.replace('_', ' '),))))}: {told}"


def _name_of(one: Any) -> str:  # noqa: ANN401 - an element of an event's list
    if isinstance(one, Mapping):
        return str(one["field"]) if "field" in one else " ".join(str(value) for value in one.values())
    return str(one)


def money(amount: str) -> str:
    """An amount as the language writes it, as people read it."""
    return escape(rupiah(parse_amount(amount)))


def moment(at: int, zone: Zone) -> str:
    """An instant, in the time of the zone."""
    return f"{zone.local(at):%Y-%m-%d %H:%M %Z}"


def moment_of(instant: str, zone: Zone) -> str:
    """The same, of one as the language writes it."""
    return escape(moment(parse_instant(instant), zone))
