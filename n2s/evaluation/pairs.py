"""Folders of sounds, clip by clip: paired by name, read at one rate, and checked before anything is computed."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import soundfile
from torch import Tensor

from n2s.errors import UserError, nearest
from n2s.features.audio import read_audio

SFREQ = 16000
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
_SILENT = 1e-4  # of full scale, -80 dB: nothing in the clip is louder
_SHORTEST_S = 0.1
_ONE_LENGTH = 0.95  # of the longest clip: shorter by no more, clips are meant to be of one length


@dataclass(frozen=True)
class Sounds:
    """The clips of a folder, in order of their names."""

    folder: Path
    paths: dict[str, Path]  # by name: the file name without its suffix
    audio: list[Tensor]  # (samples,) mono, 16 kHz
    notes: list[str]  # notes for the user

    def __len__(self) -> int:
        return len(self.audio)

    @property
    def lengths(self) -> list[int]:
        """Samples of each clip."""
        return [len(clip) for clip in self.audio]

    def durations_s(self) -> list[float]:
        """Of each clip."""
        return [len(clip) / SFREQ for clip in self.audio]


def sound_files(folder: Path) -> dict[str, Path]:
    """The sounds directly in a folder, by name without suffix.

    Raises
    ------
    UserError
        No such folder, no sound in it, or two with the same name.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise UserError(f"no folder at {folder.absolute()}: expected one with sounds ({', '.join(SUFFIXES)}).")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or not path.is_file() or path.name.startswith("."):
            continue
        if path.stem in found:
            raise UserError(f"{folder}: {found[path.stem].name} and {path.name} have the same name. Keep one of them.")
        found[path.stem] = path
    if not found:
        inside = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        raise UserError(f"{folder}: no sound ({', '.join(SUFFIXES)}) directly in this folder; it contains {inside}.")
    return dict(sorted(found.items()))  # by name: 'x.flac' comes before 'x.g.flac', but 'x.wav' after 'x.g.wav'


def read_together(reference: Path, *others: Path) -> list[Sounds]:
    """Read the clips of the reference and the other folders; clips with the same name are cut to the shortest of them.

    All are cut to the shortest of all where that is at least 95% of the longest: scores that compare a clip with others need clips
    of one length. Channels are averaged (audioldm_eval takes the first).

    Raises
    ------
    UserError
        Names that are in one folder only, fewer than two clips, sounds that cannot be read or are below 0.1 s, or
        a folder with only silent clips.
    """
    folders = [Path(folder).expanduser() for folder in (reference, *others)]
    files = [sound_files(folder) for folder in folders]
    for folder, paths in zip(folders[1:], files[1:], strict=True):
        _same_names(files[0], paths, folders[0], folder)
    if len(files[0]) < 2:
        raise UserError(f"{reference}: a single sound. Scores of sets and their controls need two clips at least.")
    found = [
        Sounds(folder, paths, [read_audio(path, SFREQ) for path in paths.values()], _rates(folder, paths))
        for folder, paths in zip(folders, files, strict=True)
    ]
    _cut(found)
    for sounds in found:
        _audible(sounds)
    return found


def same_sounds(sounds: Sounds) -> int:
    """Number of clips that are identical to an earlier one, sample by sample."""
    return len(sounds) - len({hashlib.sha256(clip.numpy().tobytes()).digest() for clip in sounds.audio})


def _same_names(one: dict[str, Path], two: dict[str, Path], first: Path, second: Path) -> None:
    lines = []
    for here, there, folder in ((one, two, second), (two, one, first)):
        lacking = [name for name in here if name not in there]
        if lacking:
            more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
            close = nearest(lacking[0], [name for name in there if name not in here], n=1)
            lines.append(f"{folder} lacks {len(lacking)} of {len(here)}: {', '.join(lacking[:5])}{more}.{close}")
    if lines:
        raise UserError(
            f"the sounds of {first} and {second} are paired by name, and some have no partner. {' '.join(lines)} "
            "Give partners the same name (the suffix may differ), and remove sounds without a partner."
        )


def _rates(folder: Path, paths: dict[str, Path]) -> list[str]:
    other: dict[int, int] = {}
    for path in paths.values():
        try:
            rate = soundfile.info(path).samplerate
        except soundfile.SoundFileError:
            continue  # the error is reported when the file is read
        if rate != SFREQ:
            other[rate] = other.get(rate, 0) + 1
    return [
        f"{folder}: {count} of {len(paths)} clips are of {rate} Hz and were resampled to {SFREQ} Hz; "
        "the way of resampling moves FD and KL."
        for rate, count in other.items()
    ]


def _cut(found: list[Sounds]) -> None:
    gaps: dict[str, float] = {}
    for i, name in enumerate(found[0].paths):
        lengths = [len(sounds.audio[i]) for sounds in found]
        n = min(lengths)
        if n < _SHORTEST_S * SFREQ:
            raise UserError(
                f"{found[lengths.index(n)].paths[name]}: {n / SFREQ:.3f} s of sound; every score needs at "
                f"least {_SHORTEST_S} s. Remove the clip from all folders."
            )
        if max(lengths) > n:
            gaps[name] = (max(lengths) - n) / SFREQ
            for sounds in found:
                sounds.audio[i] = sounds.audio[i][:n]
    if gaps:
        most = max(gaps, key=gaps.get)
        found[0].notes.append(
            f"{len(gaps)} of {len(found[0])} clips differ in length from their reference ("
            f"'{most}' by {gaps[most]:.3f} s); what one of them has more was cut off."
        )
    lengths = found[0].lengths
    if min(lengths) < max(lengths) and min(lengths) >= _ONE_LENGTH * max(lengths):
        for sounds in found:
            sounds.audio[:] = [clip[: min(lengths)] for clip in sounds.audio]
        found[0].notes.append(
            f"clips are of {min(lengths) / SFREQ:.3f} to {max(lengths) / SFREQ:.3f} s; all were cut to the shortest."
        )


def _audible(sounds: Sounds) -> None:
    silent = [
        name
        for name, clip in zip(sounds.paths, sounds.audio, strict=True)
        if float((clip - clip.mean()).abs().max()) < _SILENT
    ]
    if len(silent) == len(sounds):
        raise UserError(f"{sounds.folder}: all {len(sounds)} clips are silent. Check the program that wrote them.")
    if silent:
        more = f" and {len(silent) - 5} more" if len(silent) > 5 else ""
        sounds.notes.append(
            f"{sounds.folder}: {len(silent)} of {len(sounds)} clips are silent ({', '.join(silent[:5])}{more}); they "
            "count as they are. FD, FAD and KL can be kind to silence."
        )
