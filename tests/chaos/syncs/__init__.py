"""Syncs while the catalog and its servers are killed, and the partners fail: nothing lost, nothing
told twice, nothing read from the beginning again.

`partners` is the sandbox, what its partners tell in each round, and how they fail; `laws` what must
be true afterwards; `rounds` the rounds, once with faults and once in peace.
"""
