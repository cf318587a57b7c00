"""What a killed process was writing is cleared by the next one; what a living one writes is left alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITE = """
import sys
from pathlib import Path
from n2s.paths import written_whole
with written_whole(Path(sys.argv[1])) as part:
    if sys.argv[2] == "folder":
        part.mkdir()
        (part / "half").write_text("half")
    else:
        part.write_text("half")
    print("writes", flush=True)
    sys.stdin.read()
"""


def writer(path: Path, kind: str = "file") -> subprocess.Popen:
    """A process in the middle of writing."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", WRITE, str(path), kind]
    process = subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writes\n"
    return process


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_of_the_dead_and_of_the_living(tmp_path, kind):
    dead, living = writer(tmp_path / "dead", kind), writer(tmp_path / "living", kind)
    download = tmp_path / ".big.zip.part"  # goes on where it stopped
    download.write_text("half")
    dead.kill()
    dead.communicate()
    left = {path.name.split(".")[1] for path in tmp_path.glob(".*.part")}
    assert left == {"dead", "living", "big"}
    third = writer(tmp_path / "other", kind)
    assert {path.name.split(".")[1] for path in tmp_path.glob(".*.part")} == {"living", "other", "big"}
    for process in (living, third):
        process.communicate("")
        assert process.returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"living", "other", ".big.zip.part"}


def test_of_another_machine_it_is_not_known(tmp_path):
    """A shared disk: the number of a process means nothing here."""
    foreign = tmp_path / ".x.000000-1-abcdef.part"
    foreign.write_text("half")
    writer(tmp_path / "y").communicate("")
    assert foreign.exists()
