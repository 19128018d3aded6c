"""The projections of ingress: what was received, and what is sent."""

from services.ingress.projections.deliveries import DELIVERIES
from services.ingress.projections.webhooks import WEBHOOKS

PROJECTIONS = (DELIVERIES, WEBHOOKS)
