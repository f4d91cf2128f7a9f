"""What may come out of a public function or of a command, whatever goes in; and spoilt texts and bytes to put in."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from applications.cli import app

_PACKAGES: Final = ("groups", "quotient", "diffusion", "applications")
_SECONDS: Final = 20.0
_MEGABYTES: Final = 700
_LONGEST: Final = 2000
_UNCHECKED: Final = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture)


def bounded(examples: int) -> settings:
    """Settings of a fuzz test: so many examples in an ordinary run, more with a profile of more (`fuzz`)."""
    share = settings().max_examples / 100
    return settings(max_examples=max(1, int(examples * share)), deadline=None, suppress_health_check=_UNCHECKED)


def is_named(error: BaseException) -> bool:
    """Whether an error is one of ours, which says what is wrong and what to do."""
    return isinstance(error, ValueError) and type(error).__module__.split(".")[0] in _PACKAGES


@contextmanager
def in_bounds() -> Iterator[None]:
    """Fail if the body takes much processor time, or raises the peak of the memory of this process by much."""
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    seconds = time.process_time() - start
    megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert seconds < _SECONDS, f"took {seconds:.0f} s of the processor"
    assert megabytes < _MEGABYTES, f"took {megabytes:.0f} MB"


def only_named_errors(call: Callable[[], object]) -> ValueError | None:
    """Call, and fail on any exception but ours. Returns the error, None where all went well."""
    with in_bounds():
        try:
            call()
        except Exception as error:
            if not isinstance(error, ValueError) or not is_named(error):
                raise AssertionError(f"{type(error).__name__} reached the caller: {error}") from error
            if not 10 < len(str(error)) < _LONGEST:
                raise AssertionError(f"a message of {len(str(error))} characters") from error
            return error
    return None


def command(*arguments: str | Path, stdin: str | bytes = "", fine: tuple[int, ...] = (0, 1, 2, 3)) -> str:
    """Run `quotient` in this process and fail if it ends otherwise than a user may see. Returns its last error line."""
    with in_bounds():
        result = CliRunner().invoke(app, [str(a) for a in arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise AssertionError(f"{type(result.exception).__name__} reached the user") from result.exception
    assert result.exit_code in fine
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) <= 1
    assert all(16 < len(line) < _LONGEST for line in errors)
    assert "Traceback" not in result.output
    return errors[0] if errors else ""


@contextmanager
def nothing_lost(folder: Path) -> Iterator[None]:
    """Fail if the body deletes or changes a file of the folder; it may add some."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    yield
    for path, content in before.items():
        assert path.is_file(), f"{path.name} was deleted"
        assert path.read_bytes() == content, f"{path.name} was changed"


#: Any text, with the characters that text of the command line and of files can hold.
any_text = st.text(st.characters(exclude_categories=()), max_size=60)

_ODD_BYTES: Final = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"$$$$\n",
    b"nan",
    b"-1",
    b"9" * 30,
    b"\xed\xa0\x80",
)


@st.composite
def spoilt(draw: st.DrawFn, content: bytes) -> bytes:
    """The content cut, or with a few pieces removed, repeated, exchanged or replaced."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.integers(0, 80)))
        change = draw(st.integers(0, 4))
        if change == 0:
            del data[start:]
        elif change == 1:
            del data[start:stop]
        elif change == 2:
            data[start:start] = data[start:stop]
        elif change == 3:
            data[start : start + 1] = draw(st.binary(min_size=1, max_size=4))
        else:
            data[start:stop] = draw(st.sampled_from(_ODD_BYTES))
    return bytes(data)


#: Plain values of any JSON type, with numbers that no one means.
any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(
        [0, -1, 1, 2**31, 2**63, -(2**70), 10**400, 0.0, -0.5, 1e308, float("nan"), float("inf"), "", "x"]
    )
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
