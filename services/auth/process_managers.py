"""What news of users asks for: mails that are wanted are sent, keys of the erased destroyed; who
left is erased, and the usernames that were given up are free, when their time has come.
"""

from collections.abc import Sequence

from contracts.auth_accounts import SignUpRepeated, UserErased
from contracts.auth_mail import MailKind, MailWanted
from contracts.auth_private import DeliverMail, DestroyKey, EraseUser, WantMail
from contracts.auth_profile import UserLeft, UsernameChosen, UsernameRetired, UserReturned
from contracts.auth_profile_private import FreeUsername
from libs.kernel.ids import derive_id
from libs.kernel.reactions import Cancel, ProcessManager, Reaction, Schedule, Send
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
            name="endings",
            log="auth",
            aggregate="user",
            events=(UserLeft, UserReturned, UserErased, UsernameRetired, UsernameChosen),
            react=bring_to_an_end,
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


def bring_to_an_end(recorded: Recorded) -> Sequence[Reaction]:
    """Whoever left is erased at the hour they were told, unless they have come back, and whoever is
    erased has no key any more; a username that was given up is free at its hour, unless it is taken
    back.
    """
    match recorded.data:
        case UserLeft(user_id=user_id, erased_at=hour):
            return [Schedule(user_id, hour, EraseUser(user_id=user_id, due_at=hour))]
        case UserReturned(user_id=user_id):
            return [Cancel(user_id)]
        case UserErased(user_id=user_id):
            return [Send(DestroyKey(user_id=user_id)), Cancel(user_id)]
        case UsernameRetired(user_id=user_id, name=name, free_at=hour):
            free = FreeUsername(user_id=user_id, name=name, due_at=hour)
            return [Schedule(f"{user_id}.{name}", hour, free)]
        case UsernameChosen(user_id=user_id, name=name):
            return [Cancel(f"{user_id}.{name}")]
        case _:
            return []
