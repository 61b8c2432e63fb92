"""Processes that tests fork begin with most of it imported: nobody says otherwise, and no name is passed over."""

from __future__ import annotations

import sys

from tests.processes import BEGIN_WITH, Forked


def _tell() -> int:
    sys.stdout.write(" ".join(name for name in BEGIN_WITH if name in sys.modules))
    return 0


def test_what_they_are_to_begin_with_is_imported() -> None:
    with Forked(_tell) as forked:
        code, printed, logged = forked.done()
    assert (code, logged) == (0, "")
    assert printed.split() == BEGIN_WITH
