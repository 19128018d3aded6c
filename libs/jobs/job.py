"""A job: a name, what it is told, the function that does it, and the policy when it fails."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final

from pydantic import TypeAdapter

from libs.jobs.context import JobContext
from libs.kernel.errors import BacklineError, Forbidden, Invalid, NotFound, Rejected, TooLarge

HOPELESS: Final = (Invalid, Forbidden, NotFound, Rejected, TooLarge)
"""Answers that are the same however often one asks."""
_HOPELESS_KINDS: Final = frozenset(kind.kind for kind in HOPELESS)


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how patiently a job is tried.

    attempts_max         tries before the run is parked
    first_pause_seconds  between the first two; each further one is twice as long
    pause_seconds_max    and no longer than this. A pause is shortened by up to half, so that runs
                         that failed together are not tried together
    timeout_seconds      after which an attempt is ended, and has failed
    final_errors         errors that no retry mends, beside those of HOPELESS
    """

    attempts_max: int = 5
    first_pause_seconds: float = 1.0
    pause_seconds_max: float = 300.0
    timeout_seconds: float = 60.0
    final_errors: tuple[type[Exception], ...] = ()

    def pause_seconds(self, run_id: str, attempt: int) -> float:
        """How long to wait after an attempt has failed: always the same for the same one."""
        whole = min(self.pause_seconds_max, self.first_pause_seconds * 2.0 ** min(attempt - 1, 62))
        drawn = blake2b(f"{run_id} {attempt}".encode(), digest_size=4).digest()
        return whole * (1 - int.from_bytes(drawn) / 2**33)

    def is_final(self, error: Exception) -> bool:
        """Whether trying again would not help."""
        if isinstance(error, self.final_errors):
            return True
        return isinstance(error, BacklineError) and error.problem()["kind"] in _HOPELESS_KINDS


@dataclass(frozen=True)
class Job[A]:
    """A piece of work that a service knows how to do.

    name       `<service>.<kebab-case-name>`
    arguments  a message class, which what it is told is checked against
    run        does it: (arguments, context). May be done twice, when its worker dies at the wrong
               moment: what it sends goes through `context.send`, which has an effect once. What it
               raises is recorded, and shown to administrators
    """

    name: str
    arguments: type[A]
    run: Callable[[A, JobContext], Awaitable[None]]
    policy: Policy = Policy()

    @property
    def summary(self) -> str:
        """The first line of its function's docstring."""
        return (inspect.getdoc(self.run) or self.name).split("\n", 1)[0][:300]

    def read(self, arguments: Mapping[str, Any]) -> A:
        """What it is told, checked. raises   pydantic's ValidationError"""
        return self._adapter.validate_python(dict(arguments))

    @cached_property
    def _adapter(self) -> TypeAdapter[A]:
        return TypeAdapter(self.arguments)
