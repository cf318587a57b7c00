"""An encoding model of one person's MEG as a decoder, on the windows of pairs."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from einops import rearrange
from torch import Tensor

from n2s.data.paired import PairedDataModule
from n2s.findings import tell
from n2s.systems.contrastive.window_rows import components, lagged, read_windows
from n2s.systems.fusion.bold_rows import LISTENED
from n2s.systems.fusion.low_rank import N_FEATURES, Rows, TooFewSounds, fit_low_rank

MOST_SAMPLES = 300_000  # that a model is fitted on: 100 minutes at 50 Hz
LAST_S, WIDTH_S = 0.4, 0.12  # of the response to a moment of sound, and of one of the bumps that it is made of
MEMORY = 10  # samples that the noise is predicted from: 200 ms at 50 Hz
SHRINKAGES = (0.001, 0.03)
APART = 10**6  # samples: no window is as long


@dataclass
class MegDecoder:
    """A fitted model.

    ``level (f,)`` and ``features (f, d)``: components of the target; ``mean (c,)`` and ``sensors (c, r)``: responses with independent noise of
    variance 1; ``bumps (l, q)`` over ``delays (l,)``, samples from the brain to what was heard; ``weights (q, d, r)``; ``filtering (m,)``: the
    filter that leaves what the past does not say. ``held_out`` and ``chosen``: see `n2s.systems.fusion.low_rank.LowRank`.
    """

    level: Tensor
    features: Tensor
    mean: Tensor
    sensors: Tensor
    delays: Tensor
    bumps: Tensor
    weights: Tensor
    filtering: Tensor
    held_out: list[Tensor]
    chosen: dict[str, float]

    def scores(self, target: Tensor, brain: Tensor) -> Tensor:
        """(k, f, t) candidates and (n, c, t) windows -> (n, k) log-likelihoods."""
        frames = bumped(
            rearrange(target - self.level[:, None], "k f t -> k t f") @ self.features, self.delays, self.bumps
        )
        would = filtered(torch.einsum("ktqd,qdr->ktr", frames, self.weights), self.filtering)
        seen = filtered((rearrange(brain, "n c t -> n t c") - self.mean) @ self.sensors, self.filtering)
        return seen.flatten(1) @ would.flatten(1).T - 0.5 * would.square().sum((1, 2))

    def plain(self) -> dict:
        """What a checkpoint keeps."""
        return dict(vars(self))


def fit_meg(data: PairedDataModule, subject: str) -> MegDecoder:
    """Fit one person.

    The target's principal components predict the sensors, through responses of up to `LAST_S` made of overlapping bumps. A filter takes out what
    the last samples say of the noise; the rest is `fit_low_rank`.

    Raises
    ------
    TooFewSounds
        Too few training sounds.
    """
    rows = training_windows(data, subject)
    if not len(rows):
        raise TooFewSounds("0 sounds that were listened to")
    brain, target = read_windows(data, "train", rows)
    group = data.meg_windows["train"].of_interval("group_index")[rows]
    features, level = components(rearrange(target, "n f t -> (n t) f"), max(N_FEATURES), unit=True)
    sensors, mean = components(rearrange(brain, "n c t -> (n t) c"), brain.shape[1], unit=True)
    response = (rearrange(brain, "n c t -> n t c") - mean) @ sensors
    filtering = innovations(response)
    delays, bumps = response_bumps(data.shape.sfreq, data.shape.offset_s)
    frames = bumped(rearrange(target - level[:, None], "n f t -> n t f") @ features, delays, bumps)
    n, t = len(rows), frames.shape[1] - len(filtering) + 1
    model = fit_low_rank(
        Rows(
            design=filtered(frames.flatten(2), filtering).reshape(n * t, *frames.shape[2:]).numpy(),
            response=filtered(response, filtering).reshape(n * t, -1).numpy(),
            group=np.repeat(group, t),
            place=(np.arange(n)[:, None] * APART + np.arange(t)).ravel(),
            windows=np.arange(n * t).reshape(n, t),
            lags=(frames.shape[2],),
            shrinkages=SHRINKAGES,
            coloured=False,
        )
    )
    weights, turn = (torch.from_numpy(one).float() for one in (model.weights, model.components))
    return MegDecoder(
        level, features, mean, sensors @ turn, delays, bumps, weights, filtering,
        [torch.from_numpy(one) for one in model.held_out], model.chosen,
    )  # fmt: skip


def meg_scores(data: PairedDataModule, model: MegDecoder, subject: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Windows (n,) of MEG of a person (rows of `window_table`), and their log-likelihoods (n, k) under the unique segments of the split."""
    rows = meg_rows(data, subject, split)
    brain, _ = read_windows(data, split, rows)
    return data.meg_windows[split].rows[rows], model.scores(data.segment_targets(split).cpu(), brain).numpy()


def meg_rows(data: PairedDataModule, subject: str, split: str) -> np.ndarray:
    """(n,) The windows of MEG of a person (``study/id``): numbers among `PairedDataModule.meg_windows`."""
    used, windows = data.pairs[split].meg.to_numpy(), data.meg_windows[split]
    return np.flatnonzero((windows.of_interval("subject") == subject) & np.isin(windows.rows, used[used >= 0]))


def training_windows(data: PairedDataModule, subject: str) -> np.ndarray:
    """(n,) Windows of MEG in which a sound was listened to, at most as many as make `MOST_SAMPLES`, evenly spread; they share no time."""
    every, windows, pairs = meg_rows(data, subject, "train"), data.meg_windows["train"], data.pairs["train"]
    rows = every[np.isin(windows.rows[every], pairs.meg.to_numpy()[(pairs.condition == LISTENED).to_numpy()])]
    if len(rows) < len(every):
        said = f"{len(every) - len(rows)} of {len(every)} training segments of MEG in other conditions than {LISTENED}"
        tell("left out", subject, f"{said}: what is said moves the brain in another way than what is heard.")
    recording, start_s = windows.of_interval("recording_index")[rows], windows.start_s[rows]
    chosen, place, free_s = [], None, -np.inf
    for at in np.lexsort((start_s, windows.interval[rows], recording)):
        now = recording[at], windows.interval[rows[at]]
        if now != place or start_s[at] >= free_s - 1e-6:
            chosen.append(rows[at])
            place, free_s = now, start_s[at] + data.shape.window_s
    most = max(2, MOST_SAMPLES // data.shape.n_times)
    return np.array(chosen, np.int64)[np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), most)).astype(int))]


def response_bumps(sfreq: float, offset_s: float) -> tuple[Tensor, Tensor]:
    """Delays (l,), samples from a sample of the brain to the target's frames that it responds to, and bumps (l, q) over them.

    The target of a window is paired with the brain ``offset_s`` later.
    """
    lags = np.arange(np.ceil(-offset_s * sfreq - 1e-6), np.floor((LAST_S - offset_s) * sfreq + 1e-6) + 1)
    after_s = lags / sfreq + offset_s
    centres_s = np.arange(0.0, LAST_S + 1e-6, WIDTH_S / 2)
    away = (after_s[:, None] - centres_s) / WIDTH_S
    bumps = np.where(np.abs(away) < 1, np.cos(np.pi * away / 2) ** 2, 0)
    bumps = bumps[:, bumps.any(0)]
    return torch.from_numpy(-lags.astype(np.int64)), torch.from_numpy(bumps / np.linalg.norm(bumps, axis=0)).float()


def bumped(frames: Tensor, delays: Tensor, bumps: Tensor) -> Tensor:
    """(n, t, d) -> (n, t, q, d): what was heard through each bump; 0 outside the window."""
    found = rearrange(lagged(frames, delays.numpy()), "n t (l d) -> n t l d", l=len(delays))
    return torch.einsum("ntld,lq->ntqd", found, bumps)


def innovations(response: Tensor) -> Tensor:
    """(n, t, v) -> (m + 1,) the filter that takes from each sample what its past says (Yule-Walker); nearly all of a response is noise."""
    m = min(MEMORY, response.shape[1] // 4)
    centred = response - response.mean(1, keepdim=True)
    power = [float((centred[:, lag:] * centred[:, : centred.shape[1] - lag]).mean()) for lag in range(m + 1)]
    if m < 1 or power[0] <= 0:
        return torch.ones(1)
    past = scipy.linalg.solve_toeplitz(power[:-1], power[1:])
    return torch.tensor(np.concatenate([[1.0], -past]), dtype=response.dtype)


def filtered(values: Tensor, taps: Tensor) -> Tensor:
    """(n, t, d) -> (n, t - m, d): each sample with the m before it."""
    t, m = values.shape[1], len(taps) - 1
    return sum(tap * values[:, m - lag : t - lag] for lag, tap in enumerate(taps.tolist()))
