"""Usernames on their way in: looked at, and turned into what they are claimed under."""

from contracts.auth_profile import ChangeProfile
from contracts.auth_profile_private import SetProfile
from libs.kernel.messages import Origin
from services.auth.adapters.digests import Digests
from services.auth.domain.usernames import checked, skeleton


class Usernames:
    """The resolver of `auth.change-profile`, and the names of usernames."""

    def __init__(self, digests: Digests) -> None:
        self._digests = digests

    def name(self, username: str) -> str:
        """What a username is claimed under; of something that could be none, what nobody has."""
        return self._digests.username_name(skeleton(username))

    async def change_profile(self, command: ChangeProfile, origin: Origin) -> SetProfile:
        """The same, its username one that may be had. raises   UsernameInvalid, UsernameReserved"""
        username = command.username
        return SetProfile(
            user_id=origin.actor,
            username=username,
            username_name=self.name(checked(username)) if username else None,
            display_name=command.display_name,
            bio=command.bio,
            avatar=command.avatar,
            links=command.links,
            metadata=command.metadata,
        )
