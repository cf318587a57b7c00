"""The table of traps names tests that exist."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_named_test_is_there():
    named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", (HERE / "README.md").read_text())
    assert len(named) > 30
    for file, name in named:
        assert not name or f"def {name}(" in (HERE / file).read_text(), f"{file}::{name}"
        assert (HERE / file).is_file()
