"""What may be open on an account at once has a bound: it is all kept in memory, and copied with every command."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.bounds import MOST_OPEN
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.line.commands import Block, DecideRightsTransfer, RequestRightsTransfer, Unblock
from ledger.domain.prepaid.commands import ReleaseReservation, ReserveCredit
from tests.given import Story, at, rupiah

NOW = at("2023-07-20T12:00:00+07:00")


@pytest.mark.parametrize(
    ("opens", "closes", "name", "fields"),
    [
        (ReserveCredit, (ReleaseReservation, {}), "reservation", {"amount": 1, "expires_at": NOW + DAY}),
        (Block, (Unblock, {}), "block", {"scope": "voice"}),
        (RequestRightsTransfer, (DecideRightsTransfer, {"decision": "refused"}), "request", {}),
    ],
)
def test_so_many_may_be_open_at_once(
    opens: type[Command],
    closes: tuple[type[Command], dict[str, Any]],
    name: str,
    fields: dict[str, Any],
    story: Story,
) -> None:
    story.given_active(credit=rupiah(5000))
    for count in range(MOST_OPEN):
        story.given(opens, NOW, **{name: f"o{count}"}, **fields)
    story.when(opens, NOW, **{name: "o0"}, **fields)
    assert story.outcome.code != "too-many-open", "an id that was used before is told first"
    story.when(opens, NOW, **{name: "another"}, **fields).refused("too-many-open")
    closing, how = closes
    story.given(closing, NOW, **{name: "o7"}, **how)
    story.given(opens, NOW, **{name: "another"}, **fields)
    story.when(opens, NOW, **{name: "one more"}, **fields).refused("too-many-open")
