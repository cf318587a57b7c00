"""What made a run: versions, source, hardware, command. ``run.json`` keeps it."""

import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import n2s

PACKAGES = (
    "torch",
    "torchaudio",
    "lightning",
    "jsonargparse",
    "transformers",
    "numpy",
    "scipy",
    "pandas",
    "mne",
    "mne-bids",
)


def provenance() -> dict:
    """Versions, git commit, hardware and command of this process, as plain JSON types; no host or user name."""
    return {
        "command": shlex.join(["n2s", *sys.argv[1:]]),
        "versions": versions(),
        "git": git_state(Path(n2s.__file__).parent),
        "hardware": hardware(),
    }


def versions() -> dict[str, str]:
    """Of n2s, Python, and the packages that decide numbers."""
    found = {"n2s": n2s.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_state(package: Path) -> dict | None:
    """``commit`` and ``dirty`` of the checkout that ``package`` is run from; None if it is installed from a wheel."""
    try:
        if not _git(package, "ls-files", "__init__.py"):
            return None
        changed = _git(package, "status", "--porcelain", "--", ".", "../configs")
        return {"commit": _git(package, "rev-parse", "HEAD"), "dirty": bool(changed)}
    except (OSError, subprocess.SubprocessError):
        return None  # no git, no repository, or no commit in it


def hardware() -> dict:
    """Processor, cores and accelerators."""
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "accelerators": devices or (["mps"] if torch.backends.mps.is_available() else []),
        "cuda": torch.version.cuda if devices else None,
        "processes": int(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS") or 1),
    }


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()
