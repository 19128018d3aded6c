"""Questions to the read models of ingress."""

from libs.readmodel import Queries
from services.ingress.queries import deliveries, webhooks

QUERIES: Queries = {**deliveries.QUERIES, **webhooks.QUERIES}
