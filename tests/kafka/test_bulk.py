"""Records that are handed over at once are what kafka-python itself would have written."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder

from ledger.store.kafka.bulk import encode
from ledger.store.kafka.records import Outgoing

_HEADERS = st.lists(st.tuples(st.text(max_size=80), st.binary(max_size=200)), max_size=12)
_RECORDS = st.lists(
    st.builds(
        Outgoing,
        st.binary(max_size=40),
        st.one_of(st.binary(max_size=400), st.integers(0, 20_000).map(bytes)),
        _HEADERS,
    ),
    max_size=20,
)


def builder() -> Any:
    settings: dict[str, Any] = {"producer_id": -1, "producer_epoch": -1, "base_sequence": -1}
    return DefaultRecordBatchBuilder(2, 0, is_transactional=False, batch_size=1 << 30, **settings)


@given(_RECORDS, st.integers(0, 70_000))
def test_byte_by_byte(records: list[Outgoing], first: int) -> None:
    theirs = builder()
    header = theirs.size()
    for offset, (key, value, headers) in enumerate(records, first):
        theirs.append(offset, 1_700_000_000_000, key, value, headers)
    assert b"".join(encode(records, first, 1 << 30)) == bytes(theirs._buffer[header:])


@given(_RECORDS, st.integers(0, 60_000))
def test_no_more_than_there_is_room_for(records: list[Outgoing], room: int) -> None:
    encoded = encode(records, 1, room)
    assert sum(map(len, encoded)) <= room
    whole = encode(records, 1, 1 << 30)
    assert encoded == whole[: len(encoded)]
    if len(encoded) < len(whole):
        assert sum(map(len, whole[: len(encoded) + 1])) > room
