"""The client, as the pages use it: its own suite, and the changes that gateways send to it."""

import subprocess
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import libs
from libs.live.patch import difference
from services.web.conftest import NODE, CallJavaScript

CLIENT = Path(libs.__path__[0], "client-js")
SUITE_SECONDS = 50

_SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
_KEYS = st.sampled_from(["a", "b", "a/b", "~", "", "0", "-", "__proto__"])
_DOCUMENTS = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=20,
)


def test_passes_its_own_suite() -> None:
    files = sorted(CLIENT.glob("test/*.test.js"))
    ended = subprocess.run(
        [NODE, "--experimental-websocket", "--test", *files],
        cwd=CLIENT,
        capture_output=True,
        text=True,
        timeout=SUITE_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-5_000:]


@given(old=_DOCUMENTS, new=_DOCUMENTS)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_arrives_where_the_server_is_when_it_applies_its_changes(
    old: Any, new: Any, call_javascript: CallJavaScript
) -> None:
    module = str(CLIENT / "src/patch.js")
    assert call_javascript(module, "applyPatch", old, difference(old, new)) == new


def test_declares_a_type_for_every_module() -> None:
    modules = {path.stem for path in (CLIENT / "src").glob("*.js")}
    declared = {path.name.removesuffix(".d.ts") for path in (CLIENT / "types").glob("*.d.ts")}
    assert declared == modules
