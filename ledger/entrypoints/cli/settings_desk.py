"""`pulsa settings`: what is set, and where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import Options
from ledger.entrypoints.cli.output import AsJson, say_json
from ledger.entrypoints.cli.tabulating import say_table

if TYPE_CHECKING:
    from ledger.wiring.settings import Settings


def settings_(settings: Settings, options: Options, as_json: AsJson = False) -> int:
    """The settings in force, and where each came from. Secrets are hidden."""
    from ledger.wiring import settings as configuration

    rows = configuration.shown(settings, options)
    if as_json:
        say_json({row.name: {"value": row.value, "source": row.source} for row in rows})
    else:
        say_table(
            "", ["setting", "value", "source"], [[row.name, row.value or "", row.source] for row in rows]
        )
    return shell.DONE
