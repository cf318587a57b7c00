"""Find stimuli that are the same sound, whole or in part, whatever their names, files and formats."""

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from n2s.data.clip_targets import tracked
from n2s.features.fingerprint import Fingerprint, Marks, audio_fingerprint, frames_fingerprint
from n2s.paths import cache_dir, written_whole
from n2s.studies.study import Stimulus

_VERSION = 6  # increase when fingerprints, or their matches, change
OFTEN = 20  # times in one sound: such a mark tells no place (a steady tone, a syllable of a synthesizer)
SHORTEST_S = {True: 1.0, False: 2.0}  # of a stretch that two sounds share, exactly and nearly
OF_SHORTER = 0.4  # or this share of the shorter sound
LEAST_MARKS, LEAST_HZ = 8, 3.0  # of such a stretch
PAUSE_S = 1.0  # between its marks, at most
WHOLE = 0.9  # of an exact stretch's marks are in the other sound, too
MOST_OFFSETS = 100  # of two sounds, those that most marks fit: two copies of speech that repeats itself have thousands
STEADY = 0.5  # as many marks match at another offset near by: a steady sound, not a copy
STEADY_S = 2.0

#: Columns of `shared_sound`: two identities, where the stretch starts in each and how long it is (s), and whether its
#: samples are equal (else it only sounds alike).
SHARED = ("one", "other", "one_start_s", "other_start_s", "duration_s", "exact")


def sound_identities(stimuli: Mapping[str, Stimulus]) -> dict[str, str]:
    """The identity of each stimulus' sound, by the stimulus' name: equal for equal sounds.

    It is a hash of the decoded samples, so that wav, flac, other headers, tags and file names, and one channel or
    several equal ones, make no difference; of the values, if a study provides features instead of audio. Each
    audio file is decoded once: its fingerprint is kept in the cache, by the file's place, size and time of change.
    """
    return {
        name: _sha256(stimuli[name]) for name in tracked(stimuli, "hearing which sounds are the same", len(stimuli))
    }


def shared_sound(stimuli: Mapping[str, Stimulus]) -> pd.DataFrame:
    """Every stretch that two different sounds share: a cut from a longer file, or a copy with another encoding or mix.

    And every stretch that one sound plays again a second later or more, sample by sample: a loop. Both identities are then the same.

    Returns
    -------
    Table of `SHARED`, one row per stretch. Equal sounds are one (`sound_identities`). A stretch is exact if the samples
    are equal; otherwise it was found by peaks of the spectrogram, to within a fiftieth of a second.
    """
    unique = {identity: stimuli[name] for name, identity in sorted(sound_identities(stimuli).items())}
    names = sorted(unique)
    key = hashlib.sha256(f"{_VERSION} {' '.join(names)}".encode()).hexdigest()[:32]
    kept = cache_dir() / "sounds" / f"shared-{key}.csv"
    if not kept.is_file():
        prints = [_fingerprint(unique[name]) for name in tracked(names, "comparing sounds", len(names))]
        exact = _shared([p.samples for p in prints], [p.duration_s for p in prints], exact=True)
        near = _shared([p.peaks for p in prints], [p.duration_s for p in prints], exact=False)
        rows = exact + [row for row in near if not any(_same_stretch(row, other) for other in exact)]
        table = pd.DataFrame(rows, columns=list(SHARED))
        table[["one", "other"]] = table[["one", "other"]].map(lambda index: names[index])
        with written_whole(kept) as temporary:
            table.to_csv(temporary, index=False)
    return pd.read_csv(kept, dtype={"one": str, "other": str, "exact": bool})


def _shared(marks: list[Marks], lasts_s: list[float], *, exact: bool) -> list[tuple]:
    """Rows of `SHARED`, with numbers instead of names."""
    marks = [_rare(one) for one in marks]
    owner = np.repeat(np.arange(len(marks)), [len(one.hash) for one in marks])
    order = np.argsort(np.concatenate([one.hash for one in marks]), kind="stable")
    hashes, at, owner = (
        values[order] for values in (*(np.concatenate([getattr(m, k) for m in marks]) for k in ("hash", "at")), owner)
    )
    found = []
    for index, one in enumerate(marks):
        first, stop = np.searchsorted(hashes, one.hash, "left"), np.searchsorted(hashes, one.hash, "right")
        n = stop - first
        mine = np.repeat(np.arange(len(n)), n)
        theirs = np.arange(n.sum()) + np.repeat(first - (np.cumsum(n) - n), n)
        later = owner[theirs] > index
        if exact:  # a sound that plays one thing again; sooner, values are held, as of a word in every frame of it
            soonest = min(SHORTEST_S[exact], OF_SHORTER * lasts_s[index]) / one.step_s
            later |= (owner[theirs] == index) & (at[theirs] - one.at[mine] >= soonest)
        mine, theirs = mine[later], theirs[later]
        place, offset = one.at[mine], one.at[mine] - at[theirs]
        by_other = np.lexsort((place, offset, owner[theirs]))
        place, offset, others = place[by_other], offset[by_other], owner[theirs][by_other]
        edges = np.flatnonzero(np.diff(others, prepend=-1, append=-1))
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            if high - low < LEAST_MARKS:
                continue
            other = int(others[low])
            shortest_s = min(SHORTEST_S[exact], OF_SHORTER * min(lasts_s[index], lasts_s[other]))
            for start, end, lag in _stretches(place[low:high], offset[low:high], one, shortest_s, exact):
                start_s, lasted_s = start * one.step_s, (end - start) * one.step_s
                found.append((index, other, start_s, start_s - lag * one.step_s, lasted_s, exact))
    return found


def _stretches(
    place: np.ndarray, offset: np.ndarray, marks: Marks, shortest_s: float, exact: bool
) -> Iterator[tuple[int, int, int]]:
    """First and last place and the offset of each stretch, from marks (n,) that two sounds share, sorted by offset."""
    slack = 0 if exact else 1
    lags, count = np.unique(offset, return_counts=True)
    before = np.concatenate([[0], np.cumsum(count)])

    def within(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return before[np.searchsorted(lags, high, "right")] - before[np.searchsorted(lags, low, "left")]

    fits = within(lags - slack, lags + slack)
    taken: list[int] = []
    likely = np.flatnonzero(fits >= LEAST_MARKS)
    for lag in map(int, lags[likely[np.argsort(-fits[likely], kind="stable")][:MOST_OFFSETS]]):
        if any(abs(lag - other) <= 2 * slack for other in taken):
            continue
        if not exact and _is_steady(lags, fits, lag, round(STEADY_S / marks.step_s)):
            continue
        low, high = np.searchsorted(offset, [lag - slack, lag + slack + 1])
        places = np.unique(place[low:high])
        for run in np.split(places, np.flatnonzero(np.diff(places) * marks.step_s > PAUSE_S) + 1):
            lasted_s = (run[-1] - run[0]) * marks.step_s
            if len(run) < LEAST_MARKS or lasted_s < shortest_s or len(run) < LEAST_HZ * lasted_s:
                continue
            inside = np.unique(marks.at[(marks.at >= run[0]) & (marks.at <= run[-1])])
            if not exact or len(run) >= WHOLE * len(inside):
                taken.append(lag)
                yield int(run[0]), int(run[-1]), lag


def _is_steady(lags: np.ndarray, fits: np.ndarray, lag: int, reach: int) -> bool:
    near = (np.abs(lags - lag) > 3) & (np.abs(lags - lag) <= reach)
    return fits[near].max(initial=0) >= STEADY * fits[lags == lag].max()


def _same_stretch(near: tuple, exact: tuple) -> bool:
    """Whether the samples of a stretch that sounds alike are equal."""
    apart_s = (near[2] - near[3]) - (exact[2] - exact[3])
    inside = near[2] > exact[2] - 1 and near[2] + near[4] < exact[2] + exact[4] + 1
    return near[:2] == exact[:2] and abs(apart_s) < 0.05 and inside


def _rare(marks: Marks) -> Marks:
    """The marks that do not occur often in their sound."""
    _, which, count = np.unique(marks.hash, return_inverse=True, return_counts=True)
    rare = count[which] <= OFTEN
    return Marks(marks.hash[rare], marks.at[rare], marks.step_s)


# -- the cache ---------------------------------------------------------------------------------------------------------


def _sha256(stimulus: Stimulus) -> str:
    kept = _kept(stimulus)
    if kept is not None and kept.is_file():
        try:
            with np.load(kept) as file:
                return str(file["sha256"])
        except _BROKEN:
            pass  # made again below
    return _fingerprint(stimulus).sha256


def _fingerprint(stimulus: Stimulus) -> Fingerprint:
    """Read it from the cache, or make and keep it."""
    kept = _kept(stimulus)
    if kept is None:
        return frames_fingerprint(stimulus.ready)
    if kept.is_file():
        try:
            return _read(kept)
        except _BROKEN:
            pass  # made again: a process of another version, a disk that was full
    found = audio_fingerprint(stimulus.audio)
    with written_whole(kept) as temporary, open(temporary, "wb") as file:
        marks = {
            f"{name}_{part}": getattr(getattr(found, name), part)
            for name in ("samples", "peaks")
            for part in ("hash", "at", "step_s")
        }
        np.savez(file, sha256=found.sha256, duration_s=found.duration_s, **marks)
    return found


_BROKEN = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)  # what numpy raises of a broken file


def _read(path: Path) -> Fingerprint:
    with np.load(path) as file:
        samples, peaks = (
            Marks(file[f"{name}_hash"], file[f"{name}_at"], float(file[f"{name}_step_s"]))
            for name in ("samples", "peaks")
        )
        return Fingerprint(str(file["sha256"]), float(file["duration_s"]), samples, peaks)


def _kept(stimulus: Stimulus) -> Path | None:
    """The file of a stimulus' fingerprint; None for features instead of audio."""
    if stimulus.audio is None:
        return None
    path = stimulus.audio.resolve()
    about = path.stat()
    told = (_VERSION, str(path), about.st_size, about.st_mtime_ns, soundfile.__libsndfile_version__)
    return cache_dir() / "sounds" / f"{hashlib.sha256(repr(told).encode()).hexdigest()[:32]}.npz"
