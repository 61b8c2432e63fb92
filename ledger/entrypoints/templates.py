"""What a file of commands looks like: a CSV header and a row to be replaced, made from the commands' schemas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

from ledger.entrypoints.forms import command_schemas
from ledger.entrypoints.registrations import COLUMN, IN_PLACE, OF_VALUES

AT = "2024-01-20T12:00:00+07:00"

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
LINES = f'[{{"line":1,"amount":"-500.50","unit":"IDR","on":"2024-01-20","raw":"{DIGEST}"}}]'

BY_NAME = {
    "account": "6288112345678#1",
    "actor": "shop-7",
    "approved_by": "staff-2",
    "assignee": "staff-3",
    "bill": "6288112345678-1-B0001",
    "billing_day": "1",
    "block": "block-1",
    "breach": "breach/b-1",
    "channel": "app",
    "content": DIGEST,
    "country": "SG",
    "decided_by": "shop-7",
    "deposit": "deposit-1",
    "digest": DIGEST,
    "dispute": "C-1",
    "expires_at": "2024-01-20T13:00:00+07:00",
    "file": DIGEST,
    "fine": "6288112345678-1-B0001/F1",
    "format": "camt.053",
    "ground": "lost-or-stolen",
    "iccid": DIGEST,
    "item": "5 GB, 30 days",
    "items": "L1,E6288112345678#1/7",
    "mandate": "mandate-1",
    "match": "match-1",
    "matches": "use-1",
    "media_type": "image-jpeg",
    "note": "note-1",
    "number": "2024-01",
    "opened_by": "customer-1",
    "partner": "SGPST",
    "partner_currency": "USD",
    "payee": "customer-1",
    "payer": "customer-1",
    "plan": "elite-100",
    "price": "27000",
    "purpose": "roaming",
    "reader": "pulsa",
    "reader_version": "1",
    "reason": "goodwill",
    "record": "record-1",
    "reference": "order-17",
    "refers_to": "6288112345678-1-B0001",
    "request": "request-1",
    "reservation": "reservation-1",
    "result": DIGEST,
    "reverses": "top-up-1",
    "rules": DIGEST,
    "scope": "readings-of-staff-3",
    "sequence": "1",
    "source": "shop",
    "statement": "statement/9f86d081884c7d659a2feaa0c55ad015",
    "terms": "smartfren-prepaid-2023",
    "title": "receipt",
    "to": "court-1",
    "to_customer": "customer-2",
    "to_msisdn": "6288187654321",
    "unit": "IDR",
    "zone": "zone1",
}
"""An example of a field, where its form alone does not give one."""

OF_ONE_COMMAND = {
    ("OpenContract", "terms"): "smartfren-elite-2023",
    ("RecordBreach", "terms"): "privacy-smarty",
    ("RegisterCustomer", "terms"): "privacy-smarty",
    ("ResolveItem", "item"): "L1",
}
"""An example of a field that goes with one command alone."""

OF_A_PERSON = {"name": "Budi Santoso", "email": "budi@example.net"}
"""An example of values, which go into the vault."""

BY_FORM = {
    "amount": "25000",
    "amount-or-zero": "5000",
    "count": "200",
    "count-or-zero": "0",
    "customer": "customer/CAB3DE4FG5HI6JK7LM8NO",
    "customer-id": "customer-1",
    "day": "2030-12-31",
    "decimal": "1.250000",
    "fee": "true",
    "flag": "true",
    "ids": "deposit",
    "instant": AT,
    "lines": "usage:5000:a call charged twice",
    "balance": "-500.50",
    "statement-lines": LINES,
    "statement-findings": "[]",
    "outcome-sums": '[{"outcome":"equal","items":1,"amount":"500.50"}]',
    "msisdn": "6288112345678",
    "signed-amount": "-500.50",
}


def template(commands: Iterable[str], *, played: bool) -> str:
    """A CSV header with the columns of these commands, and an example row of each.

    `played` says whether they state their time: on a live log they may not. Raises KeyError for a name that is no
    command's, or none that files may hold.
    """
    schemas = command_schemas()
    rows = [_row(name, schemas[name]["fields"], played=played) for name in commands]
    columns = dict.fromkeys(column for row in rows for column in row)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def example_of(command: str, field: dict[str, Any]) -> str:
    """An example of a command's field, as text. Raises KeyError where the tables lack one."""
    name = field["name"]
    if name == "command_id":
        return f"{re.sub(r'(?<=[a-z])(?=[A-Z])', '-', command).lower()}-1"
    if (command, name) in OF_ONE_COMMAND:
        return OF_ONE_COMMAND[command, name]
    if field["form"] == "choice":
        return str(field["choices"][0])
    return BY_NAME[name] if name in BY_NAME else BY_FORM[field["form"]]


def _row(command: str, fields: Iterable[dict[str, Any]], *, played: bool) -> dict[str, str]:
    stated = {field["name"]: field for field in fields if played or field["name"] != "at"}
    first = ("command_id", "at", "msisdn")
    ordered = sorted(stated, key=lambda name: first.index(name) if name in first else len(first))
    row = {"command": command} | {name: example_of(command, stated[name]) for name in ordered}
    if command in OF_VALUES:
        row = {name: text for name, text in row.items() if name not in IN_PLACE}
        row |= {f"{COLUMN}{field}": text for field, text in OF_A_PERSON.items()}
    return row
