"""Trained linear decoders on a recording of nobody's study: the feature over time, and which of some sounds it fits."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import torch

from n2s.config_classes import built
from n2s.data.bad_channels import sensor_key
from n2s.data.encoding_responses import scaled
from n2s.data.frame_rate import at_rate
from n2s.decoding.decoder import Decoder, Predicted
from n2s.decoding.new_recording import NewRecording, prepared
from n2s.decoding.placed import place_sounds
from n2s.decoding.ranked_sounds import RankedSounds, ranked_sounds
from n2s.decoding.reconstructed import Reconstructed
from n2s.decoding.sounds import sound_files
from n2s.decoding.trained import Trained
from n2s.errors import UserError, first_of
from n2s.features.feature import Feature, FrameFeature
from n2s.features.store import FeatureStore
from n2s.models.ridge import RidgeDecoder
from n2s.options import check_choice, check_number
from n2s.studies.study import Stimulus
from n2s.systems.linear.fit import Recipe

FEWEST = 0.5  # of a decoder's sensors that a recording must have
WINDOW_S = 5.0
LEAST_S = 1.0  # of a recording, without bad spans


class FeatureOfSensors(Decoder):
    """Reconstruct a feature with a person's decoders, those of all folds averaged, and compare it with sounds.

    Parameters
    ----------
    trained
        What they were fitted to.
    fits
        Subject -> fold -> `n2s.systems.linear.fit.FoldFit.plain`.
    recipe
        How decoders were made.
    targets
        Names of the features that were decoded; None: all of the data's.
    """

    takes = "sensors"

    def __init__(self, trained: Trained, fits: Mapping[str, Mapping], recipe: Recipe, targets: Sequence[str] | None):
        if trained.front.plain["kind"] != "sensors":
            raise UserError(
                f"{trained.name}: a linear decoder of BOLD decodes the runs of its own studies alone: put the run into a study, and run n2s predict. New runs of "
                "fMRI are decoded by n2s.systems.Semantic (--config fmri_semantic)."
            )
        self.trained, self.fits, self.recipe = trained, fits, recipe
        entries = trained.options["features"]
        self.targets = [name for name in (targets or entries) if name in entries]
        if not self.targets:
            raise UserError(
                f"{trained.name}: its targets are layers of a network, which sounds alone do not give. Put the recording into a study."
            )

    def predict(
        self,
        recording: Path | str | mne.io.BaseRaw,
        *,
        subject: str | None = None,
        step_s: float | None = None,
        target: str | None = None,
    ) -> Predicted:
        """The feature (n, f) at each sample that was heard, in its own units: see `Decoder`.

        Parameters
        ----------
        recording
            The recording.
        subject
            Who it is; None: somebody new, whose feature is the mean of what the decoders of all people say.
        step_s
            From one value to the next, s; None: every sample.
        target
            Which feature; None: the first.
        """
        name = target or self.targets[0]
        check_choice("target", name, self.targets)
        person = self.trained.number_of(subject)[1]
        people = [person] if person else [one for one in self.trained.subjects if one in self.fits]
        if person and person not in self.fits:
            raise UserError(f"{self.trained.name}: no decoder of {person}; it has {first_of(self.fits, 6)}.")
        known = self.trained.front.plain["people"]
        if not person and any(known[one]["own_names"] for one in people):
            raise UserError(
                f"{self.trained.name}: contacts in the brain are each person's own, so somebody new cannot be decoded. Say who it is (subject): "
                f"{first_of(people, 6)}."
            )
        new = prepared(recording, self.trained.preparation())
        found, said = [], list(new.said)
        for one in people:
            values, told = self._of(new, one, name)
            found.append(values)
            said += [line for line in told if line not in said]
        whose = (
            f"person: {person}, as in training"
            if person
            else f"person: somebody new, who gets the mean of the decoders of {len(people)} people; each was fitted to their own sensors alone, so expect less"
        )
        step = 1 if step_s is None else max(1, round(step_s * new.meta["sfreq"]))
        time_s = np.arange(len(found[0]))[::step] / new.meta["sfreq"]
        scale = "scale: this recording's own, as each run in training has its own"
        return Predicted(np.mean(found, 0)[::step], time_s, ("time", "feature"), [whose, scale, *said])

    def decode(
        self,
        recording: Path | str | mne.io.BaseRaw,
        candidates: Sequence[Path | str] = (),
        *,
        subject: str | None = None,
        step_s: float = 1.0,
        target: str | None = None,
        window_s: float = WINDOW_S,
        candidate_step_s: float = 0.1,
        seed: int = 0,
    ) -> RankedSounds | Reconstructed:
        """The feature over time; with sounds, which of them was heard, and when it began.

        Parameters
        ----------
        recording, subject, target
            See `predict`.
        candidates
            Sound files that may have been heard; of two that played at once the attended one should fit better.
        step_s
            From one window that is compared to the next, s.
        window_s
            Length of these windows, s.
        candidate_step_s
            From one stretch of a sound to the next, s.
        seed
            Of the draws behind p.
        """
        for option, value in (("step_s", step_s), ("window_s", window_s), ("candidate_step_s", candidate_step_s)):
            check_number(option, value, above=0)
        name = target or self.targets[0]
        paths, names, sounds = self._sounds(candidates, name) if candidates else ([], [], [])
        found = self.predict(recording, subject=subject, target=target)
        where = self._name(recording)
        if not candidates:
            columns = (
                [name] if found.values.shape[1] == 1 else [f"{name} {i + 1}" for i in range(found.values.shape[1])]
            )
            table = pd.DataFrame(found.values, columns=columns)
            table.insert(0, "time_s", found.time_s)
            return Reconstructed(table, where, found.said, feature=name)
        rate_hz = self._rate_hz
        n = round(window_s * rate_hz)
        short = [
            one
            for one, values in zip(["the recording", *names], [found.values, *sounds], strict=True)
            if len(values) < n
        ]
        if short:
            raise UserError(
                f"{first_of(short)}: shorter than a window of {window_s:g} s. Give longer ones, or set window_s lower."
            )
        time_s, mine = _windows(found.values, n, step_s, rate_hz)
        cut = [_windows(values, n, candidate_step_s, rate_hz) for values in sounds]
        start_s, number = (
            np.concatenate([one[0] for one in cut]),
            np.repeat(np.arange(len(cut)), [len(one[0]) for one in cut]),
        )
        scores = np.concatenate([mine @ one[1].T for one in cut], axis=1)
        places = place_sounds(scores, time_s, number, start_s, step_s=candidate_step_s, window_s=window_s, seed=seed)
        table = pd.DataFrame(
            {
                "sound": np.array(names)[number],
                "path": np.array([str(one) for one in paths])[number],
                "start_s": start_s,
            }
        )
        said = [*found.said, f"windows of {window_s:g} s of {name}, compared by r, the mean over its columns"]
        return ranked_sounds(scores, time_s, table, *places, recording=where, window_s=window_s, said=said)

    @property
    def _rate_hz(self) -> float:
        return next(iter(self.trained.front.plain["people"].values()))["rate_hz"]

    def _name(self, recording: object) -> str:
        return Path(recording).name if isinstance(recording, str | Path) else "the recording"

    def _of(self, new: NewRecording, person: str, target: str) -> tuple[np.ndarray, list[str]]:
        """(t, f) by the decoders of one person, and what was found."""
        known = self.trained.front.plain["people"][person]
        columns = known["columns"]
        mine = {sensor_key(name): i for i, name in enumerate(new.meta["ch_names"]) if new.meta["good"][i]}
        source = np.array([mine.get(sensor_key(name), -1) for name in columns])
        there = source >= 0
        lacks = [name for name, has in zip(columns, there, strict=True) if not has]
        if there.mean() < FEWEST:
            raise UserError(
                f"{new.name}: {there.sum()} of the decoder's {len(columns)} sensors are in this recording and good; it lacks {first_of(lacks, 6)}. A linear "
                "decoder knows sensors by their names: give a recording of the same system."
            )
        said = [f"sensors: {there.sum()} of {len(columns)} by name"]
        if lacks:
            said.append(f"missing or bad sensors, at their mean: {first_of(lacks, 8)}")
        values = np.zeros((len(new.brain), len(columns)), np.float32)
        time_s = np.arange(len(values)) / new.meta["sfreq"]
        clear = np.ones(len(values), bool)
        for onset, duration in new.meta["bad_spans"]:
            clear &= (time_s < onset) | (time_s > onset + duration)
        free_s = clear.sum() / new.meta["sfreq"]
        if free_s < LEAST_S:
            raise UserError(
                f"{new.name}: {free_s:.2f} s are free of bad spans; at least {LEAST_S:g} s are needed. Mark less as BAD, or give a longer recording."
            )
        plain = self.trained.front.plain
        options = {"detrend": "run" if plain["detrend"] else None, "clamp": plain["clamp"]}
        one_run = np.ones(int(clear.sum()), bool), np.zeros(int(clear.sum()))
        values[np.ix_(clear, there)] = scaled(new.brain[clear][:, source[there]], time_s[clear], *one_run, **options)[0]
        if not clear.all():
            said.append(f"{100 * (~clear).mean():.0f}% of the recording is in bad spans, and at its mean there")
        lags_s = self.recipe.lags_s or tuple(known["delays_s"])
        found = []
        for fit in self.fits[person].values():
            state = fit["decoders"][target]
            decoder = RidgeDecoder(sfreq=known["rate_hz"], lags_s=lags_s).load_state_dict(state)
            part = np.zeros((len(values), len(state["features"])))
            part[:, state["features"].numpy()] = decoder.predict(
                torch.from_numpy(values[:, state["sensors"].numpy()]).double()
            )
            found.append(part)
        if len(found) > 1:
            said.append(f"the mean of the decoders of {len(found)} folds")
        return np.mean(found, 0), said

    def _sounds(self, paths: Sequence[Path | str], target: str) -> tuple[list[Path], list[str], list[np.ndarray]]:
        """Files, their names, and the feature of each, (t, f) at the brain's rate, filtered as in training."""
        feature = built(Feature, self.trained.options["features"][target])
        if not isinstance(feature, FrameFeature) or type(feature).__name__ == "Ready":
            raise UserError(
                f"{self.trained.name}: {target} is {type(feature).__name__}, which sound files alone do not give: leave the sounds out, or take a run whose "
                "target is computed from sounds (n2s.features.Mel)."
            )
        files, names = sound_files(paths)
        store, rate_hz, found = FeatureStore(feature), self._rate_hz, []
        for path, name in zip(files, names, strict=True):
            (whole,) = store.frames(Stimulus(name, path))
            frames = at_rate(whole, rate_hz, feature.events)
            time_s = np.arange(int(len(whole.values) / whole.rate_hz * rate_hz)) / rate_hz
            place = np.floor((time_s - frames.start_s) * frames.rate_hz + 0.5 + 1e-6).astype(np.int64)
            found.append(self.recipe.band.of(frames.values[place.clip(0, len(frames.values) - 1)], rate_hz))
        return files, names, found


def _windows(values: np.ndarray, n: int, step_s: float, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Starts (k,), s, and (k, f * n) windows, each feature of each without mean and of length 1 / root of their number: products are mean r."""
    starts = np.unique(np.rint(np.arange(0, (len(values) - n) / rate_hz + 1e-6, step_s) * rate_hz).astype(int))
    cut = np.stack([values[at : at + n] for at in starts]).astype(np.float64)  # (k, n, f)
    cut -= cut.mean(1, keepdims=True)
    length = np.linalg.norm(cut, axis=1, keepdims=True)
    cut /= np.where(length > 1e-9, length, np.inf) * np.sqrt(cut.shape[2])
    return starts / rate_hz, cut.reshape(len(cut), -1).astype(np.float32)
