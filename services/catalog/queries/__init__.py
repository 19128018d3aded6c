"""Questions to the catalog."""

from libs.readmodel import Queries
from services.catalog.queries.gatherings import GATHERINGS
from services.catalog.queries.matching import MATCHING
from services.catalog.queries.records import RECORDS
from services.catalog.queries.sayings import SAYINGS
from services.catalog.queries.search import SEARCH
from services.catalog.queries.syncs import SYNCS

QUERIES: Queries = {**RECORDS, **GATHERINGS, **MATCHING, **SAYINGS, **SEARCH, **SYNCS}

__all__ = ["QUERIES"]
