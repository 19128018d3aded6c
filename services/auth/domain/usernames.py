"""What usernames look like, and which of them nobody may have.

Two usernames are one when they look alike: compared is their *skeleton*, as Unicode's security
mechanisms make it of the letters, here within ASCII and without case. Everything beyond ASCII is
refused, and with it the look-alikes of other scripts.

source    Unicode Technical Standard 39, section 4; its confusables.txt has, of the characters that
          a username may hold, 0 for O, 1 and I for l, and m for rn. That w looks like vv, and that
          i is I to who does not see capitals, is ours.
source    RFC 2142 for the mailboxes among the reserved names
"""

import re
from typing import Final

from contracts.auth_profile import UsernameInvalid, UsernameReserved

_USERNAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{2,29}")
_ALIKE: Final = str.maketrans({"0": "o", "1": "l", "i": "l", "m": "rn", "w": "vv"})
_SEPARATORS: Final = str.maketrans("", "", "_.-")

_RESERVED: Final = """
    abuse account accounts admin administration administrator admins anonymous api app apps auth
    backline backstage billing blog bot bots careers catalog chat cdn config contact crew customer
    daemon deleted dev developer developers dns docs download email erased everyone example faq
    feedback files ftp gateway guest help helpdesk home hostmaster http https imap info internal
    invoice jobs legal live localhost login logout mail mailer mailer-daemon marketing member
    members mod moderation moderator moderators mods money news nobody none noc noreply no-reply
    null official operator owner password payment payments ping policy pop postmaster press privacy
    profile public register robot robots root sales sec security service services session settings
    shop shows sign-in signin sign-out signout sign-up signup site smtp ssl staff static status
    steward store superuser support sys sysadmin system team tech terms test tickets token tour
    trust undefined unknown usenet user username users uucp verified verify voting webmaster
    websocket wheel www
"""


def skeleton(username: str) -> str:
    """What a username looks like: the same for all that are easily taken for it."""
    return username.lower().translate(_ALIKE)


def checked(username: str) -> str:
    """A username that somebody may have. raises   UsernameInvalid, UsernameReserved"""
    if not _USERNAME.fullmatch(username):
        raise UsernameInvalid
    if _without_separators(username) in _NOT_TO_BE_HAD:
        raise UsernameReserved
    return username


def _without_separators(username: str) -> str:
    return skeleton(username.translate(_SEPARATORS))


_NOT_TO_BE_HAD: Final = frozenset(map(_without_separators, _RESERVED.split()))
