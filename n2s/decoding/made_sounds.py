"""Sounds that were made from a recording: files, the page with players, and how they compare with what may have been heard."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch
from matplotlib.figure import Figure

from n2s.decoding.decoded import Decoded
from n2s.decoding.ranked_sounds import ALPHA, RankedSounds
from n2s.features.stitch import spanning, stitch
from n2s.metrics.result import Drawing, Listening, Shown, Sound
from n2s.models.diffusion.spectrogram import log_mel
from n2s.paths import written_whole
from n2s.report.listen import read_clip

N_SHOWN = 6  # sounds with a player
SHOWN_S = 60.0
HOP = 160  # samples of a frame of `log_mel`
FOLDER, JOINED, NO_BRAIN = "sounds", "joined.wav", "no_brain.wav"


@dataclass(eq=False, kw_only=True, repr=False)
class MadeSounds(Decoded):
    """A sound for each clip of a recording.

    Attributes
    ----------
    table
        One row a clip: ``time_s``, ``file`` (as `save` names it), ``mel_r_no_brain`` (how alike its sound and the one without a brain are: the
        correlation of their mel spectrograms), and with candidates ``sound``, ``sound_s``, ``z``: the stretch of a candidate that it fits best.
    made
        (n, l) The sounds.
    no_brain
        (l,) The sound of the mean of the training clips, from the same noise.
    rate
        Sampling rate, Hz.
    ranking
        Which of the candidates was heard, and when; None without candidates.
    likeness
        One row a candidate: see `compared`; None without candidates.
    """

    made: np.ndarray
    no_brain: np.ndarray
    rate: int
    ranking: RankedSounds | None = None
    likeness: pd.DataFrame | None = None

    @property
    def joined(self) -> np.ndarray:
        """(m,) All sounds as one, from the start of the first clip on; neighbours fade into each other where they overlap."""
        starts = self._starts
        chosen = spanning(starts, self.made.shape[1])
        sound = stitch(self.made[chosen], starts[chosen])
        return sound / max(1.0, float(np.abs(sound).max()) / 0.99)

    def tables(self) -> dict[str, pd.DataFrame]:
        """See `Decoded`."""
        found = {"made": self.table}
        if self.ranking is not None:
            found |= self.ranking.tables() | {"likeness": self.likeness}
        return found

    def written(self, folder: Path) -> dict[str, str]:
        """See `Decoded`."""
        return super().written(folder) | {"sounds": f"{folder / FOLDER} ({len(self.made)}, {JOINED} and {NO_BRAIN})"}

    def save(self, folder: Path | str) -> Path:
        """Also writes ``sounds/<start>.wav``, ``sounds/joined.wav`` and ``sounds/no_brain.wav``."""
        place = Path(folder) / FOLDER
        sounds = dict(zip(self.table.file, self.made, strict=True)) | {JOINED: self.joined, NO_BRAIN: self.no_brain}
        for name, sound in sounds.items():
            with written_whole(place / Path(name).name) as path:
                soundfile.write(path, sound, self.rate, subtype="PCM_16", format="WAV")
        return super().save(folder)

    def headline(self) -> list[str]:
        """What was made, and which candidate was heard."""
        length_s, alike = self.made.shape[1] / self.rate, self.table.mel_r_no_brain.mean()
        lines = [
            f"{len(self.made)} sounds of {length_s:g} s were made. Their spectrograms correlate on average {alike:.2f} with the sound that is made without a "
            "brain, from the same noise: what they share says nothing of what was heard."
        ]
        if self.ranking is None:
            return [
                *lines,
                "Nobody says that they are right: give the sounds that may have been heard, and they are compared.",
            ]
        return [*lines, *self.ranking.headline(), *self._likeness_in_words()]

    def shown(self) -> Shown:
        """See `Decoded`."""
        ranked, n_said = (None, 0) if self.ranking is None else (self.ranking.shown(), len(self.ranking.said))
        tables = {} if self.likeness is None else {"Made sounds and the candidates": self._likeness_cells()}
        notes = [*self.said, NOTE]
        return Shown(
            headline=self.headline(),
            notes=notes if ranked is None else [*notes, *ranked.notes[n_said:]],
            tables=tables if ranked is None else tables | dict(ranked.tables),
            drawings=[self._spectrogram(), *([] if ranked is None else ranked.drawings)],
            listening=self._listening(),
        )

    @property
    def _starts(self) -> np.ndarray:
        return np.rint((self.table.time_s - self.table.time_s.iloc[0]) * self.rate).to_numpy(int)

    @property
    def _likeness(self) -> pd.DataFrame:
        return pd.DataFrame({"p": []}) if self.likeness is None else self.likeness

    def _found(self) -> pd.DataFrame:
        """The candidates that were surely heard."""
        likeness = self._likeness
        return likeness[likeness.p < ALPHA]

    def _likeness_in_words(self) -> list[str]:
        return [
            f"At the place of {one.sound} the made sounds correlate {one.made:.2f} with it ({one.n_clips} clips); those made of other moments {one.other_moments:.2f}, "
            f"the one without a brain {one.no_brain:.2f}."
            for one in self._found().itertuples()
            if one.n_clips
        ]

    def _likeness_cells(self) -> tuple[list[str], list[list[str]]]:
        def cell(value: float) -> str:
            return "-" if not np.isfinite(value) else f"{value:.3f}"

        rows = [
            [one.sound, cell(one.p), str(one.n_clips), cell(one.made), cell(one.other_moments), cell(one.no_brain)]
            for one in self._likeness.itertuples()
        ]
        return ["sound", "p", "clips", "made (r)", "made of other moments (r)", "no brain (r)"], rows

    def _listening(self) -> Listening:
        """Some clips, evenly over the recording; where a candidate was found, those that it covers, with what was heard."""
        heard = {}
        for one in self._found().itertuples():
            for row in self.table.itertuples():
                at_s = row.time_s - one.start_s
                if at_s >= 0 and at_s + self.made.shape[1] / self.rate <= one.duration_s:
                    heard[row.Index] = (one.sound, one.path, at_s)
        among = sorted(heard) or list(range(len(self.made)))
        shown = [
            among[i] for i in np.unique(np.linspace(0, len(among) - 1, min(N_SHOWN, len(among))).round().astype(int))
        ]
        length_s = self.made.shape[1] / self.rate
        whole = self.joined[: round(SHOWN_S * self.rate)]
        first = f", the first {SHOWN_S:g} s" if len(self.joined) > len(whole) else ""
        groups = {
            f"All sounds, joined{first}": [Sound("made", whole, self.rate)],
            "Without a brain": [Sound("no brain", self.no_brain, self.rate, text="of the mean of the training clips")],
        }
        for row in shown:
            time_s = self.table.time_s.iloc[row]
            sounds = [Sound("made", self.made[row], self.rate, place=f"{time_s:.1f} to {time_s + length_s:.1f} s")]
            if row in heard:
                name, path, at_s = heard[row]
                sounds.append(
                    Sound(
                        "found",
                        read_clip(path, at_s, length_s),
                        self.rate,
                        text=name,
                        place=f"{at_s:.1f} s of it",
                        true=True,
                    )
                )
            groups[f"{time_s:.1f} s of the recording"] = sounds
        return Listening(
            "What was made",
            "Made: from the brain. No brain: from the same noise, of the mean of the training clips. Found: the candidate that the ranking finds at that moment.",
            groups,
            ("sound", "where", ""),
        )

    def _spectrogram(self) -> Drawing:
        whole = self.joined[: round(SHOWN_S * self.rate)]
        mel = _mel(whole[None])[0]
        figure = Figure(figsize=(9, 2.6), layout="constrained")
        axis = figure.subplots()
        first_s = self.table.time_s.iloc[0]
        extent = (first_s, first_s + len(whole) / self.rate, 0, mel.shape[1])
        axis.imshow(mel.T, origin="lower", aspect="auto", extent=extent, cmap="magma")
        axis.set_xlabel("s of the recording")
        axis.set_ylabel("mel band")
        part = f"The first {SHOWN_S:g} s of all" if len(self.joined) > len(whole) else "All"
        return Drawing(
            "The sound that was made", figure, f"{part} sounds, joined: logarithm of mel magnitudes, up to 8 kHz."
        )


NOTE = (
    "Made sounds are guesses: a network that was trained on sounds makes something that sounds like them from any brain, from noise, too. What they say of the "
    "recording is what they have beyond the sound without a brain. r: correlation of mel spectrograms; of a candidate it is taken at the place where it fits best."
)


def made_table(
    time_s: np.ndarray, made: np.ndarray, no_brain: np.ndarray, ranking: RankedSounds | None
) -> pd.DataFrame:
    """The table of `MadeSounds`."""
    table = pd.DataFrame(
        {
            "time_s": time_s,
            "file": [f"{FOLDER}/{one:07.1f}s.wav" for one in time_s],
            "mel_r_no_brain": _alike(_mel(made), _mel(no_brain[None])),
        }
    )
    if table.file.duplicated().any():  # steps below .1 s
        table["file"] = [f"{FOLDER}/{one:09.3f}s.wav" for one in time_s]
    if ranking is None:
        return table
    first = ranking.table[ranking.table["rank"] == 1].reset_index(drop=True)
    nearest = np.abs(first.time_s.to_numpy()[None] - time_s[:, None]).argmin(1)
    return table.assign(**{name: first[name].to_numpy()[nearest] for name in ("sound", "sound_s", "z")})


def compared(
    made: np.ndarray,
    no_brain: np.ndarray,
    time_s: np.ndarray,
    rate: int,
    *,
    sounds: pd.DataFrame,
    paths: Mapping[str, Path],
) -> pd.DataFrame:
    """Made sounds and each candidate, at the place where it fits best.

    Parameters
    ----------
    made, no_brain
        (n, l) and (l,)
    time_s
        (n,) When each begins, s.
    rate
        Sampling rate, Hz.
    sounds
        `RankedSounds.sounds`.
    paths
        The candidates' files, by name.

    Returns
    -------
    One row a candidate: ``sound``, ``path``, ``start_s``, ``duration_s``, ``p``, ``n_clips`` (made sounds that lie within it), and means over these of
    the correlation of mel spectrograms with what the candidate has there: ``made``, ``other_moments`` (each with the sounds made of the other clips),
    ``no_brain``.
    """
    mine, nobody, length_s, rows = _mel(made), _mel(no_brain[None]), made.shape[1] / rate, []
    for one in sounds.itertuples():
        duration_s = soundfile.info(paths[one.sound]).duration
        at_s = time_s - one.start_s
        inside = np.flatnonzero((at_s >= 0) & (at_s + length_s <= duration_s))
        row = {
            "sound": one.sound, "path": str(paths[one.sound]), "start_s": one.start_s, "duration_s": duration_s, "p": one.p, "n_clips": len(inside),
            "made": np.nan, "other_moments": np.nan, "no_brain": np.nan,
        }  # fmt: skip
        if len(inside):
            clips = np.zeros((len(inside), made.shape[1]), np.float32)
            for place, i in enumerate(inside):
                clip = read_clip(str(paths[one.sound]), at_s[i], length_s)
                if clip is not None:
                    clips[place, : len(clip)] = clip[: made.shape[1]]
            true = _mel(_loud(clips))
            each = np.stack([_alike(mine[np.roll(inside, turn)], true) for turn in range(len(inside))])
            row["made"], row["no_brain"] = float(each[0].mean()), float(_alike(nobody, true).mean())
            row["other_moments"] = float(each[1:].mean()) if len(inside) > 1 else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _loud(clips: np.ndarray) -> np.ndarray:
    """(n, l) with a peak of .5, as made sounds are normalised: their loudness is arbitrary."""
    peak = np.abs(clips).max(1, keepdims=True)
    return np.where(peak > 0, 0.5 * clips / np.where(peak > 0, peak, 1), 0).astype(np.float32)


def _mel(sounds: np.ndarray) -> np.ndarray:
    """(n, l) -> (n, t, 64) logarithm of mel magnitudes."""
    whole = sounds[:, : sounds.shape[1] // HOP * HOP]
    return log_mel(torch.from_numpy(np.ascontiguousarray(whole, np.float32))).numpy()


def _alike(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n, t, f), (n or 1, t, f) -> (n,) correlation over time and bands; 0 where one does not change."""
    a, b = (one.reshape(len(one), -1).astype(np.float64) for one in (some, others))
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    size = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.where(size > 0, (a * b).sum(1) / np.where(size > 0, size, 1), 0.0)
