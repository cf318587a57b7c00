"""The wheel holds all that it needs, and runs in an empty folder."""

import subprocess
import sys

import pytest
import release

import n2s


@pytest.mark.slow
def test_the_wheel_runs_in_an_empty_folder(tmp_path):
    """Built without an environment of its own, so without a network."""
    pytest.importorskip("hatchling", reason="the build backend is not installed: pip install hatchling")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            str(tmp_path),
            str(release.ROOT),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("n2s-*.whl")
    release.check_wheel(wheel)
    release.in_an_empty_folder(wheel, n2s.__version__)
