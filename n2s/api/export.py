"""A trained run as a folder that others load: safetensors, config, scores, and a model card."""

import json
import re
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from n2s.api.bundle import CONFIG, FORMAT, WEIGHTS, Bundle
from n2s.api.card import card
from n2s.api.nested import packed
from n2s.data.front import FILE
from n2s.decoding.decoder import Decoder
from n2s.errors import UserError
from n2s.findings import tell
from n2s.paths import written_whole

KEPT = (
    "experiment",
    "run",
    "seed",
    "started",
    "finished",
    "versions",
    "git",
    "hardware",
)  # entries of run.json without names of recordings


def export(bundle: Bundle, folder: Path | str | None = None, *, licence: str | None = None) -> Path:
    """Write a run's weights and all that a new recording needs into a folder; ``n2s.load`` reads it.

    No recording, no path of this machine and no optimizer are in it. It holds the names of subjects and sensors.

    Parameters
    ----------
    bundle
        The run.
    folder
        A new folder; by default ``export`` in the run's folder, which is written anew.
    licence
        Of the weights, for the card; they are derived from the data, so the data's licence matters.

    Raises
    ------
    UserError
        The folder has other files, or the run has no weights.
    """
    target = bundle.folder / "export" if folder is None else Path(folder).expanduser()
    if folder is not None and target.exists() and any(target.iterdir()) and not (target / CONFIG).is_file():
        raise UserError(f"{target} has other files. Name a new folder.")
    checkpoint = bundle.checkpoint
    options, of_options = packed(_without_paths(dict(checkpoint["hyper_parameters"]), "model"), "options")
    entries, of_entries = packed(_last_parts(dict(checkpoint["entries"])), "entries")
    state = checkpoint["state_dict"]
    tensors = {
        f"state.{name}": one.detach().cpu().contiguous() for name, one in state.items() if isinstance(one, Tensor)
    }
    plain, of_plain = packed({name: one for name, one in state.items() if not isinstance(one, Tensor)}, "plain")
    shared = {
        name: one.clone() for name, one in (tensors | of_options | of_entries | of_plain).items()
    }  # safetensors holds no views
    config = _config(bundle.config)
    told = {
        "library_name": "n2s",
        "format": FORMAT,
        "n2s": bundle.record.get("versions", {}).get("n2s"),
        "system": config["model"]["class_path"],
        "config": config,
        "record": {key: bundle.record[key] for key in KEPT if key in bundle.record},
        "hyper_parameters": options,
        "entries": entries,
        "state": plain,
    }
    front = (bundle.folder / FILE).is_file()
    with written_whole(target / WEIGHTS) as temporary:
        save_file(shared, str(temporary), {"format": "pt"})
    _write(target / CONFIG, json.dumps(told, indent=1, ensure_ascii=False))
    if bundle.metrics:
        _write(target / "metrics.json", json.dumps(bundle.metrics, indent=1, ensure_ascii=False))
    if front and target.resolve() != bundle.folder:
        bundle.front.save(target / FILE)
    _write(target / "README.md", card(bundle, licence=licence, decoder=_decoder(bundle, front)))
    return target


def _decoder(bundle: Bundle, front: bool) -> Decoder | UserError:
    """What decodes new recordings, or why nothing does."""
    if not front:
        return UserError(f"{bundle.kind.__name__} does not decode recordings outside its studies.")
    try:
        return bundle.system().decoder(bundle.trained())
    except UserError as refused:
        return refused


def _config(config: dict) -> dict:
    """What a decoder needs of a run's config; of studies only their names and classes."""
    data = dict(config.get("data") or {})
    options = dict(data.get("init_args") or {})
    options["studies"] = {
        name: {"class_path": (one or {}).get("class_path")}
        for name, one in (options.get("studies") or {}).items()
        if isinstance(one, dict)
    }
    data["init_args"] = _without_paths(options, "data")
    kept = {key: config[key] for key in ("experiment", "seed_everything") if key in config}
    return kept | {"data": data, "model": _without_paths(dict(config["model"]), "model")}


def _without_paths(value: object, where: str) -> object:
    """Absolute paths as their last part: they mean nothing elsewhere, and may name people."""
    if isinstance(value, dict):
        return {key: _without_paths(one, f"{where}.{key}") for key, one in value.items()}
    if isinstance(value, list):
        return [_without_paths(one, where) for one in value]
    last = _last_part(value)
    if last != value:
        tell(
            "odd",
            where,
            f"it is a path of this machine ({value}); the export says {last}. Who loads it needs that file or folder here.",
        )
    return last


def _last_parts(value: object) -> object:
    """The same of what a checkpoint remembers of earlier runs, which nobody needs any more: nothing is said."""
    if isinstance(value, dict):
        return {key: _last_parts(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_last_parts(one) for one in value)
    return _last_part(value)


def _last_part(value: object) -> object:
    if isinstance(value, str) and re.match(r"(/|~|[A-Za-z]:\\)", value):
        return re.split(r"[/\\]", value.rstrip("/\\"))[-1]
    return value


def _write(path: Path, text: str) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(text + "\n", "utf-8")
