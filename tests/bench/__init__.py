"""Benchmarks: what Backline promises about speed, each figure beside its peers in the same run.

    make bench                                     everything, written to docs/benchmarks/
    make bench ARGS="hot-show idle-vote --quick"   some of it, on the screen

Machines differ and are shared; what holds is the ratio between what ran side by side. So the rounds
of a figure and of its peers take turns, and the report states how fast this machine ran an empty
loop.
"""
