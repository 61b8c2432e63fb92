"""Checks an evidence bundle, offline, by Python's standard library: `python3 -I -S verify.py BUNDLE.zip [KEY [LINE]]`.

KEY is the ledger's public key as its operator publishes it (`<name>+<id>+<base64>`). Without it this shows that the
bundle hangs together, and not whose it is. LINE is a file with the line of the statement as it stood, for whoever has
the statement: where the bundle does not hold it, it is held against the digest that was recorded. Exit code 0:
everything that is said is so; 1: something is not; 2: misused.

What is checked: every part's digest; every schema's fingerprint; every event's bytes, its place in the chain of its
stream, and that what is told of it is what the bytes say; every posting's sum; the balances, from the postings; what
disputes say of the record, from the events that they cite; the statement's line, its digest and the difference that it
makes; the decisions' chain; signatures; that events, decisions and schemas stand in the trees that were signed; that
the number has no other account, event or decision until a day's close, or in words that this is not shown; and that no
part is missing and none is of nothing. Not checked, but for its digest, is what is for people, `index.html`, which
`pulsa audit verify-bundle` makes again from the other parts; and this program, which is best had from elsewhere than
from the bundle.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import pathlib
import re
import struct
import sys
import zipfile
import zlib
from typing import Any, Optional

FORMAT, FIRST_FORMAT = "pulsa-evidence/2", "pulsa-evidence/1"
"""Of bundles that are made now, and of those of before, whose close tells of no decisions and no other accounts."""
MOST_PARTS = 100_000
MOST_BYTES = 1 << 30
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
NO_DIGEST = bytes(32)
ALWAYS = ("manifest.json", "events.jsonl", "decisions.jsonl", "index.html", "verify.py")
"""Parts of every bundle."""
SECOND = 1_000_000
"""In microseconds, which instants are told in, since 1970."""
EARLIEST, LATEST = -62_000_000_000 * SECOND, 250_000_000_000 * SECOND
ENDS_WITHIN = 36 * 3_600 * SECOND
"""After UTC's midnight a day has begun and ended everywhere."""
OTHERS_TOO = "/in-transit"
"""Ledger accounts of the number that the events of others move too: what is sent arrives elsewhere."""
UNREADABLE = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)

Point = tuple[int, int, int, int]
Key = tuple[str, bytes, bytes]
"""Name, id and bytes of a public key."""
Checkpoint = tuple[str, int, bytes]
"""Origin, size and root of a tree."""


class Wrong(Exception):
    """Something in the bundle is not so."""


def need(holds: object, what: str) -> None:
    """Raises Wrong unless it holds."""
    if not holds:
        raise Wrong(what)


def matched(pattern: str, text: str, what: str) -> re.Match[str]:
    """What a whole text matches. Raises Wrong where it does not."""
    found = re.fullmatch(pattern, text)
    if found is None:
        raise Wrong(what)
    return found


def sha256(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def rupiah(sen: int) -> str:
    """An amount in sen as people write it."""
    units, rest = divmod(abs(sen), 100)
    return f"{'-' if sen < 0 else ''}{units}" + (f".{rest:02d}" if rest else "")


def sen_of(text: str, what: str) -> int:
    """Sen of a decimal string. Raises Wrong where it is none."""
    found = matched(r"(-?)(0|[1-9][0-9]{0,15})(?:\.([0-9]{1,2}))?", text, what)
    sen = int(found[2]) * 100 + int((found[3] or "").ljust(2, "0"))
    return -sen if found[1] else sen


# --- the file ---------------------------------------------------------------------------------------------------------


def parts_of(path: str) -> dict[str, bytes]:
    """Every part of a bundle by name, within bounds."""
    found, left = {}, MOST_BYTES
    try:
        with zipfile.ZipFile(path) as bundle:
            names = bundle.infolist()
            need(len(names) <= MOST_PARTS, "the bundle has too many parts")
            for info in names:
                need(info.filename not in found, f"{info.filename} is in the bundle twice")
                need(info.compress_type in METHODS, f"{info.filename} is neither stored nor deflated")
                with bundle.open(info) as part:
                    found[info.filename] = content = part.read(left + 1)
                left -= len(content)
                need(left >= 0, "the bundle is too large")
    except UNREADABLE as error:
        raise Wrong(f"the bundle cannot be read: {error}") from None
    return found


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON whose names are each there once: of two some programs take the first, others the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def parsed(content: bytes, name: str) -> Any:
    """The JSON of a part."""
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise Wrong(f"{name} is no JSON") from None


def lines_of(parts: dict[str, bytes], name: str) -> list[Any]:
    """The JSON of each line of a part."""
    return [parsed(line, name) for line in parts.get(name, b"").split(b"\n") if line]


# --- Avro 1.12: parsing canonical form, CRC-64-AVRO, binary encoding -------------------------------------------------

PRIMITIVE = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
ORDER = ("name", "type", "fields", "symbols", "items", "values", "size")


def canonical(schema: Any, namespace: str = "") -> str:
    """The parsing canonical form of a schema."""
    if isinstance(schema, str):
        full = schema if schema in PRIMITIVE or "." in schema or not namespace else f"{namespace}.{schema}"
        return json.dumps(full)
    if isinstance(schema, list):
        return "[" + ",".join(canonical(one, namespace) for one in schema) + "]"
    kind = schema["type"]
    if isinstance(kind, (dict, list)) and "name" not in schema:
        return canonical(kind, namespace)
    if kind in PRIMITIVE:
        return json.dumps(kind)
    said = {"type": json.dumps(kind)}
    if kind in ("record", "enum", "fixed"):
        name = schema["name"]
        if "." not in name:
            within = schema.get("namespace", namespace)
            name = f"{within}.{name}" if within else name
        namespace = name.rpartition(".")[0]
        said["name"] = json.dumps(name)
    if kind == "record":
        fields = (
            '{"name":' + json.dumps(field["name"]) + ',"type":' + canonical(field["type"], namespace) + "}"
            for field in schema["fields"]
        )
        said["fields"] = "[" + ",".join(fields) + "]"
    if kind == "enum":
        said["symbols"] = json.dumps(schema["symbols"], separators=(",", ":"))
    if kind == "array":
        said["items"] = canonical(schema["items"], namespace)
    if kind == "map":
        said["values"] = canonical(schema["values"], namespace)
    if kind == "fixed":
        said["size"] = str(schema["size"])
    return "{" + ",".join(f'"{key}":{said[key]}' for key in ORDER if key in said) + "}"


EMPTY_CRC = 0xC15D213AA4D7A795
CRC = []
for byte in range(256):
    entry = byte
    for _ in range(8):
        entry = (entry >> 1) ^ (EMPTY_CRC & -(entry & 1))
    CRC.append(entry)


def fingerprint(schema: Any) -> bytes:
    """The 8 bytes that stand before every record."""
    crc = EMPTY_CRC
    for byte in canonical(schema).encode():
        crc = (crc >> 8) ^ CRC[(crc ^ byte) & 0xFF]
    return crc.to_bytes(8, "little")


class Reader:
    """Reads values of Avro's binary encoding."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, count: int) -> bytes:
        """So many bytes."""
        need(0 <= count <= len(self.data) - self.place, "a record ends too early")
        self.place += count
        return self.data[self.place - count : self.place]

    def long(self) -> int:
        """A whole number."""
        shift = found = 0
        while True:
            byte = self.take(1)[0]
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (found >> 1) ^ -(found & 1)
            shift += 7
            need(shift < 70, "a number is too long")

    def value(self, schema: Any, names: dict[str, Any], namespace: str = "") -> Any:
        """A value of a schema; bytes in hexadecimal."""
        if isinstance(schema, list):
            choice = self.long()
            need(0 <= choice < len(schema), "a union has no such branch")
            return self.value(schema[choice], names, namespace)
        kind = schema if isinstance(schema, str) else schema["type"]
        if isinstance(kind, (dict, list)):
            return self.value(kind, names, namespace)
        if kind == "null":
            return None
        if kind == "boolean":
            return self.take(1) != b"\0"
        if kind in ("int", "long"):
            return self.long()
        if kind == "float":
            return struct.unpack("<f", self.take(4))[0]
        if kind == "double":
            return struct.unpack("<d", self.take(8))[0]
        if kind == "bytes":
            return self.take(self.long()).hex()
        if kind == "string":
            return self.take(self.long()).decode("utf-8")
        if kind in ("array", "map"):
            found = []
            while True:
                count = self.long()
                if count == 0:
                    break
                if count < 0:
                    count = -count
                    self.long()
                need(count <= len(self.data), "an array is too long")
                for _ in range(count):
                    if kind == "array":
                        found.append(self.value(schema["items"], names, namespace))
                    else:
                        key = self.take(self.long()).decode("utf-8")
                        found.append((key, self.value(schema["values"], names, namespace)))
            return found if kind == "array" else dict(found)
        if kind in ("record", "enum", "fixed"):
            name = schema["name"]
            within = name.rpartition(".")[0] or schema.get("namespace", namespace)
            names[name if "." in name or not within else f"{within}.{name}"] = schema
            if kind == "fixed":
                return self.take(schema["size"]).hex()
            if kind == "enum":
                choice = self.long()
                need(0 <= choice < len(schema["symbols"]), "an enum has no such symbol")
                return schema["symbols"][choice]
            return {field["name"]: self.value(field["type"], names, within) for field in schema["fields"]}
        full = kind if "." in kind or not namespace else f"{namespace}.{kind}"
        need(full in names, f"no schema is named {full}")
        return self.value(names[full], names, namespace)


def record(schemas: dict[bytes, Any], state: bytes) -> Any:
    """What a record says, by the schema that it names."""
    need(state[:8] in schemas, f"the schema {state[:8].hex()} is not in the bundle")
    reader = Reader(state[8:])
    try:
        found = reader.value(schemas[state[:8]], {})
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, RecursionError, struct.error):
        raise Wrong("a record is not of its schema") from None
    need(reader.place == len(reader.data), "a record goes on behind its end")
    return found


# --- RFC 8032: Ed25519 ------------------------------------------------------------------------------------------------

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def added(one: Point, other: Point) -> Point:
    """The sum of two points."""
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % P, (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar: int, point: Point) -> Point:
    """A point, so many times."""
    found = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            found = added(found, point)
        point = added(point, point)
        scalar >>= 1
    return found


def point_of(data: bytes) -> Optional[Point]:
    """The point of 32 bytes; None where they are none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def signed_by(key: bytes, text: bytes, signature: bytes) -> bool:
    """Whether a text was signed by the holder of a key."""
    point, scalar = point_of(key), int.from_bytes(signature[32:], "little")
    if point is None or len(signature) != 64 or scalar >= Q:
        return False
    hashed = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % Q
    minus = (P - point[0], point[1], 1, P - point[3])
    x, y, z, _ = added(times(scalar, BASE), times(hashed, minus))
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


# --- C2SP: signed notes, checkpoints, proofs; RFC 9162: trees --------------------------------------------------------


def decoded(text: str, length: int) -> bytes:
    """Bytes of so many from base64, which is written in one way only."""
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong("something is no base64") from None
    need(len(found) == length and base64.b64encode(found).decode() == text, "something is of another length")
    return found


def key_of(text: str) -> Key:
    """Name, id and bytes of a public key."""
    name, _, rest = text.strip().partition("+")
    _, _, encoded = rest.partition("+")
    held = decoded(encoded, 33)
    id_ = sha256(name.encode() + b"\n" + held)[:4]
    need(held[:1] == b"\1" and name and rest.startswith(id_.hex() + "+"), "the key is none")
    return name, id_, held[1:]


def checkpoint_of(note: bytes, key: Optional[Key]) -> Checkpoint:
    """Origin, size and root of a signed checkpoint; where a key is given, it has to have signed it."""
    need(len(note) <= 1_000_000, "a note is too long")
    try:
        text, _, signatures = note.decode("utf-8").rpartition("\n\n")
    except UnicodeDecodeError:
        raise Wrong("a note is no text") from None
    need(all(sign >= " " or sign == "\n" for sign in note.decode("utf-8")), "a note holds control characters")
    text += "\n"
    need(signatures.endswith("\n"), "a note ends within a line")
    lines = signatures[:-1].split("\n")
    need(len(lines) <= 100, "a note has too many signatures")
    trusted = False
    for line in lines:
        found = matched(r"— ([^\s+]{1,200}) ([A-Za-z0-9+/]{1,2000}={0,2})", line, "a signature is none")
        try:
            held = base64.b64decode(found[2], validate=True)
        except ValueError:
            raise Wrong("a signature is none") from None
        need(len(held) > 4 and base64.b64encode(held).decode() == found[2], "a signature is none")
        if key and (found[1], held[:4]) == key[:2]:
            need(signed_by(key[2], text.encode(), held[4:]), f"{found[1]} did not sign this")
            trusted = True
    need(trusted or not key, "a checkpoint was not signed by the key")
    said = text.split("\n")
    need(
        len(said) == 4 and said[0] and re.fullmatch(r"0|[1-9][0-9]{0,17}", said[1]), "a note is no checkpoint"
    )
    return said[0], int(said[1]), decoded(said[2], 32)


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\0" + data)


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of what has two children."""
    return sha256(b"\1" + left + right)


def included(leaf: bytes, index: int, size: int, root: bytes, path: list[bytes]) -> bool:
    """Whether a leaf's hash leads to a root."""
    if not 0 <= index < size:
        return False
    last = size - 1
    for step in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            leaf = node_hash(step, leaf)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            leaf = node_hash(leaf, step)
        index, last = index >> 1, last >> 1
    return last == 0 and leaf == root


def consistent(first: Checkpoint, last: Checkpoint, path: list[bytes]) -> bool:
    """Whether a tree is the beginning of another."""
    (origin, old, old_root), (same, new, new_root) = first, last
    if origin != same or not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    steps = path if old & (old - 1) else [old_root, *path]
    if not steps:
        return False
    index, end = old - 1, new - 1
    while index & 1:
        index, end = index >> 1, end >> 1
    left = right = steps[0]
    for step in steps[1:]:
        if end == 0:
            return False
        if index & 1 or index == end:
            left, right = node_hash(step, left), node_hash(step, right)
            while not index & 1 and index:
                index, end = index >> 1, end >> 1
        else:
            right = node_hash(right, step)
        index, end = index >> 1, end >> 1
    return end == 0 and (left, right) == (old_root, new_root)


def proof_of(content: bytes) -> tuple[int, list[bytes], bytes]:
    """Index, path and note of a proof's file."""
    head, found, note = content.partition(b"\n\n")
    lines = head.decode("utf-8", "replace").split("\n")
    need(found and lines[0] == "c2sp.org/tlog-proof@v1" and 1 < len(lines) <= 64, "a proof is none")
    index = matched(r"index (0|[1-9][0-9]{0,17})", lines[1], "a proof is none")
    return int(index[1]), [decoded(line, 32) for line in lines[2:]], note


# --- disputes ---------------------------------------------------------------------------------------------------------

DISPUTES = "ledger.dispute."
ENDS = tuple(
    DISPUTES + kind
    for kind in ("StatementOverridden", "SystemCorrected", "DisputeRejected", "DisputeWithdrawn")
)
BALANCE = "balance"
QUANTITY = "QUANTITY"
"""What use abroad is disputed in, where not in money: seconds, messages or bytes."""
BILL = "pulsa-bill"
"""The format of statements that hold nothing but what may be told: their lines stand in a bundle as they stood."""
FIELDS = {
    ("bill", "ledger.postpaid.BillIssued"): {"IDR": "total"},
    ("payment", "ledger.postpaid.PaymentReceived"): {"IDR": "amount"},
    ("charge", "ledger.postpaid.UsageCharged"): {"IDR": "charge"},
    ("charge", "ledger.postpaid.RoamingCharged"): {"IDR": "charge"},
    ("charge", "ledger.postpaid.LateFineCharged"): {"IDR": "amount"},
    ("charge", "ledger.postpaid.PenaltyCharged"): {"IDR": "amount"},
    ("charge", "ledger.postpaid.CollectionCostCharged"): {"IDR": "amount"},
    ("charge", "ledger.postpaid.DebitNoteIssued"): {"IDR": "total"},
    ("top-up", "ledger.prepaid.CreditToppedUp"): {"PULSA": "credit", "IDR": "price"},
    ("charge", "ledger.prepaid.UsageDebited"): {"PULSA": "charge"},
    ("charge", "ledger.prepaid.CreditCharged"): {"PULSA": "amount"},
    ("charge", "ledger.prepaid.ReservationCaptured"): {"PULSA": "amount"},
    ("transfer", "ledger.prepaid.CreditTransferSent"): {"PULSA": "amount"},
    ("transfer", "ledger.prepaid.CreditTransferReceived"): {"PULSA": "amount"},
    ("transfer", "ledger.prepaid.CreditTransferReturned"): {"PULSA": "amount"},
    ("roaming", "ledger.postpaid.RoamingMatched"): {"partner_currency": "partner_amount"},
    ("roaming", "ledger.postpaid.RoamingCharged"): {
        "partner_currency": "partner_amount",
        QUANTITY: "quantity",
    },
    ("roaming", "ledger.postpaid.UsageCharged"): {QUANTITY: "granted"},
    ("roaming", "ledger.prepaid.UsageRecorded"): {QUANTITY: "granted"},
}
"""How much a record says: what a dispute is about, and the type of event; then by unit, the event's field.

A unit in small letters is the field that names it.
"""
PARTS = {"PULSA": ("credit", "reserved"), "IDR": ("unbilled", "billed", "advance")}
"""The ledger accounts whose sum a balance is."""


def amount_said(fields: dict[str, str], event: Any, unit: str) -> int:
    """How much an event says in a unit, in hundredths of it."""
    for named, field in fields.items():
        if (event[named] if named.islower() else named) == unit:
            said = event[field]
            if isinstance(said, str):
                found = re.fullmatch(r"(-?)([0-9]{1,40})(?:\.([0-9]{1,6}))?", said, re.ASCII)
                if found is None:
                    raise Wrong("a partner's amount is none")
                whole = (int(found[2]) * 10**6 + int((found[3] or "").ljust(6, "0")) + 5_000) // 10_000
                return -whole if found[1] else whole
            return int(said) * (100 if named == QUANTITY else 1)
    raise Wrong("a record says nothing in the unit of the dispute")


class Stream:
    """The events of one account by version: their types, digests and what they say; all of them, if `whole`."""

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole
        self.types: dict[int, str] = {}
        self.digests: dict[int, bytes] = {}
        self.events: dict[int, Any] = {}
        self.opened: dict[str, Any] = {}
        self.corrections: list[Any] = []

    def add(self, kind: str, digest: bytes, event: Any) -> Optional[str]:
        """Takes in its next event; of what a dispute says, the dispute. Raises Wrong where it says wrongly."""
        version = event["version"]
        self.types[version], self.digests[version], self.events[version] = kind, digest, event
        if not kind.startswith(DISPUTES):
            return None
        if kind.endswith(".DisputeOpened"):
            self.opened[event["dispute"]] = event
        need(event["dispute"] in self.opened, f"the dispute {event['dispute']} was never opened")
        if "system" in event:
            self.check(kind, event)
        if kind.endswith(".SystemCorrected"):
            self.corrections.append(event)
        return str(event["dispute"])

    def check(self, kind: str, event: Any) -> None:
        """That what an event says of the system's record is what the events before it say."""
        name, opened = event["dispute"], self.opened[event["dispute"]]
        need(event["system"] == self.said(event, opened), f"{name}: the record says something else")
        for cited in event["records"]:
            need(0 < cited["version"] < event["version"], f"{name}: what is cited comes later")
            need(cited["version"] in self.digests, f"{name}: what is cited is not in the bundle")
            is_so = self.digests[cited["version"]].hex() == cited["digest"]
            need(is_so, f"{name}: what is cited is another event")
        if kind.endswith(".StatementOverridden"):
            need(event["stated"] == opened["claimed"], f"{name}: something else was claimed")
            need(
                event["difference"] == event["stated"] - event["system"], f"{name}: the difference is another"
            )
            need(event["known_at"] == event["recorded_at"], f"{name}: it was known at another instant")
            need(event["head_version"] == event["version"] - 1, f"{name}: another event was the last one")
            need(event["head_version"] in self.digests, f"{name}: the last event is not in the bundle")
            is_so = self.digests[event["head_version"]].hex() == event["head_digest"]
            need(is_so, f"{name}: the last event was another")

    def said(self, event: Any, opened: Any) -> int:
        """What the record of a dispute says before an event, corrections of it included."""
        about, unit = opened["about"], opened["unit"]
        records = [cited["version"] for cited in opened["records"]]
        total = 0
        for one in self.corrections:
            other = self.opened[one["dispute"]]
            same = [other["about"], other["unit"], other["records"]] == [about, unit, opened["records"]]
            shared = one["dispute"] == event["dispute"] or (records and same)
            if shared and not (about == BALANCE and one["remedied"]):
                total += one["amount"]
        if about == BALANCE:
            if not self.whole:
                return int(event["system"])
            last = records[-1] if records else event["version"] - 1
            return total + self.balance(last, opened["stood_at"], unit, event["version"])
        for version in records:
            need(0 < version < event["version"], "a record comes later than what is said of it")
            need(version in self.events, "a record is not in the bundle")
            total += amount_said(FIELDS.get((about, self.types[version]), {}), self.events[version], unit)
        return total

    def balance(self, version: int, at: int, unit: str, until: int) -> int:
        """What was held, or owed, after an event that was so at an instant, as it was known before another."""
        account, total = self.events[1]["account"], 0
        names = [f"{account}/{part}" for part in PARTS[unit]]
        for event in (self.events[before] for before in range(1, until)):
            late = event["version"] > version and event["recorded_at"] <= at
            if event["effective_at"] < at or (event["effective_at"] == at and not late):
                for posting in event["postings"]:
                    if posting["account"] in names and posting["unit"] == unit:
                        total += posting["amount"]
        return total


# --- the bundle -------------------------------------------------------------------------------------------------------


class Bundle:
    """A bundle, checked part by part; `told` says what was found to be so."""

    def __init__(self, parts: dict[str, bytes], key: Optional[Key], line: Optional[bytes]) -> None:
        self.parts, self.key, self.line = parts, key, line
        self.elsewhere: dict[tuple[int, int], bytes] = {}
        self.told: list[str] = []
        self.checkpoints: dict[bytes, Checkpoint] = {}
        self.entries: dict[bytes, int] = {}
        self.ended: list[int] = []
        self.used: set[bytes] = set()
        self.wanted = set(ALWAYS)
        self.manifest = parsed(parts.get("manifest.json", b""), "manifest.json")

    def check(self) -> None:
        """Checks all of it. Raises Wrong."""
        manifest = self.manifest
        known = isinstance(manifest, dict) and manifest.get("format") in (FIRST_FORMAT, FORMAT)
        need(known, "it is no bundle of a format that is known here")
        self.is_first = manifest["format"] == FIRST_FORMAT
        said = manifest["parts"]
        need(set(self.parts) == set(said) | {"manifest.json"}, "the bundle has other parts than it says")
        for name, digest in said.items():
            need(sha256(self.parts[name]).hex() == digest, f"{name} is not what the manifest says")
        self.told.append(f"{len(said)} parts are what the manifest says")
        self.told.append(
            "NOT CHECKED but for their digests: index.html, which is for people, and verify.py as it lies here"
        )
        need(type(manifest["thin"]) is bool, "it is neither whole nor thin")
        self.thin = manifest["thin"]
        self.read_schemas()
        self.read_events()
        self.read_decisions()
        self.read_balances()
        self.read_trees()
        self.wanted |= {f"schemas/{mark.hex()}.json" for mark in self.used}
        for name in sorted(set(self.parts) ^ self.wanted):
            raise Wrong(f"{name} is {'of nothing here' if name in self.parts else 'missing'}")

    def record(self, state: bytes) -> Any:
        """What a record says."""
        self.used.add(state[:8])
        return record(self.schemas, state)

    def entered(self, entry: bytes, what: str) -> None:
        """That an entry of the log of checkpoints is in the bundle, with its proof."""
        need(entry in self.entries, f"{what} not in the log of checkpoints")
        name = f"proofs/top/{self.entries[entry]}"
        self.wanted |= {f"{name}.entry", f"{name}.tlog-proof"}

    def checkpoint(self, note: bytes) -> Checkpoint:
        """The checkpoint of a note: each note is verified once, for many proofs lead to one."""
        found = self.checkpoints.get(note)
        if found is None:
            found = self.checkpoints[note] = checkpoint_of(note, self.key)
        return found

    def read_schemas(self) -> None:
        """Takes in the schemas."""
        self.schemas: dict[bytes, Any] = {}
        self.texts: dict[bytes, str] = {}
        for name, content in self.parts.items():
            if name.startswith("schemas/"):
                schema = parsed(content, name)
                try:
                    mark = fingerprint(schema)
                except (KeyError, TypeError, AttributeError, RecursionError):
                    raise Wrong(f"{name} is no schema") from None
                need(name == f"schemas/{mark.hex()}.json", f"{name} has the fingerprint {mark.hex()}")
                self.schemas[mark], self.texts[mark] = schema, sha256(content).hex()
        self.told.append(f"{len(self.schemas)} schemas have the fingerprints that they are named by")

    def read_events(self) -> None:
        """Takes in the events, each after the one before it of its stream."""
        self.events: dict[int, tuple[bytes, Any]] = {}
        self.heads: dict[str, tuple[int, bytes]] = {}
        streams: dict[str, Stream] = {}
        about: dict[tuple[str, str], list[Any]] = {}
        last = 0
        for row in lines_of(self.parts, "events.jsonl"):
            need(
                isinstance(row, dict) and ("before" in row) is self.thin,
                "an event is not told as it should be",
            )
            ordinal, stream, state = row["ordinal"], row["stream"], bytes.fromhex(row["state"])
            place = f"the event at {self.manifest['partition']}:{ordinal}"
            need(type(ordinal) is int and ordinal > last, f"{place} stands out of order")
            last = ordinal
            found = self.read_event(row, place)
            before, chain = self.heads.get(stream, (0, NO_DIGEST))
            version = found["version"]
            follows = version > before if self.thin else version == before + 1
            need(found["account"] == stream and follows, f"{place} is of another place")
            if self.thin and version != before + 1:
                chain = bytes.fromhex(row["before"])
            need(not self.thin or row["before"] == chain.hex(), f"{place} does not follow the one before it")
            digest = sha256(chain + row["type"].encode() + state)
            need(digest.hex() == row["digest"], f"{place} does not follow the one before it")
            self.heads[stream] = version, digest
            self.events[ordinal] = (digest, found)
            dispute = streams.setdefault(stream, Stream(whole=not self.thin)).add(row["type"], digest, found)
            if dispute is not None and row["type"] in ENDS:
                asked = {"account": stream, "dispute": dispute}
                self.ended += [ordinal] if self.manifest["dispute"] == asked else []
            if dispute is not None:
                about.setdefault((stream, dispute), []).append((row["type"].rpartition(".")[2], found))
        need(self.heads, "there are no events")
        position = f"{self.manifest['partition']}:{last}"
        need(self.manifest["position"] == position, "the last event stands at another position")
        events = f"{len(self.events)} events of {len(self.heads)} streams are whole"
        self.told.append(f"{events}, each by itself" if self.thin else f"{events}, from each one's first on")
        self.read_dispute(about)

    def read_event(self, row: Any, place: str) -> Any:
        """What an event's bytes say, which is what is told of it."""
        state = bytes.fromhex(row["state"])
        found = self.record(state)
        need(found == row["event"], f"{place} says something else than its bytes")
        schema = self.schemas[state[:8]]
        need(row["type"] == f"{schema['namespace']}.{schema['name']}", f"{place} is of another type")
        sums: dict[str, int] = {}
        for posting in found["postings"]:
            sums[posting["unit"]] = sums.get(posting["unit"], 0) + posting["amount"]
        need(not any(sums.values()), f"the postings of {place} do not sum to zero")
        return found

    def read_dispute(self, about: dict[tuple[str, str], list[Any]]) -> None:
        """Tells how the dispute stands that the bundle is of; what is said of each was checked with its events."""
        asked = self.manifest["dispute"]
        if asked is None:
            return
        found = about.get((asked["account"], asked["dispute"]))
        need(found, "the dispute is not in the bundle")
        for kind, event in found or ():
            if "system" in event:
                stated = event["stated"] if kind == "StatementOverridden" else event["claimed"]
                said = (
                    f"{rupiah(stated)} was stated, the record says {rupiah(event['system'])} {event['unit']}"
                )
                self.told.append(f"{event['dispute']}: {kind}, {said}")
            else:
                self.told.append(f"{event['dispute']}: {kind}")
        systems = [event["system"] for _, event in found or () if "system" in event]
        need(systems, "the dispute was never opened")
        self.read_statement((found or [("", {})])[0][1], systems[-1])

    def read_statement(self, opened: Any, system: int) -> None:
        """The statement whose line brought the dispute about: its header, the line, and the difference."""
        rows = lines_of(self.parts, "statement.jsonl")
        if not rows:
            need("line.json" not in self.parts, "a line is of no statement")
            if opened["statement"] is not None:
                self.told.append("THE STATEMENT IS NOT IN IT: what it said is known from the dispute alone")
            return
        need(opened["statement"] is not None and len(rows) < 3, "a statement is told of that nobody named")
        events = [self.read_stated(row, opened["statement"]) for row in rows]
        header = events[0]
        self.wanted |= {"statement.jsonl", "line.json"}
        need(
            header["version"] == 1 and rows[0]["type"].endswith(".StatementBegun"),
            "a statement has no header",
        )
        need(rows[0]["before"] == NO_DIGEST.hex(), "something came before the statement")
        names = ("kind", "of", "number", "sequence", "since_on", "until_on")
        own = [header[name] for name in (("file", "place") if header["number"] is None else names)]
        text = "\x1f".join("" if one is None else str(one) for one in own)
        found = "statement/" + sha256(text.encode()).hex()[:32]
        need(found == opened["statement"], "the statement's id is not of what its header says")
        self.told.append(f"{found} is a {header['kind']}, {header['format']}, read by {header['reader']}")
        said = parsed(self.parts["line.json"], "line.json")
        told = (said["statement"], said["line"], said["raw"])
        need(told == (opened["statement"], opened["line"], opened["raw"]), "the line is another one")
        if len(events) > 1:
            need(rows[1]["type"].endswith(".StatementLinesAdded"), "the statement's lines are something else")
            lines = [line for line in events[1]["lines"] if line["line"] == said["line"]]
            need(
                len(lines) == 1 and lines[0]["raw"] == said["raw"], "the line is not among those that came in"
            )
            stated = lines[0]["balance" if opened["about"] == BALANCE else "amount"]
            is_so = (
                stated is not None and abs(stated) == opened["claimed"] and lines[0]["unit"] == opened["unit"]
            )
            need(is_so, "the line says something else than what was claimed")
        self.read_line(said, header["format"], opened, system)

    def read_stated(self, row: Any, statement: str) -> Any:
        """What an event of the statement says; it is proved where it stands, apart from what came before it."""
        place = f"the event at {row['partition']}:{row['ordinal']}"
        found = self.read_event(row, place)
        need(found["account"] == statement, f"{place} is of another place")
        digest = sha256(bytes.fromhex(row["before"]) + row["type"].encode() + bytes.fromhex(row["state"]))
        need(digest.hex() == row["digest"], f"{place} does not follow the one before it")
        need(type(row["partition"]) is int and type(row["ordinal"]) is int, f"{place} stands nowhere")
        need((row["partition"], row["ordinal"]) not in self.elsewhere, f"{place} is told twice")
        self.elsewhere[row["partition"], row["ordinal"]] = digest
        return found

    def read_line(self, said: Any, form: str, opened: Any, system: int) -> None:
        """That the line as it stood has the digest that was recorded, and what it differs by."""
        name = f"line {said['line']} of {said['statement']}"
        if said["raw"] is None:
            need(not said["line"] and said["text"] is None, "a line has no digest")
            self.told.append(f"{said['statement']} has no such line")
            return
        line = self.line if said["text"] is None else said["text"].encode()
        if said["salt"] is None or line is None:
            self.told.append(f"NOT HELD AGAINST THE STATEMENT: {name} is to have the digest {said['raw']}")
            return
        is_so = sha256(bytes.fromhex(said["salt"]) + line).hex() == said["raw"]
        need(is_so, f"{name} stood there otherwise")
        self.told.append(f"{name} is as it stood")
        if said["text"] is not None and form == BILL:
            charged = parsed(line, name)
            amount = charged["total"] if isinstance(charged, dict) else charged[1]["amount"]
            stated = sen_of(amount, f"{name} states no amount")
            need(abs(stated) == opened["claimed"], f"{name} states something else than what was claimed")
            differs = f"the record says {rupiah(system)}: the difference is {rupiah(abs(stated) - system)}"
            self.told.append(f"{name} states {rupiah(stated)}, {differs}")

    def read_decisions(self) -> None:
        """Takes in the journal of the number."""
        self.decisions: dict[int, bytes] = {}
        decided: set[str] = set()
        chain, last = NO_DIGEST, 0
        for row in lines_of(self.parts, "decisions.jsonl"):
            need(("before" in row) is self.thin, "a decision is not told as it should be")
            chain = bytes.fromhex(row["before"]) if self.thin else chain
            command = bytes.fromhex(row["command"])
            names = (
                "subject",
                "command_id",
                "name",
                "at",
                "code",
                "message",
                "ordinal",
                "first_event",
                "event_count",
            )
            text = "".join(f"{row[name]}\n" for name in names)
            if row["principal"] is not None:
                text += f"{row['principal']}\n"
            place = f"the decision {self.manifest['partition']}:{row['entry']}"
            need(type(row["entry"]) is int and row["entry"] > last, f"{place} stands out of order")
            last = row["entry"]
            need(row["subject"] == self.manifest["msisdn"], f"{place} is of somebody else")
            chain = sha256(chain + text.encode() + bytes.fromhex(row["command_digest"]) + command)
            need(chain.hex() == row["chain"], f"{place} does not follow the one before it")
            need(self.record(command) == row["said"], f"{place} says something else than its bytes")
            self.decisions[last] = chain
            decided.add(row["command_id"])
        self.last_decision = last, chain
        position = f"{self.manifest['partition']}:{last}" if self.decisions else None
        need(self.is_first or self.manifest["decided"] == position, "the last decision is another one")
        number = self.manifest["msisdn"]
        others = [one for one in self.heads if one.partition("#")[0] != number]
        need(len(others) < len(self.heads), f"there is no event of {number}")
        need(all(one.startswith("terms/") for one in others), "there are events of somebody else")
        for ordinal, (_, event) in self.events.items():
            own, command = event["account"] not in others, event["command_id"]
            explained = not own or command.startswith(("due/", "policy/")) or command in decided
            need(
                explained, f"the decision behind {self.manifest['partition']}:{ordinal} is not in the bundle"
            )
        how = "each by itself" if self.thin else "from the first on"
        self.told.append(f"{len(self.decisions)} decisions are whole, {how}")

    def read_balances(self) -> None:
        """Sums the postings of what was so by `as_of`, as far as it was known, or fell due by itself, by `known_at`."""
        as_of, known_at, own = (
            self.manifest["as_of"],
            self.manifest["known_at"],
            self.manifest["msisdn"] + "#",
        )
        for instant in (as_of, known_at):
            need(type(instant) is int and EARLIEST <= instant <= LATEST, "a balance is told of no instant")
        need(as_of <= known_at, "a balance is told as of an instant that was yet to come")
        if self.thin:
            need(self.manifest["balances"] is None, "balances are told of that nothing here shows")
            self.told.append("BALANCE NOT RECOMPUTED: only the events that are cited are in it")
            return
        sums: dict[tuple[str, str], int] = {}
        for _, event in self.events.values():
            known = event["recorded_at"] <= known_at or event["command_id"].startswith("due/")
            if event["effective_at"] <= as_of and known:
                for posting in event["postings"]:
                    if posting["account"].startswith(own) and not posting["account"].endswith(OTHERS_TOO):
                        key = posting["account"], posting["unit"]
                        sums[key] = sums.get(key, 0) + posting["amount"]
        said = {(row["account"], row["unit"]): row["amount"] for row in self.manifest["balances"]}
        need(len(said) == len(self.manifest["balances"]), "a balance is told twice")
        need(sums == said, "the balances are not the sums of the postings")
        for (account, unit), amount in sorted(sums.items()):
            self.told.append(f"{account} {unit} {rupiah(amount)}")

    def read_trees(self) -> None:
        """What was signed: that the last events and decisions, and every schema, stand in it."""
        trees: dict[str, Checkpoint] = {}
        partition = self.manifest["partition"]
        leaves = {
            f"events-{partition}": {at: digest for at, (digest, _) in self.events.items()},
            f"decisions-{partition}": self.decisions,
        }
        for (place, ordinal), digest in self.elsewhere.items():
            known = leaves.setdefault(f"events-{place}", {}).setdefault(ordinal, digest)
            need(known == digest, "two events stand in one place")
        for name in sorted(self.parts):
            if not name.startswith("proofs/") or name.endswith(".entry"):
                continue
            tree, number = matched(
                r"proofs/([a-z]+(?:-[0-9]+)?)/([0-9]{1,18})\.tlog-proof", name, f"{name} is no proof"
            ).groups()
            index, path, note = proof_of(self.parts[name])
            checkpoint = self.checkpoint(note)
            need(checkpoint[0].rpartition("/")[2] == tree, f"{name} is of another tree")
            need(trees.setdefault(tree, checkpoint) == checkpoint, f"{name} is of another size")
            if tree == "top":
                data = self.parts[f"proofs/top/{number}.entry"]
                self.entries[data] = index
            else:
                need(
                    tree in leaves and index + 1 in leaves[tree] and number == str(index + 1),
                    f"{name} is of nothing here",
                )
                data = leaves[tree][index + 1]
            need(included(leaf_hash(data), index, *checkpoint[1:], path), f"{name} does not lead to the root")
        need(
            len({origin.rpartition("/")[0] for origin, _, _ in trees.values()}) < 2,
            "the trees are of two logs",
        )
        self.read_signed(trees)

    def read_signed(self, trees: dict[str, Checkpoint]) -> None:
        """What has to be proved is."""
        if not trees:
            need(not self.key, "nothing in the bundle is signed")
            need(self.manifest["completeness"] is None, "a day's close is told of that nothing here shows")
            self.told.append("NOT SIGNED: it shows that it hangs together, and no more")
            return
        partition = self.manifest["partition"]
        need(f"events-{partition}" in trees and "top" in trees, "the bundle lacks proofs")
        for tree, (origin, size, root) in trees.items():
            if tree != "top":
                entry = f"checkpoint\n{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()
                self.entered(entry, f"the checkpoint of {origin} is")
        for mark, text in self.texts.items():
            name = f"{self.schemas[mark]['namespace']}.{self.schemas[mark]['name']}"
            entry = f"schema\n{mark.hex()}\n{name}\n{text}\n".encode()
            self.entered(entry, f"the schema {name} is")
        proved = {("events", partition, last) for last in (self.events if self.thin else [max(self.events)])}
        proved |= {("events", place, ordinal) for place, ordinal in self.elsewhere}
        proved |= {("events", partition, ordinal) for ordinal in self.ended}
        if self.decisions:
            decided = list(self.decisions) if self.thin else [max(self.decisions)]
            proved |= {("decisions", partition, last) for last in decided}
        self.wanted |= {f"proofs/{tree}-{place}/{number}.tlog-proof" for tree, place, number in proved}
        self.wanted.add("consistency.jsonl")
        told = []
        for row in lines_of(self.parts, "consistency.jsonl"):
            old, new = (self.checkpoint(row[when].encode()) for when in ("old", "new"))
            path = [decoded(step, 32) for step in row["path"]]
            told.append(new[0])
            need(new in trees.values(), "a tree is told of that proves nothing here")
            need(consistent(old, new, path), f"{old[0]} was rewritten")
            self.told.append(f"{new[0]} of {new[1]} leaves begins with the {old[1]} that were signed first")
        need(
            sorted(told) == sorted(origin for origin, _, _ in trees.values()),
            "it is not told what each tree began with",
        )
        whose = (
            f"signed by {self.key[0]}" if self.key else "signed; BY WHOM is not checked, for no key was given"
        )
        self.told.append(f"the last event and the last decision stand in trees, {whose}")
        self.read_close()

    def read_close(self) -> None:
        """That nothing of the number came later that day, and that it has no other account."""
        number, partition, close = (self.manifest[name] for name in ("msisdn", "partition", "completeness"))
        if close is None:
            event, entry = max(self.events), self.last_decision[0]
            self.told.append(
                f"COMPLETENESS PENDING: it shows events up to {partition}:{event} and decisions up to"
                f" {partition}:{entry}; that none of {number} came later, and that it has no other"
                " account, is proved at a day's close"
            )
            return
        word, count = ("heads", "streams") if self.is_first else ("heads/2", "subjects")
        place = f"{word}\n{partition}\n{close['day']}\n{close['ordinal']}\n"
        self.entered(f"{place}{close[count]}\n{close['root']}\n".encode(), "the heads of the day are")
        self.wanted.add("heads.jsonl")
        matched(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", close["day"], "a day is none")
        day = dt.date.fromisoformat(close["day"]) - dt.date(1970, 1, 1)
        ends = day.days * 86_400 * SECOND + ENDS_WITHIN
        need(self.manifest["known_at"] < ends, "the day was closed before what was known")
        need(close["ordinal"] >= max(self.events), "the day was closed before the last event")
        rows = lines_of(self.parts, "heads.jsonl")
        if self.is_first:
            self.read_streams(close, rows)
            return
        subjects: dict[str, str] = {}
        for stream, (version, digest) in sorted(self.heads.items()):
            subject = stream.partition("#")[0]
            subjects[subject] = subjects.get(subject, "") + f"{stream}\n{version}\n{digest.hex()}\n"
        for row in rows:
            subject = row["subject"]
            need(subject in subjects, "it is told where somebody else stood")
            entry, chain = self.last_decision if subject == number else (0, NO_DIGEST)
            leaf = f"{subject}\n{entry}\n{chain.hex()}\n{subjects[subject]}".encode()
            what = f"{subject} had another account, event or decision that day"
            self.must_lead(leaf, row, close["subjects"], what)
        need({row["subject"] for row in rows} == set(subjects), "it is not told where all stood that day")
        after = "none after the last here" if self.thin else "no other"
        self.told.append(
            f"{number} has no other account, and of its events and decisions there is {after},"
            f" until the close of {close['day']}"
        )

    def read_streams(self, close: Any, rows: list[Any]) -> None:
        """The same, where each stream has a leaf of its own, and decisions have none."""
        for row in rows:
            stream = row["stream"]
            need(stream in self.heads, "a head is of a stream that is not in the bundle")
            leaf = f"{stream}\n{row['version']}\n{self.heads[stream][1].hex()}\n".encode()
            self.must_lead(leaf, row, close["streams"], f"{stream} went on that day")
        need({row["stream"] for row in rows} == set(self.heads), "a stream's head is not proved")
        self.told.append(f"no event of theirs came later until the close of {close['day']}")
        self.told.append(
            f"NOT EXCLUDED: another account of {self.manifest['msisdn']}, and later decisions than"
            f" {self.manifest['partition']}:{self.last_decision[0]}; the close did not tell of them then"
        )

    def must_lead(self, leaf: bytes, row: Any, size: int, what: str) -> None:
        """That a leaf stands in the tree of the day's close, where it is said to."""
        path = [decoded(step, 32) for step in row["path"]]
        root = bytes.fromhex(self.manifest["completeness"]["root"])
        need(included(leaf_hash(leaf), row["index"], size, root, path), what)


def checked(path: str, key_text: Optional[str] = None, line: Optional[bytes] = None) -> list[str]:
    """What is so of a bundle, line by line. Raises Wrong at the first thing that is not."""
    try:
        bundle = Bundle(parts_of(path), None if key_text is None else key_of(key_text), line)
        bundle.check()
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError, RecursionError):
        raise Wrong("the bundle is not made as a bundle is") from None
    return bundle.told


def main(arguments: list[str]) -> int:
    """Prints what was found, and ends with an exit code."""
    if len(arguments) not in (1, 2, 3):
        print(__doc__)
        return 2
    stated = None
    if len(arguments) > 2:
        try:
            stated = pathlib.Path(arguments[2]).read_bytes()
        except OSError as error:
            print(f"{arguments[2]}: {error}")
            return 2
    try:
        key = arguments[1] if len(arguments) > 1 else None
        for line in checked(arguments[0], key, stated):
            print(f"ok     {line}")
    except Wrong as wrong:
        print(f"WRONG  {wrong}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
