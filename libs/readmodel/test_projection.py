"""Projections as values: what tells one from another, and what none may be."""

from dataclasses import replace

import pytest
from sqlalchemy import Column, Enum, Index, Integer, MetaData, Table, Text

from libs.readmodel import Projected, Projection
from libs.readmodel.conftest import SCORES, Cheered, Scored, project


def _with(*columns: Column[object], schema: str | None = None, name: str = "made") -> Projection:
    tables = MetaData()
    Table(name, tables, Column("id", Text, primary_key=True), *columns, schema=schema)
    return Projection(
        "made", log="toy", tables=tables, events=(Scored,), project=lambda _: Projected()
    )


def test_the_fingerprint_stays_when_nothing_changes() -> None:
    assert replace(SCORES).fingerprint == SCORES.fingerprint
    assert _with().fingerprint == _with().fingerprint


def test_the_fingerprint_changes_with_all_that_a_rebuild_must_follow() -> None:
    wider = _with(Column("more", Integer))
    indexed = _with(Column("more", Integer, index=True))
    fingerprints = {
        SCORES.fingerprint,
        replace(SCORES, version=2).fingerprint,
        replace(SCORES, events=(Scored,)).fingerprint,
        replace(SCORES, events=(*SCORES.events, Cheered)).fingerprint,
        _with().fingerprint,
        wider.fingerprint,
        indexed.fingerprint,
    }
    assert len(fingerprints) == 7


def test_tables_are_locked_in_one_order_whatever_they_were_declared_in() -> None:
    tables = MetaData()
    for name in ("zebra", "ant", "mole"):
        Table(name, tables, Column("id", Text, primary_key=True), Index(f"{name}_id", "id"))
    found = Projection("made", log="toy", tables=tables, events=(), project=project)
    assert found.table_names == ["ant", "mole", "zebra"]


@pytest.mark.parametrize("name", ["Tally", "tally-2", "2tally", "", "t" * 40])
def test_refuses_a_name_that_cannot_be_part_of_a_schema(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a projection"):
        replace(SCORES, name=name)


def test_refuses_tables_that_could_not_be_switched() -> None:
    with pytest.raises(ValueError, match="cannot name a table"):
        _with(schema="elsewhere")
    with pytest.raises(ValueError, match="cannot name a table"):
        _with(name="checkpoint")
    with pytest.raises(ValueError, match="use Text"):
        _with(Column("kind", Enum("a", "b", name="kinds")))


def test_refuses_defaults_that_nobody_would_run() -> None:
    with pytest.raises(ValueError, match="use server_default"):
        _with(Column("more", Integer, default=0))
    _with(Column("more", Integer, server_default="0"))
