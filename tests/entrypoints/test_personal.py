"""Persons at the desk: the values go to the vault, the names of fields to the log, and nobody reads unrecorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.entrypoints.pulsa import Pulsa

CUSTOMER = "customer/CAB3DE4FG5HI6JK7LM8NO"
RARE = {
    "name": "Bagaskara Quetzalcoatl",
    "identity-number": "3273010101900001",
    "email": "b.quetzalcoatl@example.net",
    "address": "Jalan Xochimilco 77, Bandung",
    "bank-account": "9988776655443322",
}
AT = "2024-03-01T10:00:00+07:00"


@pytest.fixture
def desk(tmp_path: Path) -> Pulsa:
    key = tmp_path / "keys" / "vault.key"
    pulsa = Pulsa(tmp_path, PULSA_VAULT_KEY=str(key), PULSA_NOW=AT)
    pulsa.done("vault", "new-key", str(key))
    return pulsa


def _register(desk: Pulsa, *more: str, values: dict[str, str] = RARE, to: str = "register") -> list[str]:
    own = ("--terms", "privacy-smarty", "--source", "gallery") if to == "register" else ()
    feed = json.dumps(values)
    result = desk("customer", to, CUSTOMER, "--values", "-", *own, "--at", AT, *more, feed=feed)
    return [str(result.exit_code), result.stdout]


def _show(desk: Pulsa) -> dict[str, str]:
    asked = ("--fields", ",".join(RARE), "--by", "staff-3", "--reason", "asked-by-customer")
    (shown,) = desk.json("customer", "show", CUSTOMER, *asked)
    return dict(shown)


def _everywhere(folder: Path) -> list[str]:
    """Which of the person's values stand in which file."""
    return [
        f"{path.name}: {field}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for field, value in RARE.items()
        if value.encode() in path.read_bytes()
    ]


@pytest.mark.clause("PS-01")
def test_who_a_person_is_stands_in_the_vault_and_in_no_file_in_clear(desk: Pulsa) -> None:
    assert _register(desk)[0] == "0"
    assert _show(desk) == RARE
    desk.done("report", "trial-balance")
    desk.done("log", "verify")
    assert _everywhere(desk.folder) == []
    (event,) = desk.json("log", "events", "--type", "CustomerRegistered")
    assert [kept["field"] for kept in event["data"]["fields"]] == list(RARE)
    assert not any(value in json.dumps(event) for value in RARE.values())


def test_who_read_and_why_is_told(desk: Pulsa) -> None:
    _register(desk)
    assert desk.json("customer", "readings", CUSTOMER) == []
    _show(desk)
    (read,) = desk.json("customer", "readings", CUSTOMER)
    assert (read["reader"], read["reason"], read["fields"]) == ("staff-3", "asked-by-customer", sorted(RARE))


@pytest.mark.parametrize(
    ("option", "said"),
    [("--by", RARE["email"]), ("--reason", f"NIK {RARE['identity-number']}"), ("--fields", ",")],
)
def test_what_is_kept_of_who_has_read_tells_of_nobody(desk: Pulsa, option: str, said: str) -> None:
    _register(desk)
    asked = {"--fields": "name", "--by": "staff-3", "--reason": "asked-by-customer"} | {option: said}
    result = desk("customer", "show", CUSTOMER, *(word for pair in asked.items() for word in pair))
    assert (result.exit_code, RARE["name"] in result.output) == (2, False)
    if option != "--fields":
        assert said not in result.output
        del asked["--fields"]
        out = desk.folder / "out.zip"
        handed = ("d-1", *(word for pair in asked.items() for word in pair))
        assert desk("customer", "hand-out", CUSTOMER, *handed).exit_code == 2
        own = (str(out), *(word for pair in asked.items() for word in pair), "--now", AT)
        assert (desk("customer", "access", CUSTOMER, *own).exit_code, out.exists()) == (2, False)
    assert "nobody has read" in desk.done("customer", "readings", CUSTOMER)


def test_the_same_command_again_is_the_same_and_a_refused_one_leaves_nothing(desk: Pulsa) -> None:
    assert _register(desk, "--command-id", "r-1")[0] == "0"
    assert "repeated" in _register(desk, "--command-id", "r-1")[1]
    assert _register(desk, "--command-id", "r-2", values={"name": "Another"})[0] == "1"
    assert _register(desk, "--command-id", "r-3", values={"religion": "x"}, to="rectify")[0] == "1"
    assert _show(desk) == RARE
    assert _register(desk, "--command-id", "r-4", values={"email": "new@example.net"}, to="rectify")[0] == "0"
    assert _show(desk)["email"] == "new@example.net"


@pytest.mark.parametrize(
    "given", [CUSTOMER.removeprefix("customer/"), "6288112345678", "breach/b-1", "log@0"]
)
def test_what_is_no_customer_is_told_so_and_nothing_is_journaled(desk: Pulsa, given: str) -> None:
    _register(desk)
    asked = ("give-consent", given, "--purpose", "offers", "--channel", "care", "--at", AT)
    result = desk("customer", *asked)
    assert (result.exit_code, "customer/" in result.output) == (1, True)
    assert [one["command"] for one in desk.json("log", "journal")] == ["RegisterCustomer"]
    shown = desk("customer", "show", given, "--fields", "name", "--by", "s", "--reason", "r")
    assert (shown.exit_code, "customer/" in shown.output) == (2, True)


def test_whoever_is_named_with_the_prefix_or_without_one_by_mistake_is_told_what_to_write(
    desk: Pulsa,
) -> None:
    own = CUSTOMER.removeprefix("customer/")
    asked = ("--channel", "sms-4444", "--customer", CUSTOMER, "--registration", "verified", "--at", AT)
    refused = desk("number", "activate", "6288112345678", *asked)
    assert (refused.exit_code, f"write {own}, without customer/" in " ".join(refused.output.split())) == (
        1,
        True,
    )
    line = {"command": "GiveConsent", "customer": own, "purpose": "offers", "channel": "care"}
    taken = desk("ingest", "-", feed=json.dumps(line | {"command_id": "g-1", "at": AT}) + "\n")
    assert (taken.exit_code, f"write {CUSTOMER}" in " ".join(taken.output.split())) == (1, True)
    assert "msisdn" not in taken.output


def test_who_is_restricted_or_nobody_is_not_shown(desk: Pulsa) -> None:
    asked = ("customer", "show", CUSTOMER, "--fields", "name", "--by", "s", "--reason", "r")
    assert desk.json("log", "create") == [{"partitions": 1}]
    assert desk(*asked).exit_code == 1
    _register(desk)
    desk.done("customer", "restrict", CUSTOMER, "--channel", "care", "--at", AT)
    result = desk(*asked)
    assert (result.exit_code, RARE["name"] in result.output) == (1, False)
    desk.done("customer", "lift-restriction", CUSTOMER, "--channel", "care", "--at", AT)
    assert RARE["name"] in desk.done(*asked)


@pytest.mark.clause("PM-05", "PM-06")
def test_what_fell_due_holds_though_nobody_recorded_it(desk: Pulsa) -> None:
    """Of e-mail a year after the registration, of the whole person three days after consent is withdrawn."""
    _register(desk)
    order = ("--to", "agency-1", "--ground", "support", "--fields", "name,email", "--approved-by", "staff-2")
    desk.done(
        "customer", "disclose", CUSTOMER, *order, "--actor", "staff-1", "--command-id", "d-1", "--at", AT
    )
    asked = ("--by", "s", "--reason", "r", "--json", "--now")
    for verb in (("show", CUSTOMER, "--fields", "name,email"), ("hand-out", CUSTOMER, "d-1")):
        for now, there in (
            ("2025-03-01T09:59:59.999999", {"name", "email"}),
            ("2025-03-01T10:00:00", {"name"}),
        ):
            found = desk.json("customer", *verb, *asked[:-2], "--now", f"{now}+07:00")
            assert set(found[0]) == there
    desk.done(
        "customer", "withdraw-consent", CUSTOMER, "--purpose", "processing", "--channel", "care", "--at", AT
    )
    show = ("customer", "show", CUSTOMER, "--fields", "name", *asked)
    assert RARE["name"] in desk.done(*show, "2024-03-04T09:59:59.999999+07:00")
    for late in (show, ("customer", "access", CUSTOMER, str(desk.folder / "person.zip"), *asked)):
        assert "the person is erased" in desk(*late, "2024-03-04T10:00:00+07:00").output
    assert not (desk.folder / "person.zip").exists()


@pytest.mark.clause("PS-03", "PM-02")
def test_what_was_released_is_handed_out_as_it_was_then_and_again_the_same(desk: Pulsa) -> None:
    _register(desk)
    order = ("--to", "police-jkt", "--ground", "law", "--fields", "email,name", "--reference", "order-7")
    by = ("--approved-by", "staff-2", "--actor", "staff-1", "--at", AT, "--command-id", "d-1")
    handed = ("customer", "hand-out", CUSTOMER, "d-1", "--by", "staff-1", "--reason", "order-7")
    assert (desk(*handed).exit_code, desk.json("customer", "readings", CUSTOMER)) == (1, [])
    desk.done("customer", "disclose", CUSTOMER, *order, *by)
    for _ in range(2):
        desk.done("customer", "disclose", CUSTOMER, *order, *by)
        assert desk.json(*handed) == [{name: RARE[name] for name in ("email", "name")}]
        _register(desk, values={"email": "another@example.net"}, to="rectify")
    assert _show(desk)["email"] == "another@example.net"
    read = [one["reader"] for one in desk.json("customer", "readings", CUSTOMER)]
    assert read == ["staff-3", "staff-1", "staff-1"]
    desk.done("customer", "restrict", CUSTOMER, "--channel", "care", "--at", AT)
    result = desk(*handed)
    assert (result.exit_code, RARE["name"] in result.output) == (1, False)
    assert _everywhere(desk.folder) == []


def test_a_key_is_changed_for_another(desk: Pulsa) -> None:
    _register(desk)
    new = desk.folder / "keys" / "new.key"
    desk.done("vault", "new-key", str(new))
    desk.done("vault", "rotate", "--new-key", str(new))
    asked = ("customer", "show", CUSTOMER, "--fields", "name", "--by", "s", "--reason", "r")
    assert desk.complaint(*asked).startswith("vault-key-wrong: ")
    assert RARE["name"] in desk.done(*asked, PULSA_VAULT_KEY=str(new))


@pytest.mark.parametrize(
    "feed",
    [
        "",
        "[]",
        "{}",
        '{"name": 7}',
        '{"name": ""}',
        "nonsense",
        "\x00",
        "[" * 90_000,
        r'{"name": "\ud800"}',
        '{"A B": "name"}',
        '{"name": "Budi", "name": "Budi"}',
    ],
    ids=lambda feed: feed[:20],
)
def test_values_that_are_none_leave_nothing(desk: Pulsa, feed: str) -> None:
    own = ("--terms", "privacy-smarty", "--source", "gallery", "--at", AT)
    result = desk("customer", "register", CUSTOMER, "--values", "-", *own, feed=feed)
    assert (result.exit_code, "defect" in result.output) == (2, False)


def test_a_value_of_several_lines_does_not_look_like_other_fields(desk: Pulsa) -> None:
    _register(desk, values={"address": "Jalan Mawar 1\nname: Another", "name": RARE["name"]})
    asked = ("customer", "show", CUSTOMER, "--fields", "address,name", "--by", "s", "--reason", "r")
    assert desk.done(*asked).splitlines() == [
        "address: Jalan Mawar 1",
        "  name: Another",
        f"name: {RARE['name']}",
    ]


def test_without_a_key_nothing_is_taken(desk: Pulsa) -> None:
    own = ("--terms", "privacy-smarty", "--source", "gallery", "--at", AT)
    result = desk(
        "customer", "register", CUSTOMER, "--values", "-", *own, feed=json.dumps(RARE), PULSA_VAULT_KEY=None
    )
    assert (result.exit_code, "settings-invalid" in result.stderr) == (2, True)


def test_where_nothing_is_found_what_was_looked_for_is_named(desk: Pulsa) -> None:
    """Somebody is registered, and has no number and no contract."""
    _register(desk)
    assert desk.done("customer", "list").startswith("no customer has a contract\n")
    assert desk.done("customer", "list", "--in-debt").startswith("no customer is in debt\n")
    assert desk.done("customer", "preferences").startswith("nobody who is registered holds a number\n")


def test_without_its_master_key_no_vault_is_made(desk: Pulsa) -> None:
    asked = desk("customer", "readings", CUSTOMER, PULSA_VAULT_KEY=str(desk.folder / "none.key"))
    assert (asked.exit_code, "key-unusable" in asked.output) == (2, True)
    assert not list(desk.folder.rglob("*vault.db"))


@pytest.mark.parametrize("verb", ["show", "hand-out", "access"])
def test_why_nobody_is_shown_is_no_answer_for_programs(desk: Pulsa, verb: str) -> None:
    own = {"show": ["--fields", "name"], "hand-out": ["order-7"], "access": [str(desk.folder / "a.zip")]}[
        verb
    ]
    who = ("--by", "staff-3", "--reason", "asked", "--json")
    _register(desk)
    nobody = desk("customer", verb, "customer/CZZ3DE4FG5HI6JK7LM8NO", *own, *who)
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert nobody.stderr.startswith("pulsa: unknown-customer: customer/CZZ3DE4FG5HI6JK7LM8NO")
    if verb == "hand-out":
        nothing = desk("customer", verb, CUSTOMER, *own, *who)
        assert (nothing.exit_code, nothing.stdout) == (1, "")
