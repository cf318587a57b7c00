"""How well n2s recognises changed copies of a sound, by kind of change, and the cost per hour of audio.

    python benchmarks/fingerprint.py [FOLDER]

Sounds are the simulated stories, or the sounds of a folder. Each is changed in every way and compared with all originals.
``found``: the share of copies that match their own original at the right place; ``seconds``: the share of their
length that matched; ``false``: matches with any other original.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table
from scipy.signal import resample_poly

from n2s.data.identity import shared_sound, sound_identities
from n2s.studies import SimulatedFMRI
from n2s.studies.study import Stimulus

WAYS = {
    "flac": lambda x, hz, rng: (x, hz, "flac", {}),
    "cut out of the middle": lambda x, hz, rng: (x[len(x) // 5 + 77 : -len(x) // 5], hz, "wav", {}),
    "mp3, lowest quality": lambda x, hz, rng: (x, hz, "mp3", {"compression_level": 0.99}),
    "ogg, lowest quality": lambda x, hz, rng: (x, hz, "ogg", {"compression_level": 0.99}),
    "mp3, 0.37 s cut off": lambda x, hz, rng: (x[round(0.37 * hz) :], hz, "mp3", {"compression_level": 0.99}),
    "44.1 kHz": lambda x, hz, rng: (resample_poly(x, 44100, hz), 44100, "wav", {}),
    "8 kHz": lambda x, hz, rng: (resample_poly(x, 8000, hz), 8000, "wav", {}),
    "26 dB quieter": lambda x, hz, rng: (0.05 * x, hz, "wav", {}),
    "louder, clipped": lambda x, hz, rng: (np.clip(4 * x, -1, 1), hz, "wav", {}),
    "stereo, one side 6 dB down": lambda x, hz, rng: (np.stack([x, 0.5 * x], 1), hz, "wav", {}),
    "2 s of silence before": lambda x, hz, rng: (np.concatenate([np.zeros(2 * hz), x]), hz, "wav", {}),
    "noise at 20 dB": lambda x, hz, rng: (_noisy(x, 20, rng), hz, "wav", {}),
    "noise at 10 dB": lambda x, hz, rng: (_noisy(x, 10, rng), hz, "wav", {}),
    "noise at 5 dB": lambda x, hz, rng: (_noisy(x, 5, rng), hz, "wav", {}),
    "cut, 8 kHz, noise at 15 dB, mp3": lambda x, hz, rng: (
        _noisy(resample_poly(x[round(0.41 * hz) :], 8000, hz), 15, rng), 8000, "mp3", {"compression_level": 0.9},
    ),
    "another speed (3%)": lambda x, hz, rng: (resample_poly(x, 100, 103), hz, "wav", {}),
}  # fmt: skip
MOVED_S = {
    "mp3, 0.37 s cut off": 0.37,
    "2 s of silence before": -2.0,
    "cut, 8 kHz, noise at 15 dB, mp3": 0.41,
}


def _noisy(sound: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    return sound + rng.standard_normal(len(sound)) * sound.std() * 10 ** (-snr_db / 20)


def originals(given: str | None, folder: Path) -> dict[str, Path]:
    """Simulated stories, the first minute of each, or the sounds of a folder."""
    if given is not None:
        files = [path for path in sorted(Path(given).rglob("*")) if path.suffix in (".wav", ".flac", ".ogg", ".mp3")]
        return {path.stem: path for path in files}
    study, found = SimulatedFMRI(), {}
    for name in dict.fromkeys(f"{r.task}.{r.run}" for r in study.recordings()):
        sound, hz = soundfile.read(study.audio(name), frames=60 * 16000)
        found[name] = folder / f"{name}.wav"
        soundfile.write(found[name], sound, hz)
    return found


def main() -> None:
    """See the module's docstring."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        known = originals(sys.argv[1] if len(sys.argv) > 1 else None, folder)
        stimuli = {name: Stimulus(name, path) for name, path in known.items()}
        began = time.process_time()
        names = {sha: name for name, sha in sound_identities(stimuli).items()}
        hashed_s, began = time.process_time() - began, time.process_time()
        among = shared_sound(stimuli)
        hours = sum(soundfile.info(path).duration for path in known.values()) / 3600
        print(f"{len(known)} sounds, {hours:.2f} h: fingerprints {hashed_s / hours:.1f} s an hour of audio, all pairs compared ",
              f"in {time.process_time() - began:.1f} s; {len(among)} matches among them")  # fmt: skip
        for row in among.itertuples():
            print(f"  {names[row.one]} {names[row.other]} {row.duration_s:.1f} s, exact: {row.exact}")
        table = Table("what was done", "found", "seconds", "false", "exact")
        for way, change in WAYS.items():
            copies = {}
            for name, path in known.items():
                sound, hz = soundfile.read(path, always_2d=True)
                changed, rate, kind, options = change(sound.mean(1), hz, rng)
                copies[name] = folder / f"{name}.copy.{kind}"
                soundfile.write(copies[name], changed, rate, **options)
            table.add_row(way, *_scores(way, stimuli, copies, names))
        Console().print(table)


def _scores(way: str, stimuli: dict[str, Stimulus], copies: dict[str, Path], names: dict[str, str]) -> list[str]:
    every = stimuli | {f"copy of {name}": Stimulus(name, path) for name, path in copies.items()}
    known = sound_identities(every)
    equal = sum(known[name] == known[f"copy of {name}"] for name in copies)
    called = names | {
        known[f"copy of {name}"]: f"copy of {name}" for name in copies if known[name] != known[f"copy of {name}"]
    }
    found, false, seconds, exact = set(), 0, 0.0, 0
    for row in shared_sound(every).itertuples():
        one, other = sorted((called[row.one], called[row.other]), key=lambda name: name.startswith("copy of "))
        if one.startswith("copy of ") or not other.startswith("copy of "):
            continue
        moved_s = row.one_start_s - row.other_start_s
        moved_s = moved_s if called[row.one] == one else -moved_s
        right = way not in MOVED_S or abs(moved_s - MOVED_S[way]) < 0.06
        if other == f"copy of {one}" and right:
            found.add(one)
            exact += row.exact
            seconds += row.duration_s
        else:
            false += 1
    total_s = sum(soundfile.info(path).duration for path in copies.values())
    share = "" if equal == len(copies) else f"{100 * seconds / total_s:.0f}%"
    return [f"{(len(found) + equal)}/{len(copies)}", share or "equal", str(false), str(exact + equal)]


if __name__ == "__main__":
    main()
