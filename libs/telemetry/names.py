"""Names of span attributes and headers: the words of the house, each in one place."""

from typing import Final

# ---------------------------------------------------------------------------------- our own words

SERVICE: Final = "backline.service"
AGGREGATE: Final = "backline.aggregate"
AGGREGATE_ID: Final = "backline.aggregate_id"
SLOT: Final = "backline.slot"
COMMAND: Final = "backline.command"
COMMAND_ID: Final = "backline.command_id"
COMMANDS: Final = "backline.commands"
EVENTS: Final = "backline.events"
QUERY: Final = "backline.query"
LOG: Final = "backline.log"
POSITION: Final = "backline.position"
REVISION: Final = "backline.revision"
PROJECTION: Final = "backline.projection"
SUBSCRIPTION: Final = "backline.subscription"
WATCHERS: Final = "backline.watchers"
ERROR_CODE: Final = "backline.error_code"
ERROR_KIND: Final = "backline.error_kind"

# ---------------------------------------------------------------------------------- everybody's

HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_DESTINATION: Final = "messaging.destination.name"
MESSAGING_BATCH: Final = "messaging.batch.message_count"
DATABASE_SYSTEM: Final = "db.system.name"

# ---------------------------------------------------------------------------------- on the wire

TRACEPARENT: Final = "traceparent"
"""The header of a message, or of a stored commit, that carries a trace on."""
