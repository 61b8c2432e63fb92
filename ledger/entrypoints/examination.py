"""`pulsa doctor`: every check in its turn, each within its bound in time, and what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from ledger.errors import LedgerError, page_of
from ledger.wiring.amiss import Amiss, NotUsed
from ledger.wiring.checks import CHECKS, Check, must_be_usable
from ledger.wiring.settings import Settings

WellOrNot = Literal["well", "wrong", "unknown", "not used"]


class Examined(NamedTuple):
    """What came of a check: it is well or wrong; nobody knows, for it could not be made; or there is no such part.

    What is wrong has its code, and the page of the runbook that says what to do.
    """

    check: str
    verdict: WellOrNot
    message: str
    code: str | None = None
    page: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        return self._asdict()


def examine(
    read: Callable[[], Settings], now: Callable[[], int], checks: Sequence[Check] = CHECKS
) -> Iterator[Examined]:
    """Makes every check, whatever came of those before, except that one rests where what it needs is not well.

    `read` reads the settings, and may raise; `now` is this machine's clock, in UTC microseconds.
    """
    settings: Settings | None = None
    try:
        settings = read()
        must_be_usable(settings)
        yield Examined("settings", "well", "valid, and what they name is there")
    except LedgerError as error:
        settings = None
        yield _wrong("settings", error)
    well = set() if settings is None else {"settings"}
    for check in checks:
        missing = next((name for name in check.needs if name not in well), None)
        if settings is None or missing is not None:
            yield Examined(check.name, "unknown", f"not made: it needs {missing}, and that is not well")
            continue
        found = _made(check, settings, now)
        if found.verdict in ("well", "not used"):
            well.add(check.name)
        yield found


def _made(check: Check, settings: Settings, now: Callable[[], int]) -> Examined:
    """A check that does not end in time is left to itself: its thread ends with the process."""
    found: list[Examined] = []

    def run() -> None:
        found.append(_judged(check, settings, now))

    thread = threading.Thread(target=run, name=f"check of {check.name}", daemon=True)
    thread.start()
    thread.join(check.seconds)
    if not found:
        return Examined(check.name, "unknown", f"not made: it did not end within {check.seconds:g} s")
    return found[0]


def _judged(check: Check, settings: Settings, now: Callable[[], int]) -> Examined:
    try:
        return Examined(check.name, "well", check.run(settings, now))
    except NotUsed as reason:
        return Examined(check.name, "not used", str(reason))
    except Amiss as amiss:
        return Examined(check.name, "wrong", str(amiss), amiss.code, amiss.page)
    except LedgerError as error:
        return _wrong(check.name, error)
    except Exception as error:  # noqa: BLE001 - a check that fails says so, and the next is made
        message = f"not made: {type(error).__name__}: {error}"
        return Examined(check.name, "unknown", message, "defect", page_of("defect"))


def _wrong(check: str, error: LedgerError) -> Examined:
    message = str(error) or (type(error).__doc__ or "")
    return Examined(check, "wrong", message, error.code, page_of(error.code))
