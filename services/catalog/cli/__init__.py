"""`backline import setlists` and `backline seed`: what the catalog adds to the command line."""
