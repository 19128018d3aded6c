"""The read model of the catalog: its records as rows, what was played, and how often."""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Time,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

artists = Table(
    "artists",
    metadata,
    Column("artist_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("external_ids", JSONB, nullable=False),
)

venues = Table(
    "venues",
    metadata,
    Column("venue_id", Text, primary_key=True),
    Column("name", Text),
    Column("city", Text),
    Column("region", Text),
    Column("country", Text),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("external_ids", JSONB, nullable=False),
)

songs = Table(
    "songs",
    metadata,
    Column("song_id", Text, primary_key=True),
    Column("artist_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("original_artist", Text),
    Column("release", Text),
    Column("external_ids", JSONB, nullable=False),
    Index("songs_artist", "artist_id"),
)

shows = Table(
    "shows",
    metadata,
    Column("show_id", Text, primary_key=True),
    Column("artist_id", Text, nullable=False),
    Column("local_date", Date, nullable=False),
    Column("local_time", Time),
    Column("time_zone", Text),
    Column("number_that_day", Integer),
    Column("venue_id", Text),
    Column("status", Text, nullable=False),
    Column("tour", Text),
    Column("url", Text),
    Column("external_ids", JSONB, nullable=False),
    Index("shows_day", "local_date", "show_id"),
    Index("shows_artist_day", "artist_id", "local_date", "show_id"),
)

setlists = Table(
    "setlists",
    metadata,
    Column("show_id", Text, primary_key=True),
    Column("song_count", Integer, nullable=False),
    Column("external_ids", JSONB, nullable=False),
)

performances = Table(
    "performances",
    metadata,
    Column("show_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("set_number", Integer, nullable=False),
    Column("set_name", Text),
    Column("song_id", Text, nullable=False),
    Column("segue", Boolean, nullable=False),
    Column("tape", Boolean, nullable=False),
    Column("note", Text),
    Index("performances_song", "song_id"),
)

plays = Table(
    "plays",
    metadata,
    Column("song_id", Text, primary_key=True),
    Column("shows", Integer, nullable=False),
)
"""At how many shows a song was played. Its song and its shows need not be known yet."""
