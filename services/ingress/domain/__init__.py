"""The deciders of ingress."""

from services.ingress.domain.inbox import INBOX
from services.ingress.domain.messages import MESSAGE
from services.ingress.domain.objects import OBJECT
from services.ingress.domain.payloads import PAYLOADS
from services.ingress.domain.webhooks import WEBHOOK

__all__ = ["INBOX", "MESSAGE", "OBJECT", "PAYLOADS", "WEBHOOK"]
