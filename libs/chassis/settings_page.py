"""The page `docs/settings.md`, made from the settings themselves so that it cannot rot."""

from libs.chassis.settings import Settings, Variable, all_settings

_HEAD = """\
# Settings

What can be set from outside, as variables of the environment. Everything has a default that works
on a laptop. They are checked at start: a variable that is wrong, or that begins with `BACKLINE_`
and is none of these, is refused with a sentence about it. `backline settings` lists what they are
now.

Telemetry is set by the standard variables of OpenTelemetry (`OTEL_EXPORTER_OTLP_ENDPOINT`,
`OTEL_TRACES_SAMPLER` and the rest); with none of them there is none.

This page is made by `backline settings --markdown`.
"""


def render_page() -> str:
    """The whole page."""
    sections = [_section(cls) for cls in all_settings() if cls.model_fields]
    return "\n".join([_HEAD, *sections])


def _section(cls: type[Settings]) -> str:
    module = cls.__module__.rpartition(".")[0].replace(".", "/")
    title = (cls.__doc__ or cls.__name__).strip().partition("\n")[0]
    rows = [_row(variable) for variable in cls().describe()]
    head = f"## `{cls.prefix}…`, in `{module}`\n\n{title}\n"
    return "\n".join([head, "| variable | default | |", "|---|---|---|", *rows, ""])


def _row(variable: Variable) -> str:
    default = f"`{variable.default}`" if variable.default else "none"
    unit = f" {variable.unit}" if variable.unit and variable.default else ""
    return f"| `{variable.name}` | {default}{unit} | {variable.description} |"
