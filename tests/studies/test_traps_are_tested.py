"""The tables of traps name tests that exist."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_named_test_is_there():
    named = re.findall(r"`((?:\w+/|\.\./)*)(test_\w+\.py)(?:::(\w+))?`", (HERE / "README.md").read_text())
    assert len(named) > 250
    for folders, file, name in named:
        path = HERE / folders / file if folders in ("", "../") else HERE.parent / folders / file
        assert path.is_file(), f"{folders}{file}"
        assert not name or f"def {name}(" in path.read_text(), f"{folders}{file}::{name}"
