"""Record the stories that are not recorded yet: `python -m tests.histories`."""

import sys

from tests.histories.history import record
from tests.histories.stories import STORIES

added = record(STORIES)
sys.stderr.write(
    "\n  ".join(
        ["recorded:", *(added or ["nothing is new (stories are in tests/histories/stories.py)"])]
    )
    + "\n"
)
