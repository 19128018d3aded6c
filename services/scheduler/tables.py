"""The read model of the scheduler: schedules, their runs, what happened to each, and the jobs."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

JOBS = "jobs"

tables = MetaData()

schedules = Table(
    "schedules",
    tables,
    Column("schedule_id", Text, primary_key=True),
    Column("job", Text, nullable=False),
    Column("arguments", JSONB, nullable=False),
    Column("timing", JSONB, nullable=False),
    Column("is_recurring", Boolean, nullable=False),
    Column("overlap", Text, nullable=False),
    Column("catch_up_seconds", Integer, nullable=False),
    Column("jitter_seconds", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("put_by", Text, nullable=False),
    Column("put_at", DateTime(timezone=True), nullable=False),
    Column("next_at", DateTime(timezone=True)),
    Column("last_at", DateTime(timezone=True)),
    Column("last_run_id", Text),
    Column("skipped", BigInteger, nullable=False, server_default="0"),
)
"""`next_at` is what the timer is set for, or of a schedule that happens once the time of its run.
`skipped` counts the occurrences that did not happen.
"""

runs = Table(
    "runs",
    tables,
    Column("run_id", Text, primary_key=True),
    Column("schedule_id", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("arguments", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("occurrence", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("attempts_max", Integer, nullable=False),
    Column("timeout_seconds", Float, nullable=False),
    Column("worker", Text),
    Column("started_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("progress", JSONB(none_as_null=True)),
    Column("failure", JSONB(none_as_null=True)),
    Column("is_cancel_asked", Boolean, nullable=False),
    Column("trace", Text, nullable=False),
    Index("runs_stage", "stage", "at", "run_id"),
    Index("runs_schedule", "schedule_id", "stage", "at", "run_id"),
    Index("runs_job", "job", "stage", "at", "run_id"),
)
"""`stage` is the list a run stands in (`STAGES`), `at` its place in it."""

steps = Table(
    "steps",
    tables,
    Column("run_id", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("place", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
"""`place` orders the steps of a run: position and number in the commit."""

jobs = Table(
    "jobs",
    tables,
    Column("name", Text, primary_key=True),
    Column("service", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("attempts_max", Integer, nullable=False),
    Column("timeout_seconds", Float, nullable=False),
    Column("is_registered", Boolean, nullable=False),
)
