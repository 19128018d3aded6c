"""The bus: commands to a slot's owner, queries to whoever reads, over core NATS request/reply."""

from libs.bus.client import Answer, Bus
from libs.bus.server import Handler, serve_queries

__all__ = ["Answer", "Bus", "Handler", "serve_queries"]
