"""Valid files made wrong: cells, columns, keys and bytes changed at random, always in the same order of random."""

import copy
import json
import os
import signal
from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import HealthCheck
from hypothesis import strategies as st

from n2s.errors import UserError

#: Examples of a test, times its share; more of them: ``N2S_FUZZ_EXAMPLES=1500 pytest tests/fuzz`` (a quarter of an hour).
EXAMPLES = int(os.environ.get("N2S_FUZZ_EXAMPLES", 15))
HANG_S = 20.0

#: What stands in a cell where something else was expected.
ODD = (
    "", " ", "n/a", "N/A", "NaN", "nan", "-nan", "inf", "-Infinity", "1e999", "-1e300", "1e300", "1e-320", "0", "-0.0", "-1",
    "1_000", "1,5", "0x10", "True", "٣", "²", "--5", "+7", "1e", "9" * 30, "9" * 5000, "9223372036854775808", "é", "\x00",
    "'", '"', '""', '"a', "../../x", "/etc/passwd", "[]", "{}", "None", "\u2028", "\x1c", "sound", "word", "story", "sentence",
    "Onset", "DURATION",
)  # fmt: skip
cells = st.one_of(st.sampled_from(ODD), st.floats().map(repr), st.integers().map(str), st.text(max_size=6))


def fuzz(*, share: float = 1.0) -> Callable:
    """Settings of a test: ``share`` of the usual number of examples, the same ones each time, without a deadline."""
    phases = (hypothesis.Phase.generate, hypothesis.Phase.shrink)  # to explain a failure would run it many times more
    return hypothesis.settings(
        max_examples=max(1, round(share * EXAMPLES)),
        derandomize=True,
        database=None,
        deadline=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )


def answer(read: Callable, *given: Any, **options: Any) -> Any:
    """What a reader gives, None where it says a `UserError`. Anything else that it raises, or no end, fails the test."""

    def stop(*_):
        raise AssertionError(f"no answer in {HANG_S:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, HANG_S)
    try:
        return read(*given, **options)
    except UserError as error:
        assert str(error).strip(), "an error without a message"
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@st.composite
def broken(draw: st.DrawFn, content: bytes, *, at_most: int = 4) -> bytes:
    """The bytes with some changed, cut out, doubled or put in; or only the first of them; or any others."""
    kind = draw(st.sampled_from(("changed", "changed", "changed", "cut", "random")))
    if kind == "random":
        return draw(st.binary(max_size=200))
    if kind == "cut":
        return content[: draw(st.integers(0, len(content)))]
    out = bytearray(content)
    for _ in range(draw(st.integers(1, at_most))):
        at = draw(st.integers(0, max(len(out) - 1, 0)))
        what = draw(st.sampled_from(("flip", "set", "out", "in", "double")))
        if what == "flip" and out:
            out[at] ^= 1 << draw(st.integers(0, 7))
        elif what == "set" and out:
            out[at] = draw(st.sampled_from((0, 1, 9, 10, 13, 0x7F, 0x80, 0xFF)))
        elif what == "out":
            del out[at : at + draw(st.integers(1, 16))]
        elif what == "in":
            out[at:at] = draw(
                st.sampled_from((b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\n\n", b"\t", b"-", b"9"))
            )
        else:
            out[at:at] = out[at : at + 64]
    return bytes(out)


@st.composite
def tables(draw: st.DrawFn, text: str, *, separator: str = "\t", values: tuple[str, ...] = ()) -> bytes:
    """A table with cells, names, columns and rows changed, in some encoding; now and then its bytes too."""
    rows = [line.split(separator) for line in text.splitlines()]
    value = st.one_of(cells, st.sampled_from(values)) if values else cells
    for _ in range(draw(st.integers(1, 3))):
        i = draw(st.integers(0, max(len(rows) - 1, 0)))
        if not rows or not rows[i]:
            break
        j = draw(st.integers(0, len(rows[i]) - 1))
        what = draw(
            st.sampled_from(("cell", "cell", "cell", "cell", "column", "twice", "name", "row", "again", "long", "swap"))
        )
        if what == "cell":
            rows[i][j] = draw(value)
        elif what == "column":
            rows = [row[:j] + row[j + 1 :] for row in rows]
        elif what == "twice":
            rows = [row[:j] + row[j : j + 1] * 2 + row[j + 1 :] for row in rows]
        elif what == "name":
            rows[0][min(j, len(rows[0]) - 1)] = draw(st.one_of(st.sampled_from(rows[0]), cells))
        elif what == "row":
            del rows[i]
        elif what == "again":
            rows.insert(draw(st.integers(0, len(rows))), list(rows[i]))
        elif what == "long":
            rows[i].insert(j, draw(value))
        else:
            k = draw(st.integers(0, len(rows) - 1))
            rows[i], rows[k] = rows[k], rows[i]
    end = draw(st.sampled_from(("\n", "\n", "\n", "\r\n", "\r")))
    coding = draw(st.sampled_from(("utf-8",) * 6 + ("utf-8-sig", "utf-16", "latin-1", "utf-32")))
    content = (end.join(separator.join(row) for row in rows) + draw(st.sampled_from(("", end)))).encode(
        coding, "replace"
    )
    return draw(broken(content)) if draw(st.integers(0, 4)) == 0 else content


_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.sampled_from(ODD),
    st.sampled_from((10**400, -1, 0, 1e300, float("nan"), float("inf"), [], {}, [[]], [1, 2], {"a": 1})),
)  # fmt: skip


@st.composite
def jsons(draw: st.DrawFn, content: Any, *, values: tuple = ()) -> bytes:
    """A JSON file with entries changed, left out or nested; now and then broken text, or nested without end."""
    if draw(st.integers(0, 30)) == 0:
        return b"[" * 100_000
    content = json.loads(json.dumps(content))
    value = st.one_of(_SCALARS, st.sampled_from(values)) if values else _SCALARS
    if draw(st.integers(0, 12)) == 0:
        content = copy.deepcopy(draw(value))
    for _ in range(draw(st.integers(1, 3))):
        node, last, key = content, None, None
        while isinstance(node, dict | list) and node and (last is None or draw(st.integers(0, 3))):
            last = node
            key = draw(st.sampled_from(sorted(node))) if isinstance(node, dict) else draw(st.integers(0, len(node) - 1))
            node = node[key]
        if last is None:
            break
        what = draw(st.sampled_from(("change", "change", "change", "leave", "wrap")))
        if what == "change":
            last[key] = copy.deepcopy(draw(value))
        elif what == "leave":
            del last[key]
        else:
            last[key] = [last[key]]
    text = json.dumps(content).encode(draw(st.sampled_from(("utf-8",) * 6 + ("utf-8-sig", "utf-16"))))
    return draw(broken(text)) if draw(st.integers(0, 5)) == 0 else text
