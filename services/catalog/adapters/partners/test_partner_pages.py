"""Pages as the partners sent them: everything on them is read, or refused with a reason."""
