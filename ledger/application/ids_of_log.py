"""What a log has: numbers, or tokens in their place; never both."""

from __future__ import annotations

from ledger.domain.commands import Command
from ledger.domain.ids import is_of_line, is_token
from ledger.domain.refusals import Invalid
from ledger.errors import IdsMismatch

NUMBERS, TOKENS = "numbers", "tokens"
_NUMBERS_ALONE = "msisdn: this log has numbers, and no tokens in their place"
_TOKENS_ALONE = (
    "msisdn: this log has tokens in place of numbers, T and 20 characters of A to Z, 2 to 7, and no numbers"
)


class IdsOfLog:
    """Which of them a log has: as it says itself, else as its other partitions do, else as is asked for, or numbers."""

    def __init__(self, asked: str | None, others: str | None) -> None:
        self._asked = asked
        self.said = others or asked or NUMBERS
        self._are_tokens = self.said == TOKENS

    @property
    def to_say(self) -> str | None:
        """What a log's first event says of it: of numbers nothing, as in logs of before."""
        return None if self.said == NUMBERS else self.said

    def found(self, said: str | None) -> None:
        """Takes in what the log's first event says."""
        self.said = said or NUMBERS
        self._are_tokens = self.said == TOKENS

    def must_be_those_asked_for(self) -> None:
        """Raises IdsMismatch."""
        if self._asked not in (None, self.said):
            raise IdsMismatch(f"the log has {self.said}, and {self._asked} were asked for")

    def must_fit(self, command: Command, subject: str) -> None:
        """Raises Invalid where a command of a subject says a number in a log of tokens, or the other way round."""
        if is_token(subject) is self._are_tokens and not command.NUMBERS:
            return
        for number in (subject, *(getattr(command, name) for name in command.NUMBERS)):
            if is_of_line(number) and is_token(number) is not self._are_tokens:
                raise Invalid(_TOKENS_ALONE if self._are_tokens else _NUMBERS_ALONE)
