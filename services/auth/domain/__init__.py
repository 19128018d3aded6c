"""The rules of auth: users and their accounts, sessions, mails."""

from services.auth.domain.mails import MAIL
from services.auth.domain.profile import Terms
from services.auth.domain.sessions import SESSION
from services.auth.domain.users import user_decider

__all__ = ["MAIL", "SESSION", "Terms", "user_decider"]
