"""A mail: that it has left, or never will.

Stream      evt.auth.mail.{mail_id}
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.auth_accounts import MailReceipt
from contracts.auth_mail import MailRefused, MailSent
from contracts.auth_private import RecordMail
from libs.kernel.decider import Decider
from libs.kernel.messages import Origin

type MailEvent = MailSent | MailRefused


@dataclass(slots=True)
class Mail:
    """The state."""

    is_done: bool = False


def decide(command: RecordMail, mail: Mail, _origin: Origin) -> Sequence[MailEvent]:
    """It is recorded once, also when it had to be sent twice."""
    if mail.is_done:
        return []
    recorded = MailRefused if command.is_refused else MailSent
    return [recorded(mail_id=command.mail_id, user_id=command.user_id)]


def evolve(mail: Mail, _event: MailEvent) -> Mail:
    """It is done with."""
    mail.is_done = True
    return mail


def answer(
    _command: RecordMail, _events: Sequence[MailEvent], _mail: Mail, _origin: Origin
) -> MailReceipt:
    """Nothing to tell."""
    return MailReceipt()


MAIL = Decider(
    aggregate="mail",
    commands=(RecordMail,),
    events=(MailSent, MailRefused),
    state=Mail,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
