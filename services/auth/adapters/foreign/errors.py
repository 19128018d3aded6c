"""What can go wrong with somebody else's word about who a person is.

    ForeignError
    ├── Misconfigured      misconfigured       what we were told of a provider, or it tells of
                                               itself, does not fit
    ├── Unreachable        unreachable         it does not answer, is slow, or has enough of us for
                                               now
    ├── AnswerRefused      answer-refused      it answered with what we do not read
    ├── Declined           declined            the person, or the provider, said no
    ├── ResponseRefused    response-refused    who comes back is not who we sent there
    ├── CodeRefused        code-refused        the provider does not take the code: used, expired,
                                               of another client
    ├── RenewalRefused     renewal-refused     the provider does not take the refresh token any more
    └── TokenRefused       token-refused       a token is not good, or not for us

`code` is stable, `reason` tells more and is stable too where it is an enumeration here. Neither
ever holds a token, an address, or text that came from outside: both can be logged.
"""

from enum import StrEnum
from typing import ClassVar


class ForeignError(Exception):
    """The root. Raise one of its kinds, never this."""

    code: ClassVar[str]

    def __init__(self, reason: str) -> None:
        super().__init__(f"{self.code}: {reason}")
        self.reason = reason


class Misconfigured(ForeignError):
    code = "misconfigured"


class Unreachable(ForeignError):
    code = "unreachable"


class AnswerRefused(ForeignError):
    code = "answer-refused"


class Declined(ForeignError):
    code = "declined"


class ResponseFlaw(StrEnum):
    """Why the way back is not taken."""

    PROVIDER = "provider"
    STATE = "state"
    ISSUER = "issuer"
    CODE = "code"


class ResponseRefused(ForeignError):
    code = "response-refused"

    def __init__(self, flaw: ResponseFlaw) -> None:
        super().__init__(flaw)
        self.flaw = flaw


class CodeRefused(ForeignError):
    code = "code-refused"


class RenewalRefused(ForeignError):
    code = "renewal-refused"


class Flaw(StrEnum):
    """Why a token is refused."""

    OVERSIZED = "oversized"
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    KEY = "key"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    AUTHORIZED_PARTY = "authorized-party"
    SUBJECT = "subject"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    KIND = "kind"
    NONCE = "nonce"
    ACCESS_TOKEN_HASH = "access-token-hash"  # noqa: S105  # The name of a flaw.


class TokenRefused(ForeignError):
    code = "token-refused"

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.flaw = flaw
