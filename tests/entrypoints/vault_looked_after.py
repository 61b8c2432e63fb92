"""A vault at a desk: persons are registered and shown, it is held against the log, and whoever does so is killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.entrypoints.pulsa import Pulsa

ONE, TWO = "customer/CAB3DE4FG5HI6JK7LM8NO", "customer/CZZ3DE4FG5HI6JK7LM8NO"
THREE = "customer/CXX3DE4FG5HI6JK7LM8NO"
NAME = {"name": "Bagaskara Quetzalcoatl"}
AT, MUCH_LATER = "2024-03-01T10:00:00+07:00", "2024-03-20T10:00:00+07:00"


def looked_after(folder: Path) -> Pulsa:
    """A desk with a vault, its master key, and a folder for the months' keys."""
    key = folder / "keys" / "vault.key"
    key.parent.mkdir()
    months = str(folder / "keys" / "months")
    pulsa = Pulsa(folder, PULSA_VAULT_KEY=str(key), PULSA_VAULT_BACKUP_KEYS=months, PULSA_NOW=AT)
    pulsa.done("vault", "new-key", str(key))
    return pulsa


def register(desk: Pulsa, customer: str = ONE, *more: str, at: str = AT, **values: str) -> str:
    own = ("--values", "-", "--terms", "privacy-smarty", "--source", "gallery", "--at", at)
    return desk("customer", "register", customer, *own, *more, feed=json.dumps(NAME | values)).output


def rectify(desk: Pulsa, customer: str = ONE, *more: str, **values: str) -> str:
    feed = json.dumps(values)
    return desk("customer", "rectify", customer, "--values", "-", "--at", AT, *more, feed=feed).output


def shown(customer: str = ONE) -> tuple[str, ...]:
    return ("customer", "show", customer, "--fields", "name", "--by", "staff-3", "--reason", "asked")


def kinds(desk: Pulsa, now: str = MUCH_LATER, *more: str) -> list[tuple[str, str]]:
    result = desk("vault", "check", "--json", "--now", now, *more)
    return [(one["kind"], one["about"]) for one in map(json.loads, result.stdout.splitlines())]


def vault_of(desk: Pulsa) -> Path:
    return desk.folder / "pulsa.db.vault.db"


class Killed(BaseException):
    """The process ends here."""


def kill(patch: pytest.MonkeyPatch, owner: type, name: str, *, after: bool) -> None:
    there: Callable[..., object] = getattr(owner, name)

    def killed(*arguments: object, **named: object) -> None:
        if after:
            there(*arguments, **named)
        raise Killed

    patch.setattr(owner, name, killed)
