"""The origin of a run: versions, source, hardware, command. ``run.json`` keeps it."""

import os
import platform
import re
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
    "diffusers",
    "peft",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "mne",
    "mne-bids",
    "nilearn",
    "soundfile",
    "espeakng-loader",
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
    """Versions of n2s, Python, and the packages that influence numbers."""
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
    """Processor, memory and accelerators."""
    devices = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return {
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "accelerators": [one.name for one in devices] or (["mps"] if torch.backends.mps.is_available() else []),
        "accelerator_memory_gb": [round(one.total_memory / 1e9, 1) for one in devices],
        "cuda": torch.version.cuda if devices else None,
        "cudnn": torch.backends.cudnn.version() if devices else None,
        "processes": int(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS") or 1),
    }


def processor() -> str:
    """The processor's name from Linux, or what Python knows about it."""
    told = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.+)$", told.read_text(), re.MULTILINE) if told.is_file() else []
    return names[0].strip() if names else platform.processor()


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()
