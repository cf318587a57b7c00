"""The API reference: a page for each package, with all of its public names, and a page for each name."""

import importlib
import inspect
import re
from pathlib import Path

from sphinx.application import Sphinx

#: Package or module -> what its page says first.
PACKAGES = {
    "n2s": "What `import n2s` gives.",
    "n2s.api.window_set": "What `n2s.windows` gives.",
    "n2s.api.evaluation": "What `n2s.evaluate` gives.",
    "n2s.decoding.decoded": "What decoding a new recording gives.",
    "n2s.data": "Recordings and stimuli as batches of windows: datamodules, splits, windows, cleaning.",
    "n2s.features": "What a stimulus is compared by.",
    "n2s.models": "Networks and estimators. They take tensors or arrays, and know nothing of Lightning.",
    "n2s.losses": "Losses.",
    "n2s.metrics": "Metrics: functions on arrays.",
    "n2s.metrics.score": "The shape of every score.",
    "n2s.metrics.result": "What a test leaves.",
    "n2s.systems": "What n2s can do: Lightning modules that recipes name.",
    "n2s.training": "Callbacks of recipes.",
    "n2s.studies": "Data sets: public ones, your own, simulated ones.",
    "n2s.corpora": "Sounds with transcripts or labels, for training networks of speech and sound.",
    "n2s.errors": "What a user reads when something is wrong.",
}


def public_names(package: str) -> list[str]:
    """Names in ``__all__``, or what a module defines with a docstring."""
    module = importlib.import_module(package)
    if hasattr(module, "__all__"):
        names = [name for name in module.__all__ if not name.startswith("__")]
    else:
        here = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == package]
        names = [name for name in here if not name.startswith("_") and inspect.getdoc(getattr(module, name))]
    return sorted((name for name in names if exists(module, name)), key=str.lower)


def exists(module: object, name: str) -> bool:
    """False for a name of the face whose module is not there."""
    try:
        return getattr(module, name, None) is not None
    except ImportError:
        return False


def write_pages(app: Sphinx, _config: object = None) -> None:
    """``reference/index.md`` and a page for each package; files that would not change are left."""
    folder = Path(app.srcdir) / "reference"
    listed = []
    for package, about in PACKAGES.items():
        names = "\n".join(f"   {name}" for name in public_names(package))
        body = f"{package}\n{'=' * len(package)}\n\n{about.replace('`', '``')}\n\n"
        body += f".. currentmodule:: {package}\n\n"
        body += f".. autosummary::\n   :toctree: generated\n   :nosignatures:\n\n{names}\n"
        write(folder / f"{package}.rst", body)
        listed.append(f"| [{package}]({package}.rst) | {about} |")
    table = "| where | what |\n|---|---|\n" + "\n".join(listed)
    toctree = "```{toctree}\n:hidden:\n\n" + "\n".join(PACKAGES) + "\n```\n"
    write(folder / "index.md", f"# Reference\n\nEvery public class and function.\n\n{table}\n\n{toctree}")


def write(path: Path, text: str) -> None:
    """Sphinx reads a page anew only where its file has changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def keep_bars(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """``|S|`` in a docstring is a magnitude, and no substitution."""
    lines[:] = [line if "``" in line else line.replace("|", "\\|") for line in lines]


def own_signature(
    _app: Sphinx, what: str, _name: str, thing: object, _options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None] | None:
    """Of a class that huggingface_hub wraps: the arguments of its ``__init__``, and not ``*args, **kwargs``."""
    if what != "class" or signature is None or "**kwargs" not in signature:
        return None
    return str(inspect.signature(thing)), returned


def without_routing(_app: Sphinx, _what: str, name: str, _object: object, _skip: bool, _options: object) -> bool | None:
    """Methods that scikit-learn adds to every estimator, such as ``set_fit_request``, are left to its own pages."""
    return True if re.fullmatch(r"set_\w+_request|get_metadata_routing", name) else None


def setup(app: Sphinx) -> dict:
    """Before Sphinx looks for pages."""
    app.connect("config-inited", write_pages)
    app.connect("autodoc-process-signature", own_signature)
    app.connect("autodoc-skip-member", without_routing)
    app.connect("autodoc-process-docstring", keep_bars, priority=900)  # after numpydoc
    return {"parallel_read_safe": True}
