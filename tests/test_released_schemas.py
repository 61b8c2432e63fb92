"""The schemas fit every version that was ever released, and what would not fit is found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.schema_compatibility import KINDS, SCHEMAS, Schema, faults, files, parsed, releases

NOW = files(SCHEMAS)


def test_there_is_a_release_of_every_kind() -> None:
    assert [folder.name for folder in releases()] == [str(n + 1) for n in range(len(releases()))]
    assert {name.partition("/")[0] for folder in releases() for name in files(folder)} == set(KINDS)


@pytest.mark.parametrize("release", releases(), ids=lambda folder: f"release-{folder.name}")
def test_what_was_released_is_still_there_and_fits_both_ways(release: Any) -> None:
    for name, path in files(release).items():
        assert name in NOW, f"{name} was released and is gone: a log may hold it"
        assert faults(NOW[name].read_text("utf-8"), path.read_text("utf-8")) == [], name


def test_releases_fit_one_another() -> None:
    for older in releases():
        for newer in releases():
            theirs = files(newer)
            for name, path in files(older).items():
                if name in theirs:
                    assert faults(theirs[name].read_text("utf-8"), path.read_text("utf-8")) == []


BEFORE: Schema = {
    "type": "record",
    "name": "Some",
    "namespace": "ledger.test",
    "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "amount", "type": "long"},
        {"name": "note", "type": ["null", "string"], "default": None},
        {
            "name": "lines",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Line",
                    "fields": [{"name": "day", "type": {"type": "int", "logicalType": "date"}}],
                },
            },
        },
    ],
}


def changed(change: str) -> str:
    """The schema above after a change."""
    schema: Schema = json.loads(json.dumps(BEFORE))
    by_name = {field["name"]: field for field in schema["fields"]}
    line = by_name["lines"]["type"]["items"]["fields"]
    match change:
        case "nothing":
            pass
        case "a field with a default":
            schema["fields"].append({"name": "more", "type": ["null", "long"], "default": None})
        case "a doc and a form":
            by_name["amount"] |= {"doc": "Sen.", "form": "amount"}
        case "a field in a line with a default":
            line.append({"name": "more", "type": "long", "default": 0})
        case "a field without default":
            schema["fields"].append({"name": "more", "type": "long"})
        case "a field removed":
            schema["fields"].remove(by_name["amount"])
        case "a field renamed":
            by_name["amount"]["name"] = "sum"
        case "long to string":
            by_name["amount"]["type"] = "string"
        case "long to int":
            by_name["amount"]["type"] = "int"
        case "a union gains a branch":
            by_name["note"]["type"].append("long")
        case "optional":
            by_name["amount"]["type"] = ["null", "long"]
        case "millis for micros":
            by_name["at"]["type"]["logicalType"] = "timestamp-millis"
        case "an instant becomes a number":
            by_name["at"]["type"] = "long"
        case "a day becomes a number":
            line[0]["type"] = "int"
        case "another namespace":
            schema["namespace"] = "ledger.other"
        case "another name":
            schema["name"] = "Other"
        case _:
            raise ValueError(change)
    return json.dumps(schema)


@pytest.mark.parametrize(
    "change", ["nothing", "a field with a default", "a doc and a form", "a field in a line with a default"]
)
def test_what_is_compatible_is_found_so(change: str) -> None:
    assert faults(changed(change), json.dumps(BEFORE)) == []


@pytest.mark.parametrize(
    "change",
    [
        "a field without default",
        "a field removed",
        "a field renamed",
        "long to string",
        "long to int",
        "a union gains a branch",
        "optional",
        "millis for micros",
        "an instant becomes a number",
        "a day becomes a number",
        "another namespace",
        "another name",
    ],
)
def test_what_is_not_compatible_is_found_so(change: str) -> None:
    assert faults(changed(change), json.dumps(BEFORE)) != []


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"record","name":"A","fields":[{"name":"x","type":"long","default":"one"}]}',
        '{"type":"record","name":"A","fields":[{"name":"x","type":"long"},{"name":"x","type":"long"}]}',
    ],
)
def test_what_only_one_library_refuses_is_refused(text: str) -> None:
    with pytest.raises(Exception, match=r"(?i)default|in use|exists|duplicate"):
        parsed(text)
