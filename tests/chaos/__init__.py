"""Chaos: parts are killed, suspended and taken away under load, and no acknowledged vote is lost.

    make chaos                                       every fault some times, in random order
    make chaos ARGS="--rounds 100 --seed 7"          a night of it, the same again
    make chaos ARGS="--fault kill-nats --rounds 5"   one of them
    pytest -m powerloss tests/chaos                  the power is cut (needs root)

A round is: votes flow, a fault strikes, votes flow again, everything comes to rest, and what was
promised is held against the log, the tally, the screens of those who watch, and a read model built
from nothing. What is found is reported by fault; one broken promise fails the run.
"""
