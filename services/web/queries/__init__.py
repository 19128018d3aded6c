"""How answers become what a page shows.

Every function from answers to a page has a twin in `static/view/`, which does the same to the live
results. `test_twins.py` holds them together: for any answers both give the same page.
"""
