"""Scheduled jobs while nats-server, the scheduler and workers are killed: none lost, none doubled.

`stamps` is the service whose jobs they are, `house` what runs and how it is hurt, `rounds` the
rounds and what must be true after them.
"""
