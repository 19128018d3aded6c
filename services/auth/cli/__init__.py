"""`backline admin`: what auth adds to the command line."""
