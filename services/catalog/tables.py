"""The read model of the catalog: its records as rows, what was played, and how often."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Time,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()
syncs_metadata = MetaData()


def _searchable(table: str, key: Column[str]) -> tuple[Index, ...]:
    """Indexes to find a folded name as it is, by its words, and by what is like it."""
    words = text(f"to_tsvector('simple', {key.name})")
    return (
        Index(f"{table}_key", key),
        Index(f"{table}_words", words, postgresql_using="gin"),
        Index(
            f"{table}_like",
            key,
            postgresql_using="gin",
            postgresql_ops={key.name: "public.gin_trgm_ops"},
        ),
    )


artists = Table(
    "artists",
    metadata,
    Column("artist_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("external_ids", JSONB, nullable=False),
    artist_key := Column("name_key", Text, nullable=False),
    *_searchable("artists", artist_key),
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
    venue_key := Column("name_key", Text),
    *_searchable("venues", venue_key),
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
    song_key := Column("title_key", Text, nullable=False),
    Index("songs_artist", "artist_id"),
    *_searchable("songs", song_key),
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
    Column("is_listed", Boolean),
    Column("external_ids", JSONB, nullable=False),
    Column("phase", Text, nullable=False, server_default="ahead"),
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

gatherings = Table(
    "gatherings",
    metadata,
    Column("gathering_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("calendar", Text),
    Column("starts_at", DateTime(timezone=True)),
    Column("ends_at", DateTime(timezone=True)),
    Column("time_zone", Text),
    Column("hosts", JSONB(none_as_null=True)),
    Column("location", Text),
    Column("city", Text),
    Column("country", Text),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("is_online", Boolean),
    Column("cover", Text),
    Column("url", Text),
    Column("description", Text),
    Column("registration", Text),
    Column("capacity", Integer),
    Column("is_published", Boolean),
    Column("is_featured", Boolean),
    Column("status", Text, nullable=False),
    Column("is_listed", Boolean),
    Column("external_ids", JSONB, nullable=False),
    gathering_key := Column("name_key", Text, nullable=False),
    Index("gatherings_start", "starts_at", "gathering_id"),
    *_searchable("gatherings", gathering_key),
)

sayings = Table(
    "sayings",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("record_id", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("fields", JSONB, nullable=False),
)
"""What each source says of a record: `{field: {"value": …, "at": …}}`."""

identities = Table(
    "identities",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("record_id", Text, nullable=False),
)
"""Which record was last said to be what a source calls by an id."""

aliases = Table(
    "aliases",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("record_id", Text, primary_key=True),
    Column("into_id", Text),
    Column("not_id", Text),
    Index("aliases_into", "kind", "into_id"),
)
"""Records that were merged into others, and those that were said not to be another."""

syncs = Table(
    "syncs",
    syncs_metadata,
    Column("sync_id", Text, primary_key=True),
    Column("artist_id", Text),
    Column("status", Text, nullable=False),
    Column("run", Text),
    Column("pages", Integer, nullable=False),
    Column("of", Integer),
    Column("cursor", Text),
    Column("new", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("refusals", JSONB, nullable=False),
    Column("reason", Text),
    Column("retry_at", DateTime(timezone=True)),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("began_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("due_at", DateTime(timezone=True)),
    Column("position", BigInteger, nullable=False),
    Index("syncs_position", "position"),
)

quotas = Table(
    "quotas",
    syncs_metadata,
    Column("partner", Text, primary_key=True),
    Column("day", Date),
    Column("taken", Integer, nullable=False),
    Column("limit", Integer),
    Column("closed_until", DateTime(timezone=True)),
)
