"""Events of the catalog as rows: its records, and how syncs stand."""

from services.catalog.projections.records import RECORDS
from services.catalog.projections.syncs import SYNCS

PROJECTIONS = (RECORDS, SYNCS)

__all__ = ["PROJECTIONS", "RECORDS", "SYNCS"]
