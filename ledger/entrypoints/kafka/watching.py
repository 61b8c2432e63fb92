"""What a writer does, told to whoever watches; and the line in its log for each thing that a person should see.

The log's lines name commands by their ids and positions. Numbers, customers, amounts and reasons are not among them.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from ledger.application.outcomes import Outcome
from ledger.store.kafka.records import Received

_log = structlog.get_logger()


class Watch:
    """Writes the log; what counts as well extends it."""

    def served(
        self, partition: int, outcomes: Sequence[Outcome], dead: Sequence[Received], seconds: float
    ) -> None:
        """A batch was decided and committed in that time."""
        _log.debug(
            "batch", partition=partition, commands=len(outcomes), dead=len(dead), seconds=round(seconds, 4)
        )
        for outcome in outcomes:
            _log.debug(
                "command",
                command_id=outcome.command_id,
                status=outcome.status,
                code=outcome.code,
                position=outcome.position,
            )
        for received in dead:
            command_id = "" if received.outcome is None else received.outcome.command_id
            place = f"{partition}:{received.offset}"
            _log.error("dead command", command_id=command_id, command_position=place)

    def set_apart(self, partition: int, command_ids: Sequence[str]) -> None:
        """What had to follow from recorded events could not be carried out, and waits to be sent again."""
        for command_id in command_ids:
            _log.error("policy set apart", partition=partition, command_id=command_id)

    def behind(self, partition: int, commands: int) -> None:
        """So many commands wait behind those that were decided last."""

    def taken_over(self, partition: int, seconds: float) -> None:
        """A partition is served from here on; its mirror was caught up in that time."""

    def policies_replaced(self, partition: int) -> None:
        """The topic of policies was made anew since its last answer: what lay there and was not answered is gone."""
        _log.error(
            "policies topic was made anew", partition=partition, see="pulsa dead-letters resend --in-transit"
        )

    def given_up(self, partition: int, code: str) -> None:
        """A partition is to be taken over again: what became of its last batch only the log can tell."""

    def left(self, partition: int) -> None:
        """The group has given a partition to another."""

    def fenced(self, partition: int) -> None:
        """Another writer has taken a partition over."""
