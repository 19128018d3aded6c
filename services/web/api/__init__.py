"""HTTP in: the pages, and the cookie that keeps somebody signed in."""
