"""What real feeds have besides commands: lines that are no commands, numbers written otherwise, a clock that lags."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from ledger.domain.calendar import SECOND, format_instant, parse_instant
from ledger.simulation.draws import Draws
from ledger.simulation.feed import OF_CONTRACTS, OF_PERSONS, CommandRow

_encode = msgspec.json.Encoder().encode
_FAULTY = 150
"""Lines with a fault before them, in 100,000."""
_LAGGING = 40
_WRITTEN_OTHERWISE = 300
_APART, _FURTHER = 1_000_003, 2_000_003


def lines(records: Iterator[CommandRow], seed: int) -> Iterator[tuple[CommandRow, list[bytes]]]:
    """Each record with the lines that a file has for it: its own, perhaps after a faulty one or before a late one.

    What befalls the records of contracts, and of persons, is drawn apart: so those of others are as they are without.
    """
    of_others, of_some = (
        Draws(seed),
        {OF_CONTRACTS: Draws(seed + _APART), OF_PERSONS: Draws(seed + _FURTHER)},
    )
    for record in records:
        written: list[bytes] = []
        if "msisdn" not in record:
            yield record, [_encode(record)]
            continue
        draws = of_some.get(record["command_id"][: len(OF_PERSONS)], of_others)
        if draws.chance(_FAULTY):
            written.append(draws.pick(FAULTS)(record))
        if draws.chance(_WRITTEN_OTHERWISE):
            written.append(_encode({**record, "msisdn": draws.pick(_SPELLINGS)(record["msisdn"])}))
        else:
            written.append(_encode(record))
        if record["command"] == "RecordUsage" and draws.chance(_LAGGING):
            written.append(_encode(_lagging(record)))
        yield record, written


def _lagging(record: CommandRow) -> CommandRow:
    """Another record of the same use, from a switch whose clock lags ten minutes behind."""
    at = format_instant(parse_instant(record["at"]) - 600 * SECOND)
    return {**record, "command_id": f"{record['command_id']}-lagging", "at": at}


def _cut_off(record: CommandRow) -> bytes:
    line = _encode(record)
    return line[: len(line) * 2 // 3]


def _repeated_key(record: CommandRow) -> bytes:
    return _encode(record)[:-1] + b',"actor":"system","actor":"staff-1"}'


def _not_utf8(record: CommandRow) -> bytes:
    return _encode(record)[:-1] + b',"actor":"staff-\xff"}'


def _nul_byte(record: CommandRow) -> bytes:
    return _encode(record)[:-1] + b',"actor":"staff-\x00"}'


def _with(**changed: object) -> Callable[[CommandRow], bytes]:
    return lambda record: _encode({**record, **changed})


def _without(name: str) -> Callable[[CommandRow], bytes]:
    return lambda record: _encode({key: value for key, value in record.items() if key != name})


def _money(wrong: object) -> Callable[[CommandRow], bytes]:
    """A top-up with its credit written wrongly."""

    def write(record: CommandRow) -> bytes:
        own = {name: record[name] for name in ("command_id", "at", "msisdn")}
        return _encode({"command": "TopUp", **own, "credit": wrong, "price": "11000", "channel": "outlet"})

    return write


FAULTS: tuple[Callable[[CommandRow], bytes], ...] = (
    _cut_off,
    _repeated_key,
    _not_utf8,
    _nul_byte,
    _without("msisdn"),
    _without("command_id"),
    _with(at="2024-07-01T00:00:00"),
    _with(at="2024-07-01T00:00:00.000000001Z"),
    _with(msisdn="112"),
    _with(msisdn="not-a-number"),
    _with(command="Refund"),
    _with(command_id="policy/1"),
    _with(remark="by phone"),
    _money(10000.5),
    _money(10000),
    _money("10000.505"),
    _money("+5"),
    _money("5."),
    _money("-5000"),
    lambda _: b"null",
    lambda _: b"command;command_id;at",
)
"""What makes a faulty line of a record: none of them is a command."""

_SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda msisdn: "0" + msisdn[2:],
    lambda msisdn: f"+{msisdn[:2]} {msisdn[2:5]} {msisdn[5:]}",
    lambda msisdn: f"+{msisdn[:2]}-{msisdn[2:5]}-{msisdn[5:]}",
)
