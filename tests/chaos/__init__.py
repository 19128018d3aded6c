"""Chaos: parts are killed, suspended and taken away under load, and no acknowledged vote is lost.

    make chaos                                       every fault some times, in random order
    make chaos ARGS="--rounds 100 --seed 7"          a night of it, the same again
    make chaos ARGS="--fault kill-nats --rounds 5"   one of them
    make chaos ARGS="--jobs"                         under scheduled jobs
    make chaos ARGS="--syncs"                        under syncs with partners that fail, too
    make chaos ARGS="--webhooks"                     under webhooks
    pytest -m powerloss tests/chaos                  the power is cut (needs root)

A round is: votes flow, a fault strikes, votes flow again, everything comes to rest, and what was
promised is held against the log, the tally, the screens of those who watch, and a read model built
from nothing. What is found is reported by fault; one broken promise fails the run.

Jobs, syncs and webhooks have rounds of their own, in a house (`house.py`) that runs what they need
and no more: something is killed in each, it is started again, and what was promised is counted when
everything has come to its end.
"""
