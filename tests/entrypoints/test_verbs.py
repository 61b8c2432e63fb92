"""One verb for each command: what it takes, what it answers, and its exit code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger.domain.kinds import COMMANDS
from ledger.entrypoints.cli.branches import paths
from tests.entrypoints.pulsa import NUMBER, OTHER, SP23, START, Pulsa

LATER = "2023-07-03T11:00:00+07:00"


def test_every_public_command_has_one_verb_and_no_internal_one(pulsa: Pulsa) -> None:
    verbs = [(path, verb.does) for path, verb in paths() if ":" not in verb.does]
    of_persons = ["RectifyCustomer", "RegisterCustomer"]  # whose values go into the vault first
    assert sorted([*of_persons, *(command for _, command in verbs)]) == sorted(
        name for name, command in COMMANDS.items() if not command.INTERNAL
    )
    for path, _ in verbs:
        assert "--command-id" in pulsa.done(*path.split(), "--help")


def test_a_subscriber_goes_through_his_life_by_verbs(pulsa: Pulsa) -> None:
    pulsa.active()
    pulsa.active(OTHER)
    verbs = [
        "credit top-up NUMBER --credit 50000 --price 51000 --channel app --command-id top-1",
        "credit reverse-top-up NUMBER --reverses top-1 --reason mistake --approved-by staff-2",
        "credit top-up NUMBER --credit 100000 --price 101000 --channel app",
        "credit charge NUMBER --amount 1000.50 --item ringtone",
        "usage record NUMBER --service sms --direction incoming --destination free --zone z --used-at NOW --quantity 1",
        "credit reserve NUMBER --reservation r1 --amount 500 --expires-at 2023-07-04T00:00:00Z --service data",
        "credit capture NUMBER --reservation r1 --amount 0",
        "credit reserve NUMBER --reservation r2 --amount 500 --expires-at 2023-07-04T00:00:00Z",
        "credit release NUMBER --reservation r2",
        "number block NUMBER --block b1 --scope outgoing --ground lost-or-stolen",
        "number unblock NUMBER --block b1",
        f"number replace-card NUMBER --iccid {'ab' * 32} --identity-checked",
        "number request-transfer NUMBER --request q1 --to-customer customer-2",
        "number decide-transfer NUMBER --request q1 --decision approved --decided-by staff-1",
        "credit adjust NUMBER --amount -0.5 --reason rounding --approved-by staff-2 --actor staff-1",
        "number migrate NUMBER --terms smartfren-prepaid-2025",
        "number advance NUMBER",
    ]
    for verb in verbs:
        (outcome,) = pulsa.json(
            *verb.replace("NUMBER", NUMBER).replace("NOW", LATER).split(),
            "--now",
            LATER,
        )
        assert outcome["status"] == "accepted", verb
    assert pulsa.json("log", "verify")[0]["clean"]


def test_an_accepted_command_says_what_happened(pulsa: Pulsa) -> None:
    pulsa.active()
    top_up = (
        "credit",
        "top-up",
        "0881-1234-5678",
        "--credit",
        "10000",
        "--price",
        "11000",
        "--channel",
        "app",
    )
    said = pulsa.done(*top_up, "--command-id", "t1", "--at", LATER)
    event = "  CreditToppedUp on 6288112345678#1, version 3: credit Rp 10.000"
    assert said.splitlines() == ["accepted: command t1, position 0:5", event]
    again = pulsa.done(*top_up, "--command-id", "t1", "--at", LATER)
    assert again.splitlines() == ["repeated: command t1, position 0:5", event]


def test_an_id_that_is_not_given_is_made_and_told(pulsa: Pulsa) -> None:
    pulsa.active()
    made = {pulsa.json("number", "advance", NUMBER, "--now", LATER)[0]["command_id"] for _ in range(3)}
    assert len(made) == 3
    for command_id in made:
        assert pulsa.json("log", "outcome", NUMBER, command_id)[0]["status"] == "accepted"


def test_a_refusal_is_exit_code_one_and_an_answer_like_any_other(pulsa: Pulsa) -> None:
    refused = pulsa("number", "advance", NUMBER, "--json", "--now", START)
    assert refused.exit_code == 0
    refused = pulsa(
        "number", "unblock", NUMBER, "--block", "b", "--command-id", "u", "--json", "--now", START
    )
    assert refused.exit_code == 1
    outcome = json.loads(refused.stdout)
    assert outcome["status"] == "refused"
    assert outcome["refusal"]["code"] == "unknown-account"
    said = pulsa("number", "unblock", NUMBER, "--block", "b", "--command-id", "u", "--now", START)
    assert said.exit_code == 1
    assert said.stdout.splitlines()[1].startswith("  unknown-account: The number has no account.")


def test_what_is_not_well_formed_is_refused_as_invalid(pulsa: Pulsa) -> None:
    issue = ("number", "issue", NUMBER, "--terms", SP23, "--valid-until", "2030-12-31", "--now", START)
    refused = pulsa(*issue, "--printed-credit", "+5", "--json")
    assert refused.exit_code == 1
    outcome = json.loads(refused.stdout)
    assert outcome["refusal"]["code"] == "invalid"
    assert "printed_credit: not an amount" in outcome["refusal"]["message"]
    assert outcome["events"] == []
    assert pulsa.events() == []


def test_an_option_that_is_missing_or_unknown_is_a_wrong_use_in_one_line(pulsa: Pulsa) -> None:
    helps = "; `pulsa number unblock --help` says what it takes"
    assert pulsa.complaint("number", "unblock", NUMBER) == f"usage: Missing option '--block'{helps}"
    assert pulsa.complaint("number", "unblock") == f"usage: Missing argument 'MSISDN'{helps}"
    assert pulsa.complaint("number", "unblock", NUMBER, "--blok", "x").startswith(
        "usage: No such option: --blok"
    )
    assert pulsa.complaint("number", "unblok", NUMBER) == (
        "usage: No such command 'unblok'. Did you mean 'unblock', 'block'?"
    )
    assert not pulsa.log.exists()


@pytest.mark.parametrize("said", ["budi-santoso", "CAB3DE4FG5HI6JK7LM8N", "Cab3DE4FG5HI6JK7LM8NO"])
def test_a_live_log_registers_nobody_under_an_id_that_may_say_something(pulsa: Pulsa, said: str) -> None:
    key = pulsa.folder / "vault.key"
    live = Pulsa(pulsa.folder, PULSA_CLOCK=None, PULSA_LOG="live.db", PULSA_VAULT_KEY=str(key))
    live.done("vault", "new-key", str(key))
    own = ("--values", "-", "--terms", "privacy-smarty", "--source", "gallery")
    refused = live("customer", "register", f"customer/{said}", *own, feed='{"name": "Budi"}')
    assert (refused.exit_code, "made at random" in " ".join(refused.output.split())) == (1, True)
    values: dict[str, Any] = {
        "command": "RegisterCustomer",
        "command_id": "r-1",
        "customer": f"customer/{said}",
    }
    values |= {"terms": "privacy-smarty", "source": "web", "values": {"name": "Budi"}}
    assert live("ingest", "-", feed=json.dumps(values) + "\n").exit_code == 1
    assert [one["type"] for one in live.events() if "customer" in one["type"]] == []
    assert "clean" in live.done("vault", "check")
    live.done("customer", "register", "customer/CAB3DE4FG5HI6JK7LM8NO", *own, feed='{"name": "Budi"}')


def test_a_live_log_dates_commands_itself(pulsa: Pulsa) -> None:
    live = Pulsa(pulsa.folder, PULSA_CLOCK=None, PULSA_LOG="live.db")
    refused = live("number", "advance", NUMBER, "--at", START)
    assert refused.exit_code == 1
    assert "at: a live log takes its own clock's time" in refused.stdout
    assert live.complaint("number", "advance", NUMBER, "--now", START).startswith("settings-invalid: ")
    issue = ("number", "issue", NUMBER, "--terms", SP23, "--printed-credit", "0")
    live.done(*issue, "--valid-until", "2099-12-31")
    created, *_, issued = live.events()
    assert created["data"]["clock"] == "live"
    assert issued["recorded_at"] > "2024"
