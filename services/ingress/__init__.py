"""Webhooks: what partners push to us, and what they are told by us."""
