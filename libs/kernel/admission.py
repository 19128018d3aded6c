"""Who may pass: what a contract asks of a caller, and what their token was narrowed to.

Two kinds of token are less than their user. That of an API key has a *scope*: it does what the
scope names, and of who somebody is it reads one thing. That of an administrator who acts as
somebody else changes nothing of who that somebody is.
"""

from collections.abc import Collection
from typing import Final

from libs.kernel.errors import Forbidden, Unauthenticated
from libs.kernel.messages import Access, Caller, CommandSpec, QuerySpec

IDENTITY: Final = "auth"
"""The service that says who somebody is, and by what they show it."""

OPEN_TO_KEYS: Final = "auth.get-me"
"""All that a scope can name of it."""

OPEN_WHILE_IMPERSONATING: Final = "auth.end-impersonation"
"""The one change of it that somebody else may make in a user's name."""

ALL_OF: Final = ".*"


class ScopeMissing(Forbidden):
    code = "scope-missing"
    title = "This key may not do this."


class Impersonating(Forbidden):
    code = "impersonating"
    title = "While you act as somebody else, you cannot change their account."


def admit(spec: CommandSpec | QuerySpec, caller: Caller) -> None:
    """Let a caller pass who may use this command or query.

    raises  Unauthenticated when signing in would help, Forbidden when it would not
    """
    if caller.scope is not None and not covers(caller.scope, spec.name):
        raise ScopeMissing(f"the key has no scope for {spec.name}")
    if caller.impersonator:
        refuse_impersonated(spec)
    if spec.access.admits(caller):
        return
    if caller.access == Access.PUBLIC:
        raise Unauthenticated(f"{spec.name} is for those who have signed in")
    raise Forbidden(f"{spec.name} needs to be {spec.access.name.lower()}")


def covers(scope: Collection[str], name: str) -> bool:
    """Whether a scope names a command or query: itself, or all of its service (`catalog.*`)."""
    service = name.partition(".")[0]
    if service == IDENTITY:
        return name == OPEN_TO_KEYS and name in scope
    return name in scope or service + ALL_OF in scope


def is_grantable(name: str) -> bool:
    """Whether a scope may hold this: nothing that a key could make more of itself with."""
    return name == OPEN_TO_KEYS or name.partition(".")[0] != IDENTITY


def refuse_impersonated(spec: CommandSpec | QuerySpec) -> None:
    """Let what an impersonated user does pass. raises   Impersonating"""
    is_change = isinstance(spec, CommandSpec) and spec.service == IDENTITY
    if is_change and spec.name != OPEN_WHILE_IMPERSONATING:
        raise Impersonating(f"{spec.name} is for the user alone")
