"""A mail: that it has left.

Stream      evt.auth.mail.{mail_id}
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.auth_accounts import MailReceipt, MailSent
from contracts.auth_private import RecordMail
from libs.kernel.decider import Decider
from libs.kernel.messages import Origin


@dataclass(slots=True)
class Mail:
    """The state."""

    is_sent: bool = False


def decide(command: RecordMail, mail: Mail, _origin: Origin) -> Sequence[MailSent]:
    """It is recorded once, also when it had to be sent twice."""
    return [] if mail.is_sent else [MailSent(mail_id=command.mail_id, user_id=command.user_id)]


def evolve(mail: Mail, _event: MailSent) -> Mail:
    """It has left."""
    mail.is_sent = True
    return mail


def answer(
    _command: RecordMail, _events: Sequence[MailSent], _mail: Mail, _origin: Origin
) -> MailReceipt:
    """Nothing to tell."""
    return MailReceipt()


MAIL = Decider(
    aggregate="mail",
    commands=(RecordMail,),
    events=(MailSent,),
    state=Mail,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
