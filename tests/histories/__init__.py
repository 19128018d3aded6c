"""Histories: streams as they were once recorded, which the code of today must still read.

    contracts/histories/<service>.jsonl          commits as they stand in the log, one a line
    contracts/histories/<service>.states.json    what each stream comes to
    python -m tests.histories                    record the stories that are not there yet

What is recorded is never changed: the log of somebody's installation will not change either. An
event that is new, or has a new schema version, gets a story more. A state may take another shape;
delete its file then, and record it anew.
"""
