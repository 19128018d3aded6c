"""Questions to auth, and who answers them."""

from contracts.auth import GetMe, ListUsers
from contracts.auth_accounts import ExportMe, ListEmails
from contracts.auth_acts import ListActs
from contracts.auth_identities import ListIdentities
from contracts.auth_keys import ListApiKeys, ListApiKeysOfUser
from contracts.auth_profile import FindProfile, GetMyProfile, GetProfile
from contracts.auth_sessions import ListRevocations, ListSessions
from contracts.auth_wallets import ListWallets
from libs.readmodel import Queries, Reading
from services.auth.queries.account import (
    export_me,
    list_emails,
    list_identities,
    list_sessions,
    list_wallets,
)
from services.auth.queries.acts import list_acts
from services.auth.queries.keys import list_api_keys, list_api_keys_of_user
from services.auth.queries.profiles import find_profile, get_my_profile, get_profile
from services.auth.queries.revocations import list_revocations
from services.auth.queries.users import get_me, list_users

QUERIES: Queries = {
    GetMe: Reading(get_me, ("users",)),
    GetMyProfile: Reading(get_my_profile, ("users",)),
    GetProfile: Reading(get_profile, ("users",)),
    FindProfile: Reading(find_profile, ("users",)),
    ListUsers: Reading(list_users, ("users",)),
    ListSessions: Reading(list_sessions, ("users",)),
    ListRevocations: Reading(list_revocations, ("users",)),
    ListEmails: Reading(list_emails, ("users",)),
    ListIdentities: Reading(list_identities, ("users",)),
    ListWallets: Reading(list_wallets, ("users",)),
    ListApiKeys: Reading(list_api_keys, ("users",)),
    ListApiKeysOfUser: Reading(list_api_keys_of_user, ("users",)),
    ListActs: Reading(list_acts, ("users",)),
    ExportMe: Reading(export_me, ("users",)),
}
