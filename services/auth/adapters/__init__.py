"""What auth needs from outside of its rules: the log, a password's hash, mail, tokens."""
