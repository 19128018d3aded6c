"""What news of users asks for: mails that are wanted are sent, keys of the erased destroyed."""

from collections.abc import Sequence

from contracts.auth_accounts import MailKind, MailWanted, SignUpRepeated, UserErased
from contracts.auth_private import DeliverMail, DestroyKey, WantMail
from libs.kernel.ids import derive_id
from libs.kernel.reactions import ProcessManager, Reaction, Send
from libs.kernel.recorded import Recorded


def process_managers() -> list[ProcessManager]:
    """All of auth's."""
    return [
        ProcessManager(
            name="mails",
            log="auth",
            aggregate="user",
            events=(MailWanted, SignUpRepeated),
            react=send_mail,
        ),
        ProcessManager(
            name="erasures",
            log="auth",
            aggregate="user",
            events=(UserErased,),
            react=destroy_key,
        ),
    ]


def send_mail(recorded: Recorded) -> Sequence[Reaction]:
    """A wanted mail goes out; whoever signs up twice is told so by mail."""
    match recorded.data:
        case MailWanted() as wanted:
            mail = DeliverMail(mail_id=wanted.mail_id, user_id=wanted.user_id, kind=wanted.kind)
            return [Send(mail)]
        case SignUpRepeated(user_id=user_id):
            mail_id = derive_id(recorded.id, "mail")
            kind = MailKind.ACCOUNT_EXISTS
            return [Send(WantMail(user_id=user_id, mail_id=mail_id, kind=kind))]
        case _:
            return []


def destroy_key(recorded: Recorded) -> Sequence[Reaction]:
    """Whoever is erased has no key any more."""
    match recorded.data:
        case UserErased(user_id=user_id):
            return [Send(DestroyKey(user_id=user_id))]
        case _:
            return []
