"""Logs: one JSON object a line for machines, coloured text on a terminal for people.

A message is a constant sentence and its values are fields. Our own libraries log through structlog,
everybody else through `logging`; both end up here, get the time, the level, the service and the
trace they belong to, and lose what looks like a secret.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import orjson
import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from libs.chassis.settings import MASK, LogFormat, ProcessSettings
from libs.telemetry import service_name

_SECRET_FIELDS: Final = frozenset(
    {"authorization", "cookie", "password", "secret", "seed", "token", "api_key", "private_key"}
)
_SECRET_TEXT: Final = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"  # A JSON web token,
    r"|\bS[ACNOU][A-Z2-7]{56}\b"  # the seed of an nkey,
    r"|(?<=://)[^/@\s\"']+(?=@)"  # the user and password of an address.
)
# What others have to say is worth a line only when something is wrong.
_QUIET: Final = ("asyncio", "nats", "opentelemetry", "sqlalchemy", "uvicorn", "websockets")


def configure_logs(settings: ProcessSettings, stream: TextIO | None = None) -> None:
    """Send everything this process logs to a stream (standard error), as the settings say."""
    stream = sys.stderr if stream is None else stream
    level = settings.log_level.upper()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_origin,
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            *shared,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_rendering(settings.log_format, is_terminal=stream.isatty()),
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        quiet = logging.getLogger(name)
        quiet.handlers = []
        quiet.propagate = True
        quiet.setLevel(max(logging.WARNING, root.level))


def _rendering(form: LogFormat, *, is_terminal: bool) -> list[Processor]:
    is_json = form is LogFormat.JSON or (form is LogFormat.AUTO and not is_terminal)
    if is_json:
        renderer: list[Processor] = [
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(serializer=_serialize),
        ]
    else:
        plain = structlog.dev.plain_traceback
        renderer = [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    # Tracebacks become text before secrets are masked: they quote messages.
    return [structlog.processors.format_exc_info, mask_secrets, *renderer]


def _serialize(fields: MutableMapping[str, Any], **_: Any) -> str:
    return orjson.dumps(fields, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def add_origin(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Add the service a line belongs to, and the trace if it is sampled."""
    service = service_name()
    if service:
        fields.setdefault("service", service)
    context = trace.get_current_span().get_span_context()
    if context.is_valid and context.trace_flags.sampled:
        fields["trace_id"] = f"{context.trace_id:032x}"
        fields["span_id"] = f"{context.span_id:016x}"
    return fields


def mask_secrets(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Blot out fields named like a secret, and whatever reads like one inside the others."""
    for name, value in fields.items():
        if name in _SECRET_FIELDS:
            fields[name] = MASK
        elif isinstance(value, str):
            fields[name] = _SECRET_TEXT.sub(MASK, value)
    return fields
