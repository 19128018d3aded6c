"""Every metric of the house, by its name at `/metrics`.

Labels have few values, known beforehand: a service, a projection, a query; never an id. On a hot
path take the child once (`COMMANDS.labels("voting", "ok")`) and keep it.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_FAST: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_BATCH: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)

# ---------------------------------------------------------------------------------- deciding

COMMANDS: Final = Counter(
    "backline_commands",
    "Commands answered, by outcome: ok, repeated, or the kind of the error.",
    ["service", "outcome"],
)
COMMAND_BATCH_SIZE: Final = Histogram(
    "backline_command_batch_size",
    "Commands decided together in one group commit.",
    ["service"],
    buckets=_BATCH,
)
COMMANDS_WAITING: Final = Gauge(
    "backline_commands_waiting",
    "Commands in the queues of the slots this process owns.",
    ["service"],
)
SLOTS_OWNED: Final = Gauge("backline_slots_owned", "Slots this process owns.", ["service"])
COMMIT_SECONDS: Final = Histogram(
    "backline_commit_seconds",
    "From handing a commit to the log until it is fsynced.",
    ["service"],
    buckets=_FAST,
)
COMMITS_REFUSED: Final = Counter(
    "backline_commits_refused",
    "Appends that failed, by reason: conflict or unavailable. The state is then loaded again.",
    ["service", "reason"],
)
EVENTS_APPENDED: Final = Counter("backline_events_appended", "Events written.", ["service"])

# ---------------------------------------------------------------------------------- reading

SUBSCRIPTION_GAP: Final = Gauge(
    "backline_subscription_gap_events",
    "Messages of the log that a subscription has still to read.",
    ["service", "subscription"],
)
SUBSCRIPTION_LAG_SECONDS: Final = Gauge(
    "backline_subscription_lag_seconds",
    "Age of the newest event a subscription has read, while there are more to read; else 0.",
    ["service", "subscription"],
)
SUBSCRIPTION_EVENTS: Final = Counter(
    "backline_subscription_events",
    "Events a subscription has handled.",
    ["service", "subscription"],
)
SUBSCRIPTION_STOPPED: Final = Gauge(
    "backline_subscription_stopped",
    "1 while a subscription stands still on an event it cannot handle: a person must act.",
    ["service", "subscription"],
)
PROJECTION_SECONDS: Final = Histogram(
    "backline_projection_transaction_seconds",
    "One transaction of a projection.",
    ["service", "projection"],
    buckets=_FAST,
)
QUERY_SECONDS: Final = Histogram(
    "backline_query_seconds", "Answering a query.", ["service", "query"], buckets=_FAST
)

# ---------------------------------------------------------------------------------- reacting

REACTIONS: Final = Counter(
    "backline_reactions",
    "What process managers and schedules asked for, by outcome: done, rejected, failed (and tried "
    "again), unavailable (and waited for), parked.",
    ["service", "process_manager", "outcome"],
)
PARKED: Final = Gauge(
    "backline_parked",
    "Messages put aside because they, or one before them, keep failing: a person must act.",
    ["service", "process_manager"],
)

# ---------------------------------------------------------------------------------- jobs

JOB_ATTEMPTS: Final = Counter(
    "backline_job_attempts",
    "Attempts at jobs, by outcome: succeeded, failed, cancelled, superseded (by another worker).",
    ["service", "job", "outcome"],
)
JOB_LATENESS_SECONDS: Final = Histogram(
    "backline_job_lateness_seconds",
    "How much later than it was due a job began, its first attempts only.",
    ["service", "job"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
)
JOBS_RUNNING: Final = Gauge(
    "backline_jobs_running",
    "Attempts at jobs under way.",
    ["service"],
)

# ---------------------------------------------------------------------------------- the edge

HTTP_REQUESTS: Final = Counter(
    "backline_http_requests", "HTTP requests, by class of status.", ["service", "status"]
)
HTTP_SECONDS: Final = Histogram(
    "backline_http_request_seconds",
    "From the request to its answer; streams are not counted.",
    ["service"],
    buckets=_FAST,
)
DELIVERIES: Final = Counter(
    "backline_deliveries",
    "Webhooks that came in, by endpoint and by the status they were answered with.",
    ["partner", "endpoint", "status"],
)
LIVE_CONNECTIONS: Final = Gauge(
    "backline_live_connections", "Open connections that watch live queries.", ["kind"]
)
LIVE_INSTANCES: Final = Gauge(
    "backline_live_instances", "Distinct live queries (query and arguments) that somebody watches."
)
LIVE_SUBSCRIPTIONS: Final = Gauge(
    "backline_live_subscriptions", "Live queries as watchers count them: once for each of them."
)
LIVE_COMMAND_SECONDS: Final = Histogram(
    "backline_live_command_seconds",
    "From the frame of a command to its reply, over WebSocket.",
    buckets=_FAST,
)
LIVE_FRAMES: Final = Counter("backline_live_frames", "Frames sent to watchers.", ["op"])
LIVE_FRAMES_SUPERSEDED: Final = Counter(
    "backline_live_frames_superseded",
    "Frames a slow reader was spared, as newer ones replaced them.",
)

# ---------------------------------------------------------------------------------- the machinery

NATS_CONNECTED: Final = Gauge(
    "backline_nats_connected", "1 while the service's connection to NATS stands.", ["service"]
)
NATS_PERMISSION_VIOLATIONS: Final = Counter(
    "backline_nats_permission_violations",
    "Times NATS refused a subject to us: a bug, or someone where they should not be.",
    ["service"],
)
