"""The rules of auth: users and their accounts, sessions, mails, keys, impersonations."""

from services.auth.domain.impersonations import IMPERSONATION
from services.auth.domain.keys import KEY
from services.auth.domain.mails import MAIL
from services.auth.domain.profile import Terms
from services.auth.domain.sessions import SESSION
from services.auth.domain.users import user_decider

__all__ = ["IMPERSONATION", "KEY", "MAIL", "SESSION", "Terms", "user_decider"]
