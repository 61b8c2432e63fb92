"""A new document of terms, made from the model of its product: every key with what it does and takes, ready to be said.

What a document must say, and a tariff as an example, stands there; all else behind a `#`.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import Any

from ledger.domain.rules import A_TEXT, Rule
from ledger.domain.sections import Section
from ledger.domain.terms import Terms
from ledger.domain.terms_keys import Key, keys_of
from ledger.terms.wording import title_of, words_of

_WIDTH = 100
_SHORT = 3
"""Keys of a section that stands in a line."""
_NOTHING: tuple[Any, ...] = (None, [], (), "")
_EXPLAINED_ABOVE = ("clause", "source")
_EXAMPLE = "tariffs"
"""What stands there although a document need not say it."""
_HOW_TO = (
    "A key behind a # without a blank may be said: take the # away. Money and prices are strings. A rule",
    "names the clause of the document that says so, and as its source where the values were published.",
    "`pulsa terms check FILE` says what is wrong; docs/terms-reference.md has every key.",
)


def draft(model: type[Terms], terms_id: str) -> str:
    """The text of a new document, which is valid as it is."""
    given = {"id": terms_id, "title": terms_id, "product": model.DEFAULTS["product"]}
    head = [f"# {title_of(model)}", "#", *(f"# {line}" for line in _HOW_TO), ""]
    return "\n".join([*head, *_keys(model, given, "", said=True)]).rstrip() + "\n"


def _keys(section: type[Section], given: Mapping[str, Any], path: str, *, said: bool) -> Iterator[str]:
    """The lines of a section's keys; `given` are values that hold where nothing is said, `said` whether it is."""
    keys = keys_of(section).values()
    for key in (key for key in keys if not _is_table(key)):
        stated = said and (key.required or key.name in given or key.name == "product")
        value = _inline(key, given.get(key.name, key.default))
        if key.name not in _EXPLAINED_ABOVE:
            yield from _comment(_told(key, given))
        yield f"{'' if stated else '#'}{key.name} = {value}"
    yield ""
    for key in filter(_is_table, keys):
        assert key.section is not None  # noqa: S101 - what a table is
        stated = said and (key.required or key.name == _EXAMPLE)
        place = f"{path}{key.name}"
        default = given.get(key.name, key.default)
        yield from _comment(_told(key, given))
        yield f"{'' if stated else '#'}{f'[[{place}]]' if key.many else f'[{place}]'}"
        held = default if isinstance(default, dict) and not stated else {}
        yield from _keys(key.section, held, f"{place}.", said=stated)


def _is_table(key: Key) -> bool:
    """Whether it is a section that takes lines of its own: a rule, a long one, or one with sections in it."""
    if key.section is None:
        return False
    keys = keys_of(key.section).values()
    is_long = len(keys) > _SHORT and not key.many
    return issubclass(key.section, Rule) or is_long or any(inner.section is not None for inner in keys)


def _told(key: Key, given: Mapping[str, Any]) -> str:
    """What a key does and takes, and what holds where it is not said."""
    told = [words_of(key)]
    if _is_table(key):
        return told[0]
    if key.section is not None:
        told += (f"{one.name}: {words_of(one)}" for one in keys_of(key.section).values())
    elif key.one != A_TEXT.words:
        told.append(f"It is {key.takes}.")
    if not key.required:
        default = given.get(key.name, key.default)
        told.append(f"Not said: {'none' if default in _NOTHING else _toml(default)}.")
    return " ".join(told)


def _inline(key: Key, default: Any) -> str:  # noqa: ANN401 - any JSON
    """A value in a line: what holds where nothing is said, or else an example."""
    if default not in _NOTHING:
        return _toml(default)
    one = _toml(key.example) if key.section is None else _in_braces(key.section)
    return f"[{one}]" if key.many else one


def _in_braces(section: type[Section]) -> str:
    pairs = (f"{name} = {_inline(key, key.default)}" for name, key in keys_of(section).items())
    return f"{{ {', '.join(pairs)} }}"


def _toml(value: Any) -> str:  # noqa: ANN401 - any JSON
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items() if one is not None)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH - 2, break_on_hyphens=False, break_long_words=False):
        yield f"# {line}"
