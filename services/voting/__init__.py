"""Voting: ballots of candidate songs, one vote for each voter, tallies that move live, predictions
scored.
"""
