"""What can go wrong between us and a partner, by what is done about it.

PartnerTrouble
├── Away      nobody there, too slow, or broken on their side: later again
├── Limited   we have asked too much: again when they say
├── Denied    they do not know us: a person must look at our credentials
├── Absent    they know no such thing
└── Garbled   an answer that cannot be read: this page is left out, if there is a next one
"""


class PartnerTrouble(Exception):
    """The root. Says what happened without credentials: addresses are told without parameters."""

    def __init__(self, reason: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class Away(PartnerTrouble):
    pass


class Limited(PartnerTrouble):
    pass


class Denied(PartnerTrouble):
    pass


class Absent(PartnerTrouble):
    pass


class Garbled(PartnerTrouble):
    pass
