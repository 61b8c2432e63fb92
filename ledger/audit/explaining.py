"""Whether a journal entry explains the events that were written for it: its own, what fell due, what followed.

Between one entry's position and the next lie the events of that next entry's command, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ledger.domain.calendar import format_instant
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import POLICY_IDS, subject_of
from ledger.domain.kinds import COMMANDS, after_event, after_refusal, is_keyed
from ledger.domain.partition.events import ClosedThrough, CommandSetApart
from ledger.domain.refusals import REFUSALS
from ledger.domain.subject import CLOCK, DUE, due_id
from ledger.store.codec import Codec

_CLOSING = ("CloseThrough", "AdvanceDue")
"""What the clock says to a whole partition: what falls due with it is of any number there."""


_Key = tuple[str, str]
"""A command by its subject and its id: what one event brings about on several subjects may have one id."""


class Entry(NamedTuple):
    """A row of the journal."""

    entry: int
    subject: str
    command_id: str
    name: str
    command_digest: bytes
    command: bytes
    at: int
    code: str | None
    message: str | None
    ordinal: int
    first_event: int
    event_count: int
    chain: bytes
    principal: str | None


class Explanation:
    """An entry, and the events that came with it, one after the other."""

    def __init__(
        self,
        entry: Entry,
        codec: Codec,
        is_here: Callable[[str], bool] = lambda _: True,
        is_journaled: Callable[[Command], bool] = lambda _: False,
    ) -> None:
        self.entry = entry
        command = COMMANDS.get(entry.name)
        self._own_are_due = command is not None and command.OWN_IS_DUE
        self.unreadable = False
        """Whether one of the events cannot be read: then they cannot be told apart."""
        self._codec = codec
        self._first = 0
        self._count = 0
        self._last = 0
        self._subjects = {entry.subject}
        self._expected: dict[_Key, Command] = {}
        self._later: dict[_Key, Command] = {}
        """What had to follow and has an entry of its own: it came from elsewhere, or was set apart and sent again."""
        self._elsewhere: dict[_Key, Command] = {}
        """What had to follow in another partition; it may be set apart here before it is sent."""
        self._causes: dict[_Key, int] = {}
        """The ordinal of the event from which each command had to follow."""
        self._ordinal = 0
        self._carried_out: dict[_Key, tuple[bytes, str]] = {}
        """The digest and the actor of each policy's command that has an event here."""
        self._refused: set[str] = set()
        self._is_here, self._is_journaled = is_here, is_journaled
        if entry.command_id.startswith(POLICY_IDS) and entry.code in REFUSALS:
            self._expect_return(entry)

    def take(self, ordinal: int, event: Event) -> Iterator[str]:
        """What is wrong with an event of the entry's, if anything is."""
        self._ordinal = ordinal
        if is_keyed(event.account):
            number = subject_of(event.account)
            if event.command_id.startswith(DUE):
                yield from self._due(ordinal, event, number)
            elif event.command_id.startswith(POLICY_IDS) and event.command_id != self.entry.command_id:
                yield from self._policy(event)
            else:
                yield from self._own(ordinal, event, number)
        elif isinstance(event, ClosedThrough):
            yield from self._own(ordinal, event, event.account)
        elif isinstance(event, CommandSetApart):
            yield from self._set_apart(event)
        elif event.command_id != self.entry.command_id or event.command_digest != self.entry.command_digest:
            yield f"it is not of the command {self.entry.command_id}, with which it was written"

    def faults(self) -> Iterator[str]:
        """What is wrong with the entry, now that all its events are known."""
        entry = self.entry
        if self.unreadable:
            return
        if (self._first, self._count) != (entry.first_event, entry.event_count):
            yield (
                f"it names {entry.event_count} events from position {entry.first_event} on as its own;"
                f" they are {self._count} from {self._first} on"
            )
        for (_, command_id), command in self._expected.items():
            if not (command.MAY_COME_TO_NOTHING or self._is_returned_elsewhere(command)):
                yield f"what had to follow is not there: {command_id}"
        if (entry.code is None) != (entry.message is None):
            yield "it has a refusal's code without a message, or a message without a code"
        if entry.code is not None and entry.code not in REFUSALS:
            yield f"no refusal has the code {entry.code}"
        if entry.code is not None and self._count and self._refused != {entry.code}:
            yield f"it was refused with {entry.code}, and yet has events of its own"
        if entry.code is None and self._refused:
            yield "it was accepted, and yet a use was refused"

    def came_to_nothing(self) -> Iterator[tuple[Command, int | None]]:
        """The policies' commands of which no event came, as they may: whoever is addressed tells whether they should.

        The entry's own, where it came from another partition, and what followed here, with the ordinal of its cause.
        """
        entry = self.entry
        own = COMMANDS.get(entry.name)
        if own is not None and own.MAY_COME_TO_NOTHING and entry.code is None and not entry.event_count:
            try:
                yield self._codec.command(entry.name, entry.command, entry.at), None
            except Exception:  # noqa: BLE001 - whatever damaged bytes do; the entry's own check tells
                return
        for key, command in self._expected.items():
            yield command, self._causes[key]

    def _counts(self, ordinal: int) -> Iterator[str]:
        if self._count and ordinal != self._last + 1:
            yield "other events stand between it and the command's own event before"
        self._first = self._first or ordinal
        self._last = ordinal
        self._count += 1

    def _own(self, ordinal: int, event: Event, number: str) -> Iterator[str]:
        entry = self.entry
        if event.command_id != entry.command_id or number != entry.subject:
            yield f"the journal has no command {event.command_id} of {number} here"
            return
        if event.command_digest != entry.command_digest:
            yield "its command's digest is not that of the journal"
        if event.recorded_at != entry.at and entry.name not in _CLOSING:
            yield f"it was recorded at another instant than the command, at {format_instant(entry.at)}"
        yield from self._counts(ordinal)
        if event.SAYS_REFUSAL:
            self._refused.add(vars(event)["refusal"])
        for command in after_event(event):
            self._expect(command)

    def _due(self, ordinal: int, event: Event, number: str) -> Iterator[str]:
        name = due_id(event.account, event.name, event.effective_at)
        about = event.command_id.removeprefix(f"{name}/")
        named = event.command_id == name or about in {x for x in vars(event).values() if isinstance(x, str)}
        if not named or event.command_digest is not None or event.actor != CLOCK:
            yield f"it fell due, and should name {name} as its cause, and the clock"
        for command in after_event(event):
            self._expect(command)
        if self.entry.name in _CLOSING:
            return
        if number not in self._subjects:
            yield f"it fell due on a number that the command {self.entry.command_id} has nothing to do with"
        if self._own_are_due and number == self.entry.subject and not self._carried_out:  # its own come first
            yield from self._counts(ordinal)

    def _policy(self, event: Event) -> Iterator[str]:
        """An event of what followed; a policy's command may bring about several."""
        key = (subject_of(event.account), event.command_id)
        command = self._expected.pop(key, None)
        if command is None and key not in self._carried_out:
            command = self._returned(event.command_id, getattr(event, "refusal", None), self._expected)
        if command is not None:
            digest = self._codec.command_digest(command, self._codec.command_content(command))
            self._carried_out[key] = (digest, command.actor)
        carried_out = self._carried_out.get(key)
        if carried_out is None:
            yield "its cause is not there"
            return
        if (event.command_digest, event.actor) != carried_out:
            yield "it does not follow from its cause as it stands"
        for following in after_event(event):
            self._expect(following)

    def _returned(self, command_id: str, code: str | None, among: dict[_Key, Command]) -> Command | None:
        """The command of that id that follows from the refusal (with that code, if it says so) of one of those."""
        codes = REFUSALS if code is None else {code} & REFUSALS.keys()
        for refused in list(among.values()):
            for one in codes:
                for following in after_refusal(refused, REFUSALS[one]()):
                    if following.command_id == command_id:
                        self._expected.pop(_key(refused), None)
                        return following
        return None

    def _set_apart(self, event: CommandSetApart) -> Iterator[str]:
        """What had to follow and could not be carried out: it stands here as it would have been."""
        id_ = event.apart_id
        waiting = (self._expected, self._later, self._elsewhere)
        command = next((found for among in waiting if (found := _taken(among, id_)) is not None), None)
        said = self._codec.command(event.command, event.content, event.recorded_at) if event.content else None
        if command is None and said is not None:
            open_ = self._expected | self._later
            command = self._returned(said.command_id, getattr(said, "refusal", None), open_)
        if command is None:
            yield "its cause is not there"
        elif said is not None and said != command:
            yield "it does not follow from its cause as it stands"

    def _expect_return(self, entry: Entry) -> None:
        """What follows from a policy's command that came from another partition, and was refused here."""
        try:
            command = self._codec.command(entry.name, entry.command, entry.at)
        except Exception:  # noqa: BLE001 - whatever damaged bytes do; the entry's own check tells
            return
        for following in after_refusal(command, REFUSALS[entry.code or ""]()):
            self._expect(following)

    def _is_returned_elsewhere(self, command: Command) -> bool:
        """Whether it may have been refused, so that what follows from that was sent to another partition."""
        return any(
            not self._is_here(following.subject)
            for refusal in REFUSALS.values()
            for following in after_refusal(command, refusal())
        )

    def _expect(self, command: Command) -> None:
        if not self._is_here(command.subject):
            self._elsewhere[_key(command)] = command
            return
        if self._is_journaled(command):
            self._later[_key(command)] = command
            return
        self._expected[_key(command)] = command
        self._causes[_key(command)] = self._ordinal
        self._subjects.add(command.subject)


def _key(command: Command) -> _Key:
    return command.subject, command.command_id


def _taken(among: dict[_Key, Command], command_id: str) -> Command | None:
    """What is waited for under an id, whoever it is about; it is waited for no more."""
    key = next((key for key in among if key[1] == command_id), None)
    return None if key is None else among.pop(key)
