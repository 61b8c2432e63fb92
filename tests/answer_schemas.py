"""Writes the JSON Schema of every answer, as its class says it: `python -m tests.answer_schemas`.

What an answer holds is said once, by the types of its fields (`projections/engine/answers.py`); these files are for
whoever reads `--json` in another language, and a test holds both against each other and against what is answered.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from jsonschema import Draft202012Validator

from ledger.domain.calendar import format_day, format_instant
from ledger.domain.money import format_amount
from ledger.reconciliation.items_told import ItemTold
from ledger.reconciliation.runs_compared import ItemCompared
from projections.asking.bill_items import BillItem
from projections.asking.log_answers import (
    Head,
    HistoryEvent,
    HistoryOfContract,
    HistoryRefusal,
    JournalLine,
    LogLine,
    OutcomeAnswer,
)
from projections.asking.why import Why
from projections.engine.answers import Answer, Listed
from projections.line.blocks import BlockOnGround
from projections.line.disputes_told import DisputeShown, DisputeSummary, DisputeSums
from projections.line.numbers import Holding
from projections.line.states import Change, StateCounts
from projections.line.timeline import Span
from projections.line.usage import DayOfUse
from projections.money.balances import Moved
from projections.money.ledger_accounts import Balance
from projections.money.statements_told import StatementSummary
from projections.money.transfers import InTransit
from projections.money.trial_balance import DayOfTrial, TrialBalance
from projections.persons.breaches_told import BreachTold
from projections.persons.erasures_told import ErasureTold, HoldTold
from projections.persons.preferences import Preference
from projections.persons.privacy import Disclosure, PersonalRequest
from projections.postpaid.bills import BillShown, BillSummary
from projections.postpaid.contract_enquiry import ClosingAmount, ContractEnquiry
from projections.postpaid.contracts_told import ContractShown, ContractSummary
from projections.postpaid.customers import CustomerSummary
from projections.postpaid.deposits import DepositSummary
from projections.postpaid.payments import PaymentSummary
from projections.postpaid.receivables import Receivables, ReceivablesOfAccount
from projections.postpaid.suspense import SuspenseSummary
from projections.prepaid.enquiry import Enquiry
from tests.answers_of_verbs import OF_VERBS
from tests.schemas_of_verbs import SCHEMAS_OF, verb_of

FOLDER = Path(__file__).resolve().parents[1] / "schemas" / "answers"

ANSWERS: Mapping[str, tuple[type, ...]] = {
    "enquiry": (Enquiry, ContractEnquiry),
    "closing": (ClosingAmount,),
    "why": (Why,),
    "history": (HistoryEvent, HistoryOfContract, HistoryRefusal),
    "outcome": (OutcomeAnswer,),
    "journal": (JournalLine,),
    "events": (LogLine,),
    "head": (Head,),
    "usage": (DayOfUse,),
    "timeline": (Span,),
    "number": (Holding,),
    "balance": (Balance,),
    "movements": (Moved,),
    "trial-balance": (TrialBalance,),
    "trial-balance-by-day": (DayOfTrial,),
    "in-transit": (InTransit,),
    "states": (StateCounts,),
    "statements": (StatementSummary,),
    "items": (ItemTold,),
    "items-compared": (ItemCompared,),
    "blocks": (BlockOnGround,),
    "upcoming": (Change,),
    "disputes": (DisputeSummary,),
    "sums-of-disputes": (DisputeSums,),
    "dispute": (DisputeShown,),
    "bill": (BillShown,),
    "bill-items": (BillItem,),
    "bills": (BillSummary,),
    "payments": (PaymentSummary,),
    "suspense": (SuspenseSummary,),
    "deposits": (DepositSummary,),
    "contract": (ContractShown,),
    "contracts": (ContractSummary,),
    "customers": (CustomerSummary,),
    "breaches": (BreachTold,),
    "disclosures": (Disclosure,),
    "erasures": (ErasureTold,),
    "holds": (HoldTold,),
    "preferences": (Preference,),
    "requests": (PersonalRequest,),
    "receivables": (Receivables,),
    "receivables-of-each": (ReceivablesOfAccount,),
}
"""Of each question: what an answer is, or a row of one that has many."""

NAMES = (*ANSWERS, *OF_VERBS)
"""Of every schema."""

Schema = dict[str, Any]

_FORMS: Mapping[Any, Schema] = {
    format_instant: {
        "type": "string",
        "format": "date-time",
        "description": "An instant, UTC, to the microsecond.",
    },
    format_amount: {
        "type": "string",
        "pattern": r"^-?[0-9]+(\.[0-9]{2})?$",
        "description": "Rupiah or credit, in decimal.",
    },
    format_day: {"type": "string", "format": "date", "description": "A local day."},
}
_PLAIN: Mapping[Any, Schema] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    bytes: {"type": "string", "pattern": "^([0-9a-f]{2})*$"},
    Any: {},
}
_AMOUNT, _INSTANT = _FORMS[format_amount], _FORMS[format_instant]
_POSTING = {
    "type": "object",
    "properties": {"account": {"type": "string"}, "unit": {"enum": ["PULSA", "IDR"]}, "amount": _AMOUNT},
    "required": ["account", "unit", "amount"],
    "additionalProperties": False,
}


def schema(name: str) -> Schema:
    """The schema of a question's answers, or of what a verb prints."""
    each = [of_class(kind) for kind in ANSWERS[name]] if name in ANSWERS else [of_hint(OF_VERBS[name])]
    body = each[0] if len(each) == 1 else {"anyOf": each}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name, **body}


def of_class(kind: type) -> Schema:
    """What a class's fields say, and what it says otherwise."""
    hints = get_type_hints(kind, include_extras=True)
    fields = dict(_own(kind, hints))
    if not issubclass(kind, Answer) and not is_typeddict(kind) and kind in _ROWS:
        then = get_type_hints(Listed, include_extras=True)
        fields |= {field: of_hint(then[field]) for field in ("as_of", "known_at", "final", "position")}
    lacking = {field for field, hint in hints.items() if get_origin(hint) is NotRequired}
    said = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
    return {
        "type": "object",
        **({"description": said} if said else {}),
        "properties": fields,
        "required": [field for field in fields if field not in lacking],
        "additionalProperties": False,
    }


_ROWS = frozenset(kind for kinds in ANSWERS.values() for kind in kinds if not issubclass(kind, Answer))


def _own(kind: type, hints: Mapping[str, Any]) -> Iterator[tuple[str, Schema]]:
    if kind in {LogLine, HistoryEvent, HistoryOfContract}:
        yield from _of_log_line()
        if kind is not LogLine:
            yield from ((name, of_hint(hint)) for name, hint in hints.items() if name != "line")
    elif kind in {OutcomeAnswer, HistoryRefusal, JournalLine}:
        if kind is JournalLine:
            yield from (("entry", _PLAIN[str]), ("msisdn", _PLAIN[str]))
        yield from _of_outcome()
        if kind is not OutcomeAnswer:
            yield from (("command", _PLAIN[str]), ("at", _INSTANT), ("final", _PLAIN[bool]))
    elif kind is Head:
        yield "position", _PLAIN[str]
        yield "clock", {"enum": ["live", "played"]}
        yield "created_at", _INSTANT
        yield "closed_through", _or_null(_INSTANT)
    elif kind is TrialBalance:
        yield "balances", {"type": "array", "items": _POSTING}
        yield "totals", {"type": "object", "additionalProperties": _AMOUNT}
        yield from ((name, of_hint(hint)) for name, hint in hints.items() if name != "rows")
    else:
        yield from ((name, of_hint(hint)) for name, hint in hints.items())
        if kind is InTransit:
            yield "age_seconds", _PLAIN[int]


def _of_log_line() -> Iterator[tuple[str, Schema]]:
    text = _PLAIN[str]
    yield "position", _or_null(text)
    yield from (("account", text), ("version", _PLAIN[int]), ("type", text), ("effective_at", _INSTANT))
    yield "recorded_at", _or_null(_INSTANT)
    yield from (("terms", _or_null(text)), ("clause", _or_null(text)), ("command_id", text), ("actor", text))
    yield "digest", _or_null(_PLAIN[bytes])
    yield "postings", {"type": "array", "items": _POSTING}
    yield "data", {"type": "object", "description": "The event's own fields: see its schema in `events/`."}


def _of_outcome() -> Iterator[tuple[str, Schema]]:
    text = _PLAIN[str]
    yield from (("command_id", text), ("status", {"enum": ["accepted", "refused"]}))
    refusal = {"code": text, "message": _or_null(text)}
    yield "refusal", _or_null({"type": "object", "properties": refusal, "required": ["code", "message"]})
    event = {"type": text, "account": text, "version": _PLAIN[int]}
    yield (
        "events",
        {"type": "array", "items": {"type": "object", "properties": event, "required": list(event)}},
    )
    yield from (("position", text), ("principal", _or_null(text)))


def of_hint(hint: Any) -> Schema:
    """What a field's type says."""
    for form in getattr(hint, "__metadata__", ()):
        if form in _FORMS:
            return _FORMS[form]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        rest = [one for one in arguments if one is not type(None)]
        found = of_hint(rest[0]) if len(rest) == 1 else {"anyOf": [of_hint(one) for one in rest]}
        return found if len(rest) == len(arguments) else _or_null(found)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in {list, tuple}:
        return {"type": "array", "items": of_hint(arguments[0])}
    if origin in {dict, Mapping}:
        return {"type": "object", "additionalProperties": of_hint(arguments[1])}
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type):
        return of_class(hint)
    return of_hint(arguments[0]) if arguments else {}


def _or_null(found: Schema) -> Schema:
    if set(found) <= {"type", "format", "pattern", "description"} and isinstance(found.get("type"), str):
        return {**found, "type": [found["type"], "null"]}
    return {"anyOf": [found, {"type": "null"}]}


@cache
def validator(name: str) -> Draft202012Validator:
    """What holds answers against a schema."""
    return Draft202012Validator(schema(name), format_checker=Draft202012Validator.FORMAT_CHECKER)


def must_be_as_said(arguments: Sequence[str], printed: str) -> None:
    """Holds every line of JSON that a verb printed against its schema. Raises ValidationError."""
    verb = verb_of(arguments)
    if verb is None:
        return
    validators = [validator(name) for name in SCHEMAS_OF[verb]]
    for line in printed.splitlines():
        if line.startswith("{"):
            answer = json.loads(line)
            if not any(one.is_valid(answer) for one in validators[1:]):
                validators[0].validate(answer)


def text(name: str) -> str:
    """A schema as its file has it."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in NAMES:
        (FOLDER / f"{each}.json").write_text(text(each), "utf-8")
