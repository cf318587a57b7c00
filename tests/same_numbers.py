"""Compare two metrics.json files: is every entry of the old one in the new one, at the same place with the same value?

``python tests/same_numbers.py old.json new.json`` prints each difference and exits with 1 if there is one. Numbers must
be equal to the last digit. The new file may hold more.
"""

import json
import sys
from pathlib import Path


def differences(old: object, new: object, place: str = "") -> list[str]:
    """One line for each entry of ``old`` that ``new`` lacks or holds with another value."""
    if isinstance(old, dict) and isinstance(new, dict):
        lines = []
        for key, value in old.items():
            here = f"{place}/{key}"
            lines += differences(value, new[key], here) if key in new else [f"{here}: missing (was {_short(value)})"]
        return lines
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            line for i, pair in enumerate(zip(old, new, strict=True)) for line in differences(*pair, f"{place}/{i}")
        ]
    # bool is an int in Python, and 1 is not 1.0 to a reader of the file
    same = type(old) is type(new) and (old == new or old != old and new != new)
    return [] if same else [f"{place or '/'}: {_short(old)} -> {_short(new)}"]


def n_values(content: object) -> int:
    """How many values (not dictionaries or lists) a file holds."""
    if isinstance(content, dict):
        return sum(map(n_values, content.values()))
    return sum(map(n_values, content)) if isinstance(content, list) else 1


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}..."


def main(old: str, new: str) -> int:
    """Print what differs; 0 if nothing does."""
    before, after = (json.loads(Path(path).read_text("utf-8")) for path in (old, new))
    found = differences(before, after)
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{n_values(before)} values in {old}; {len(found)} differences; {n_values(after)} values in {new}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
