"""``n2s listen``: a page to listen to the sounds of a run and to rate them."""

from pathlib import Path


def listen(folder: Path, page: Path | None = None, max_clips: int | None = None, max_mb: float = 80.0) -> None:
    """Write one HTML file with stimulus and reconstructions side by side, and a rating mode.

    Parameters
    ----------
    folder
        A run's folder, or any folder with manifest.csv or with stimulus/<clip>.wav and <method>/<clip>.wav.
    page
        The HTML file for raters; by default listening.html in the folder. Beside it, ..._open.html shows the names of the methods.
    max_clips
        The most clips; they are taken evenly from all.
    max_mb
        The largest page, MB. Sounds are lossless (FLAC) if they fit, otherwise compressed (Ogg Vorbis).
    """
    from n2s.errors import UserError
    from n2s.listening.manifest import STIMULUS, read_manifest
    from n2s.listening.page import evenly, write_listening_page

    if max_clips is not None and max_clips < 1:
        raise UserError(f"--max_clips {max_clips}; expected at least 1.")
    _check_makes_sounds(folder)
    table = read_manifest(folder)
    methods = [name for name in dict.fromkeys(table.method) if name != STIMULUS]
    clips = list(dict.fromkeys(table["clip"]))
    if max_clips is not None:
        clips = evenly(clips, max_clips)
    written = write_listening_page(
        page or folder / "listening.html", table[table["clip"].isin(clips)], methods, max_mb=max_mb
    )
    for method, n in written.missing.items():
        print(f"note: {n} of {len(clips)} clips have no sound of '{method}'")
    print(
        f"Page: {written.open} (with the methods' names, for you: {len(clips)} clips, {len(methods)} methods, "
        f"{written.n_bytes / 1e6:.1f} MB, {written.codec})\nFor raters: {written.path} (without names, to rate)\n"
        f"Key:  {written.key} (names the methods; keep it from raters)\n"
        f"Next: open the first; what raters save on the second goes to n2s ratings FILES --key {written.key}"
    )


def _check_makes_sounds(folder: Path) -> None:
    """Say so if a run is of a system that makes none: no ``n2s predict`` would help."""
    from n2s.config_classes import class_named
    from n2s.errors import UserError
    from n2s.training.run import Run, originals

    runs = [Run(folder)] if Run(folder).exists() else originals(folder) if folder.is_dir() else []
    if not runs or (folder / "manifest.csv").is_file():
        return
    kind = class_named(runs[0].settings().get("model", {}).get("class_path"))
    if kind is None or getattr(kind, "makes_sounds", True):
        return
    raise UserError(
        f"{folder} is of {kind.__name__}, which makes no sounds to hear. Its scores: n2s test. Recipes that make sounds: "
        "n2s recipes --find _audio."
    )
