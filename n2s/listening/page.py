"""The page of a run's sounds: one HTML file to compare them, and to rate them blind to the method."""

import base64
import hashlib
import io
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from matplotlib import colormaps
from PIL import Image

from n2s.errors import UserError, nearest
from n2s.features.audio import read_audio
from n2s.features.mel import Mel
from n2s.listening.manifest import STIMULUS, clip_place
from n2s.paths import written_whole
from n2s.studies.study import Stimulus

CODECS = {"FLAC": ("FLAC", "PCM_16", "audio/flac"), "Ogg Vorbis": ("OGG", "VORBIS", "audio/ogg")}
SHORTEST_S = 0.1

_SCRIPTS = ("listening_page.js", "listening_compare.js", "listening_rate.js")
_LETTERS = "BCDFGHJKMNPQRSTVWXZ"  # no vowels, so no words; no letter that looks like a digit
_N_MELS, _MOST_FRAMES, _RANGE = 64, 400, 6.0  # decades of power: 60 dB


@dataclass(frozen=True)
class ListeningPage:
    """What was written: the page for raters, its key, the page that shows the methods, the size of one page, the sounds' codec, and the number of
    missing sounds by method.
    """

    path: Path
    key: Path
    open: Path
    n_bytes: int
    codec: str
    missing: dict[str, int]


def write_listening_page(
    path: Path, clips: pd.DataFrame, methods: Sequence[str], *, max_mb: float = 80.0
) -> ListeningPage:
    """Write the page for raters and, beside it, the key with the method of each code, and the same page with all names, for who made the sounds.

    The page needs no network and no other file. It contains codes in place of method names; anyone who has the key can
    load it into the page. The key's file name contains the page's id, a hash of the sounds: the same sounds give the
    same page with the same codes, other sounds get another key, and no key is overwritten.

    Parameters
    ----------
    path
        The HTML file. The last two folders of its path give the title.
    clips
        One row per sound, from `n2s.listening.manifest.read_manifest`.
    methods
        The methods to show, without the stimulus. With the key, they appear in this order.
    max_mb
        Maximum size of the page, in MB. If 16-bit FLAC does not fit, sounds are stored as Ogg Vorbis.

    Raises
    ------
    UserError
        There is no clip or no such method, a clip has no stimulus or two sounds of one method, files have different
        sampling rates, are too short or unreadable, or the sounds do not fit in ``max_mb``.
    """
    chosen = _chosen(clips, methods)
    rate = _rate(chosen)
    sounds = {row.path: read_audio(row.path, rate).numpy() for row in chosen.itertuples()}
    for sound_path, audio in sounds.items():
        if len(audio) < SHORTEST_S * rate:
            raise UserError(f"{sound_path}: {len(audio) / rate:.3f} s of sound; expected at least {SHORTEST_S:g} s.")
    page_id = _identity(chosen)
    key = path.with_name(f"{path.stem}.{page_id}.key.json")
    codes = _codes(key, methods)
    mel = _mel(rate, max(map(len, sounds.values())))
    images = _images(chosen, mel)
    listed: list[dict] = []
    content = {
        "page": page_id,
        "title": ", ".join(path.absolute().parts[-3:-1]),
        "key": key.name,
        "images": f"Spectrograms: mel bands from {mel.fmin:g} to {mel.fmax:g} Hz, down to {10 * _RANGE:g} dB below the "
        "loudest of the clip's stimulus.",
        "codes": sorted(codes[method] for method in methods),
        "clips": listed,
    }
    for clip, rows in chosen.groupby("clip", sort=False):
        stimulus = rows[rows.method == STIMULUS].iloc[0]
        by_code = {codes.get(row.method, STIMULUS): row.path for row in rows.itertuples()}
        parts = {
            code: {"sound": by_code[code], "image": images[by_code[code]], "s": len(sounds[by_code[code]]) / rate}
            for code in sorted(by_code)
        }
        told = {"place": clip_place(stimulus), "text": stimulus.text, "subject": stimulus.subject}
        listed.append({"clip": clip} | told | {"sounds": parts})
    opened = open_page(path)
    html, shown, codec = _fitting(content, {codes[one]: one for one in methods}, path.name, sounds, rate, max_mb=max_mb)
    with written_whole(key) as temporary:
        names = {codes[method]: method for method in methods}
        temporary.write_text(json.dumps({"page": page_id, "methods": names}, indent=2, ensure_ascii=False), "utf-8")
    with written_whole(path) as temporary:
        temporary.write_bytes(html)
    with written_whole(opened) as temporary:
        temporary.write_bytes(shown)
    n_clips = chosen["clip"].nunique()
    counts = chosen.method.value_counts()
    missing = {method: n_clips - int(counts[method]) for method in methods if counts[method] < n_clips}
    return ListeningPage(path, key, opened, len(html), codec, missing)


def open_page(path: Path) -> Path:
    """The page with the names of the methods, beside the one for raters: ``listening.html`` -> ``listening_open.html``."""
    return path.with_name(f"{path.stem}_open{path.suffix}")


def evenly(names: Sequence[str], n: int) -> list[str]:
    """At most n of the names, evenly spaced from the first to the last."""
    if n >= len(names):
        return list(names)
    return [names[i] for i in np.linspace(0, len(names) - 1, n).round().astype(int)]


def _chosen(clips: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """The rows to show."""
    known = [name for name in clips.method.unique() if name != STIMULUS]
    for method in methods:
        if method not in known:
            raise UserError(f"no sound of method '{method}'; there are {', '.join(known)}.{nearest(method, known)}")
    if not methods or len(set(methods)) < len(methods):
        raise UserError(f"methods: {', '.join(methods) or 'none'}; expected at least one, and each once.")
    chosen = clips[clips.method.isin([STIMULUS, *methods])]
    twice = chosen[chosen.duplicated(["clip", "method"])]
    if len(twice):
        raise UserError(f"clip '{twice['clip'].iloc[0]}' has two sounds of '{twice.method.iloc[0]}'. Keep one of each.")
    deaf = sorted(set(chosen["clip"]) - set(chosen["clip"][chosen.method == STIMULUS]))
    if deaf:
        raise UserError(
            f"{len(deaf)} of {chosen['clip'].nunique()} clips have no stimulus, such as '{deaf[0]}'. Expected a sound with "
            f"method '{STIMULUS}' for each clip: {STIMULUS}/<clip>.wav."
        )
    bare = set(chosen["clip"]) - set(chosen["clip"][chosen.method != STIMULUS])
    return chosen[~chosen["clip"].isin(bare)]  # a stimulus alone is nothing to compare


def _rate(chosen: pd.DataFrame) -> int:
    """The sampling rate, which must be the same for all files: a different bandwidth would reveal the method."""
    by_rate: dict[int, str] = {}
    for path in chosen.path:
        try:
            by_rate.setdefault(soundfile.info(path).samplerate, path)
        except soundfile.SoundFileError as error:
            raise UserError(
                f"{path}: cannot be read as audio ({error}). Make it again, or leave its clip out."
            ) from error
    if len(by_rate) > 1:
        told = "; ".join(f"{rate} Hz ({path})" for rate, path in by_rate.items())
        raise UserError(
            f"sounds of different sampling rates: {told}. Expected one rate for stimuli and all methods: a different "
            "bandwidth would reveal a method. Resample with `ffmpeg -i IN -ar RATE OUT.wav`."
        )
    return next(iter(by_rate))


def _identity(chosen: pd.DataFrame) -> str:
    """A hash of the clips, the methods and the bytes of their files: ten hexadecimal digits."""
    digest = hashlib.sha256()
    for row in chosen.sort_values(["clip", "method"]).itertuples():
        digest.update(f"{row.clip}\0{row.method}\0{Stimulus(row.clip, Path(row.path)).sha256}\n".encode())
    return digest.hexdigest()[:10]


def _codes(key: Path, methods: Sequence[str]) -> dict[str, str]:
    """Method -> code: from the key, if the page was written before; else drawn at random, so that nobody can guess them."""
    if key.is_file():
        try:
            codes = {method: code for code, method in json.loads(key.read_text("utf-8"))["methods"].items()}
        except (ValueError, KeyError, AttributeError) as error:
            raise UserError(f"{key}: damaged ({error}). Move it away to get new codes.") from error
        if set(codes) == set(methods):
            return codes
        raise UserError(f"{key}: has the methods {', '.join(codes)}, not {', '.join(methods)}. Move it away.")
    drawn: set[str] = set()
    while len(drawn) < len(methods):
        drawn.add("".join(secrets.choice(_LETTERS) for _ in range(3)))
    return dict(zip(methods, secrets.SystemRandom().sample(sorted(drawn), len(drawn)), strict=True))


def _mel(rate: int, longest: int) -> Mel:
    """Windows of 64 ms or slightly more. A frame every 10 ms, or fewer if the longest sound would make the image too wide."""
    n_fft, hop = 2 ** int(np.ceil(np.log2(0.064 * rate))), max(rate // 100, longest // _MOST_FRAMES)
    return Mel(_N_MELS, sfreq=rate, n_fft=n_fft, hop=hop, fmin=50.0, fmax=min(8000.0, rate / 2))


def _images(chosen: pd.DataFrame, mel: Mel) -> dict[str, str]:
    """Mel spectrograms as data URIs, by path. The sounds of a clip share the scale of its stimulus."""
    images = {}
    for _, rows in chosen.groupby("clip", sort=False):
        values = {row.method: mel.extract(Stimulus(row.path, Path(row.path))).values for row in rows.itertuples()}
        top = values[STIMULUS].max()
        for row in rows.itertuples():
            level = np.clip((values[row.method] - top) / _RANGE + 1, 0, 1)  # (l, f)
            pixels = (255 * colormaps["magma"](level.T[::-1])[..., :3]).astype(np.uint8)
            memory = io.BytesIO()
            Image.fromarray(pixels).save(memory, "WEBP", quality=80)
            images[row.path] = _uri("image/webp", memory.getvalue())
    return images


def _fitting(
    content: dict, names: dict[str, str], blind: str, sounds: dict[str, np.ndarray], rate: int, *, max_mb: float
) -> tuple[bytes, bytes, str]:
    """The page without the methods' names and the one with them, with the first codec that makes them small enough."""
    for codec in CODECS:
        encoded = {path: _encoded(audio, rate, codec) for path, audio in sounds.items()}
        clips = [
            clip | {"sounds": {code: part | {"sound": encoded[part["sound"]]} for code, part in clip["sounds"].items()}}
            for clip in content["clips"]
        ]
        html = _html(content | {"clips": clips})
        if len(html) <= 1e6 * max_mb:
            return html, _html(content | {"clips": clips, "names": names, "blind": blind}), codec
    fits = int(len(clips) * 1e6 * max_mb / len(html))
    advice = f"--max_clips {fits}" if fits else "fewer methods or shorter clips"
    raise UserError(
        f"the page would have {len(html) / 1e6:.1f} MB, more than max_mb={max_mb:g}, with {len(clips)} clips of "
        f"{len(content['codes'])} methods. Use {advice}, or allow more: --max_mb {np.ceil(len(html) / 1e6):.0f}."
    )


def _encoded(audio: np.ndarray, rate: int, codec: str) -> str:
    container, subtype, mime = CODECS[codec]
    memory = io.BytesIO()
    with soundfile.SoundFile(memory, "w", rate, 1, format=container, subtype=subtype) as file:
        for second in range(0, len(audio), rate):  # libsndfile overflows its stack on long pieces of Vorbis
            file.write(np.clip(audio[second : second + rate], -1, 1))
    return _uri(mime, memory.getvalue())


def _uri(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


def _html(content: dict) -> bytes:
    here = Path(__file__)
    page = here.with_name("listening_page.html").read_text("utf-8")
    script = "\n".join(here.with_name(name).read_text("utf-8") for name in _SCRIPTS)
    data = json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")  # a text with </script> would end the script
    title = escape(content["title"])
    # data come last: no placeholder in them is replaced
    return page.replace("@SCRIPT@", script).replace("@TITLE@", title).replace("@DATA@", data).encode("utf-8")
