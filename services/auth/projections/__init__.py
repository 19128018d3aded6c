"""The read model of auth, written from its log. What each event writes is said by subject:
`accounts`, `profiles`, `leaving`, `standing`, `sessions`, `keys`; `users` puts them together.
"""

from services.auth.projections.users import USERS, project

__all__ = ["USERS", "project"]
