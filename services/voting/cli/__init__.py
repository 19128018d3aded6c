"""What voting adds to the command line: `backline crowd`."""
