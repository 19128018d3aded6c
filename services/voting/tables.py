"""The read models of voting, one set of tables per projection.

tally   ballots and their candidates, each candidate with its votes
votes   every single vote that stands, and who predicted a show best
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY

TALLY = "tally"
VOTES = "votes"

# ---------------------------------------------------------------------------------- tally

tally_tables = MetaData()

ballots = Table(
    "ballots",
    tally_tables,
    Column("show_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("opens_at", DateTime(timezone=True)),
    Column("closes_at", DateTime(timezone=True)),
    Column("reopens", Boolean, nullable=False),
    Column("votes_per_voter", Integer, nullable=False),
    Column("changeable", Boolean, nullable=False),
    Column("played", ARRAY(Text)),
    Column("predicted", ARRAY(Text)),
    Column("hits", ARRAY(Text)),
    Column("changed_position", BigInteger, nullable=False),
    Index("ballots_changed", "changed_position"),
)
"""`changed_position` is that of the newest event about the ballot itself; votes do not move it."""

candidates = Table(
    "candidates",
    tally_tables,
    Column("show_id", Text, primary_key=True),
    Column("song_id", Text, primary_key=True),
    Column("place", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("votes", BigInteger, nullable=False),
)

# ---------------------------------------------------------------------------------- votes

votes_tables = MetaData()

votes = Table(
    "votes",
    votes_tables,
    # The voter first: this one index finds the votes of a voter, for one show and for all.
    Column("voter_id", Text, primary_key=True),
    Column("show_id", Text, primary_key=True),
    Column("song_id", Text, primary_key=True),
    Column("vote_id", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("position", BigInteger, nullable=False),
    Index("votes_show", "show_id"),
)

leaders = Table(
    "leaders",
    votes_tables,
    Column("show_id", Text, primary_key=True),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("voter_id", Text, nullable=False),
    Column("hits", Integer, nullable=False),
    Column("votes", Integer, nullable=False),
)
"""Of each finalized show the first places of its leaderboard, as many as may be asked for."""
