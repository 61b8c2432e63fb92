"""Persons: the cast first, then those who refuse offers and allow them again. Nobody else's chance is theirs.

Who they are nobody knows: their fields have names, and a digest of values that there are not.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Callable, Iterator

from ledger.domain.calendar import DAY, HOUR
from ledger.simulation import msisdns
from ledger.simulation.cast import SP23
from ledger.simulation.contract_cast import CHIEF, SE23, STAFF, ContractRole
from ledger.simulation.draws import Draws
from ledger.simulation.feed import BEGINNING, OF_PERSONS, CommandRow, Feed, end_of

POLICY = "privacy-smarty"
OFFERS, BY_TELEPHONE = "offers", "600-600"
"""What is refused and allowed again, and how: by dialling `*600*600#`."""
_APART = 9_131_597
"""What their seed is apart from the others' by."""
_REFUSE, _ALLOW = 400, 900
"""Of whom may be made offers, and of whom may not, those who change their minds in a day, in 100,000."""


class PersonRole(ContractRole):
    """One of the cast who is registered."""

    def __init__(self, feed: Feed, index: int, terms: str) -> None:
        super().__init__(feed, index, terms)
        self.msisdn = msisdns.of_person(index)
        self.customer = id_of(index)

    def asks(self, day: int, clock: str, command: str, **own: object) -> CommandRow:
        """Something is asked about the person."""
        return self.feed.tell(self.when(day, clock), command, customer=f"customer/{self.customer}", **own)

    def registers(self, day: int = 0) -> None:
        """By name and e-mail."""
        own = {"terms": POLICY, "source": "gallery", "fields": ["name", "email"]}
        self.asks(day, "08:00", "RegisterCustomer", digest=_digest(self.customer), **own)

    def is_erased(self, day: int) -> None:
        """Somebody decides that, and another one approves."""
        own = {"decided_by": STAFF, "approved_by": CHIEF, "actor": STAFF}
        self.asks(day, "13:00", "ErasePerson", **own)


def refuses_offers(role: PersonRole) -> None:
    """Refuses them by telephone, agrees to partners, is disclosed, and allows offers again."""
    role.registers()
    role.registers(1)
    role.starts()
    own = {"digest": _digest("again"), "fields": ["phone"]}
    role.asks(3, "10:00", "RectifyCustomer", **own)
    role.asks(4, "10:00", "RectifyCustomer", digest=_digest("religion"), fields=["religion"])
    for day in (5, 6):
        role.asks(day, "20:00", "WithdrawConsent", purpose=OFFERS, channel=BY_TELEPHONE)
    disclosed = {"to": "bank-1", "ground": "partner", "fields": ["email"], "approved_by": CHIEF}
    role.asks(7, "10:00", "Disclose", **disclosed, actor=STAFF)
    role.asks(8, "10:00", "GiveConsent", purpose="partners", channel="care")
    role.asks(9, "10:00", "Disclose", **disclosed, actor=STAFF)
    role.asks(10, "10:00", "RestrictProcessing", channel="care")
    role.asks(11, "10:00", "Disclose", **disclosed, actor=STAFF)
    role.asks(20, "10:00", "LiftRestriction", channel="care")
    role.asks(40, "20:00", "GiveConsent", purpose=OFFERS, channel=BY_TELEPHONE)


def is_answered_late(role: PersonRole) -> None:
    """Asks for what is kept, and is answered after the limit; asks again, and is answered in time (PM-03)."""
    role.registers()
    role.starts()
    role.asks(10, "10:00", "RequestAccess", request="access-a", channel="care")
    role.asks(11, "10:00", "RequestAccess", request="access-b", channel="care")
    role.asks(15, "10:00", "AnswerAccess", request="access-a", digest=_digest("a"))
    role.asks(20, "10:00", "RequestAccess", request="access-c", channel="settings")
    role.asks(21, "10:00", "AnswerAccess", request="access-c", digest=_digest("c"))
    role.asks(27, "10:00", "RequestAccess", request="access-d", channel="care")
    breach = {"breach": "breach/laptop-a", "actor": STAFF}
    own = {"terms": POLICY, "scope": "lost-laptop-a", "fields": ["name"], "persons": 2}
    role.feed.tell(role.when(22, "10:00"), "RecordBreach", discovered_at=role.instant(21), **own, **breach)
    for to, day in (("authority", 23), ("persons", 26)):
        role.feed.tell(role.when(day, "10:00"), "NotifyBreach", to=to, reference=f"letter-{day}", **breach)
    other = breach | {"breach": "breach/laptop-b"}
    role.feed.tell(role.when(24, "10:00"), "NotifyBreach", to="persons", reference="letter-24", **other)


def takes_consent_back(role: PersonRole) -> None:
    """Withdraws consent to everything, gives it again in time; withdraws it for good, and the number ends (PM-05)."""
    role.registers()
    role.starts()
    processing = {"purpose": "processing", "channel": "settings"}
    role.asks(10, "10:00", "WithdrawConsent", **processing)
    role.asks(12, "10:00", "GiveConsent", **processing)
    role.use(13, "10:00")
    role.asks(14, "10:00", "WithdrawConsent", **processing)
    role.asks(14, "11:00", "RequestErasure", request="erasure-a", channel="settings")
    role.asks(14, "12:00", "RequestErasure", request="erasure-b", channel="settings")
    role.use(18, "10:00")
    role.asks(27, "10:00", "GiveConsent", **processing)


def cannot_be_erased_for_a_debt(role: PersonRole) -> None:
    """A bill is open after the contract's end; once it is paid, the erasure goes on by itself (PM-06)."""
    role.registers()
    role.opens(plan="elite-100")
    role.use(3, "19:00", quantity=240, destination="off-net")
    role.say(40, "10:00", "Terminate", ground="1", actor=STAFF)
    role.is_erased(41)
    role.pays_in(90, "cash-1", "900000", "cash")
    role.say(92, "10:00", "RefundAdvance", bank_cost="0", reference="back-1", account=f"{role.msisdn}#1")


def cannot_be_erased_for_a_deposit(role: PersonRole) -> None:
    """Money of the customer is held after the contract's end."""
    role.registers()
    role.opens(plan="elite-100")
    role.leaves_a_deposit(2, "2000000")
    role.say(10, "10:00", "Terminate", ground="1", actor=STAFF)
    role.is_erased(11)


def cannot_be_erased_for_a_dispute(role: PersonRole) -> None:
    """A dispute is open, and a case runs; both end, and the person is forgotten."""
    role.registers()
    role.starts()
    top_up = role.top_up(2, "10:00", "50000")
    own = {"about": "top-up", "claimed": "60000", "unit": "PULSA", "reason": "amount"}
    role.say(3, "10:00", "OpenDispute", dispute="C-1", refers_to=top_up, opened_by=role.customer, **own)
    role.asks(4, "10:00", "SetPersonHold", reference="case-a")
    role.asks(4, "11:00", "LiftPersonHold", reference="case-b")
    role.say(5, "10:00", "Terminate", ground="l", actor=STAFF)
    role.is_erased(6)
    role.asks(8, "10:00", "LiftPersonHold", reference="case-a")
    decided = {
        "decision": "rejected",
        "reason": "not-shown",
        "decided_by": STAFF,
        "account": f"{role.msisdn}#1",
    }
    role.say(20, "10:00", "DecideDispute", dispute="C-1", **decided, actor=STAFF)
    role.is_erased(25)
    role.asks(26, "10:00", "GiveConsent", purpose=OFFERS, channel="care")


def is_unknown(role: PersonRole) -> None:
    """Has a number and was never registered: nobody can say what offers are to be made."""
    role.starts()
    role.asks(10, "20:00", "WithdrawConsent", purpose=OFFERS, channel=BY_TELEPHONE)


_CAST: tuple[tuple[str, Callable[[PersonRole], None]], ...] = (
    (SP23, refuses_offers),
    (SP23, is_answered_late),
    (SP23, takes_consent_back),
    (SE23, cannot_be_erased_for_a_debt),
    (SE23, cannot_be_erased_for_a_deposit),
    (SP23, cannot_be_erased_for_a_dispute),
    (SP23, is_unknown),
)
PERSONS_CAST = len(_CAST)
"""How many persons have their lives written down."""


def commands(persons: int, months: int, seed: int) -> Iterator[CommandRow]:
    """The commands of so many persons, in the order of their `at`."""
    if not persons:
        return
    feed, draws = Feed(OF_PERSONS), Draws(seed + _APART)
    for index, (terms, live) in enumerate(_CAST[:persons]):
        live(PersonRole(feed, index, terms))
    end = end_of(months)
    refusing: dict[int, bool] = {}
    for index in range(PERSONS_CAST, persons):
        role = PersonRole(feed, index, SP23)
        day = draws.below((end - BEGINNING) // DAY)
        role.registers(day)
        role.starts(day)
        refusing[day * persons + index] = False
    for midnight in range(BEGINNING, end, DAY):
        today = (midnight - BEGINNING) // DAY
        for key, refuses in refusing.items():
            day, index = divmod(key, persons)
            if day < today and draws.chance(_ALLOW if refuses else _REFUSE):
                refusing[key] = not refuses
                feed.tell(
                    midnight + draws.between(8, 21) * HOUR,
                    "GiveConsent" if refuses else "WithdrawConsent",
                    customer=f"customer/{id_of(index)}",
                    purpose=OFFERS,
                    channel=BY_TELEPHONE,
                )
        yield from feed.until(midnight + DAY)


def id_of(index: int) -> str:
    """The random id of a person, which is the same whoever asks."""
    return "C" + b32encode(hashlib.sha256(f"person {index}".encode()).digest()).decode()[:20]


def _digest(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()
