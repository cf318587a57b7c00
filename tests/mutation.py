"""Mutation testing: change the code in one place, and see whether a test fails. ``make mutate`` runs it.

mutmut makes the mutants of ``n2s/data``, ``n2s/metrics`` and ``n2s/losses.py`` and runs the tests of each (see
``[tool.mutmut]`` in pyproject.toml). There are about fifteen thousand, so by default a random tenth is tried; the share that
tests kill then comes with its interval. ``--share 1`` tries all of them: hours on two cores.

A mutant that changes only the wording of a message or a help text is counted apart: no test should pin such words.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from n2s.metrics.intervals import wilson_interval

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "mutants"
KILLED, TIMED_OUT, UNTESTED = {1, 3}, {24, -24, 36, 152, 255}, {5, 33}  # mutmut's exit codes; 0: survived


def main() -> int:
    """Try a sample of the mutants, print the shares, and list the survivors in ``mutants/survivors.txt``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=0.1, help="share of the mutants to try (default: 0.1)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--only", default="", help="mutants whose name holds this, such as n2s.data.splits")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")
    parser.add_argument("--least", type=float, default=0.85, help="exit with 1 below this share (default: 0.85)")
    options = parser.parse_args()
    known = list(codes()) or _generated(options.jobs)
    chosen = [name for name in known if options.only in name and _place(name, options.seed) < options.share]
    if not chosen:
        print(f"no mutant is chosen of {len(known)} (--only {options.only!r}, --share {options.share:g}).")
        return 2
    _mutmut("run", "--max-children", str(options.jobs), *chosen)
    return report({name: code for name, code in codes().items() if name in set(chosen)}, len(known), options.least)


def codes() -> dict[str, int | None]:
    """Name of each mutant and the exit code of its tests; None: not tried yet."""
    found = {}
    for file in sorted(FOLDER.rglob("*.meta")):
        found |= json.loads(file.read_text())["exit_code_by_key"]
    return found


def report(tried: dict[str, int | None], n_mutants: int, least: float) -> int:
    """Print the share of killed mutants by folder; 1 where it lies below ``least``."""
    os.chdir(ROOT)  # mutmut reads the mutants from here
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    counts, survivors = {}, []
    for name, code in tried.items():
        if code is None:
            continue
        diff = "" if code in KILLED else get_diff_for_mutant(name)
        kind = "killed" if code in KILLED else "words" if _only_words(diff) else _alive(code)
        counts.setdefault(name.rsplit(".", 1)[0], Counter())[kind] += 1
        if kind not in ("killed", "words"):
            survivors.append(f"# {name}: {kind} ({code})\n{diff}\n")
    (FOLDER / "survivors.txt").write_text("\n".join(survivors))
    print(f"{'file':42s} killed survived untested timed out  words  share killed")
    for file, count in sorted(counts.items()):
        print(_row(file, count))
    total = sum(counts.values(), Counter())
    n_tested = total.total() - total["words"]
    print(_row("all", total))
    share, low, high = wilson_interval(total["killed"], n_tested)
    print(
        f"\n{n_tested} of {n_mutants} mutants tried: tests kill {100 * share:.1f}% (95% interval {100 * low:.1f} to "
        f"{100 * high:.1f}%). Those that change only the words of a message are not counted: {total['words']}. "
        f"Survivors: {(FOLDER / 'survivors.txt').relative_to(ROOT)}"
    )
    return int(share < least)


def _alive(code: int) -> str:
    """What became of a mutant that no test failed for. A time-out is no kill: a busy machine is slow, too."""
    return "untested" if code in UNTESTED else "timed out" if code in TIMED_OUT else "survived"


def _row(name: str, count: Counter) -> str:
    n = count.total() - count["words"]
    share = f"{100 * count['killed'] / n:12.1f}%" if n else "           -"
    numbers = f"{count['killed']:6d} {count['survived']:8d} {count['untested']:8d} {count['timed out']:9d} {count['words']:6d}"
    return f"{name:42s} {numbers} {share}"


def _generated(n_jobs: int) -> list[str]:
    """The names of all mutants: mutmut makes them, and runs all tests once to learn which test reaches which."""
    _mutmut("run", "--max-children", str(n_jobs), "n2s.losses.x__same__mutmut_1")
    return list(codes())


def _mutmut(*arguments: str) -> None:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | threads)
    if done.returncode:
        sys.exit(f"mutmut ended with {done.returncode}: {' '.join(command[:5])} ...")


def _place(name: str, seed: int) -> float:
    """Of a mutant in [0, 1), the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "big") / 2**64


def _only_words(diff: str) -> bool:
    """Whether a diff changes nothing but the words inside a string that holds a space: a sentence."""
    changed = {
        sign: [line[1:] for line in diff.splitlines() if line.startswith(sign) and line[1:2] != sign] for sign in "-+"
    }
    if len(changed["-"]) != 1 or len(changed["+"]) != 1:
        return False
    before, after = changed["-"][0], changed["+"][0]
    text = re.compile(r'"[^"]* [^"]*"')
    return before != after and text.sub("", before) == text.sub("", after)


if __name__ == "__main__":
    sys.exit(main())
