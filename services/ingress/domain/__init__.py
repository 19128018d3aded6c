"""The deciders of ingress."""

from services.ingress.domain.inbox import INBOX
from services.ingress.domain.objects import OBJECT
from services.ingress.domain.payloads import PAYLOADS

__all__ = ["INBOX", "OBJECT", "PAYLOADS"]
