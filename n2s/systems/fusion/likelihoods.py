"""Fusion by likelihoods: an encoding model of each person and modality; log-likelihoods of a candidate add, since noises are independent."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_info
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from n2s.data.paired import PairedDataModule
from n2s.data.paired_batch import PairedBatch
from n2s.data.paired_rows import MODALITIES
from n2s.errors import UserError
from n2s.features.feature import FrameFeature
from n2s.findings import tell
from n2s.options import check_number
from n2s.systems.closed_form import ClosedForm, check_made
from n2s.systems.fusion.bold_model import BoldDecoder, fit_bold
from n2s.systems.fusion.bold_scores import bold_scores
from n2s.systems.fusion.low_rank import LEAST_SOUNDS, TooFewSounds
from n2s.systems.fusion.meg_model import MegDecoder, fit_meg, meg_scores
from n2s.systems.fusion.result import FusionResult
from n2s.systems.fusion.tested import fusion_results
from n2s.systems.fusion.trained_on import data_hash
from n2s.systems.kept_fits import keep, kept

#: Keys of a checkpoint: fits by modality and subject, the options that made them, and what a test knows the data by.
FITS, RECIPE, TRAINED = "n2s_likelihood_fits", "n2s_likelihood_recipe", "n2s_likelihood_data"
DELAYS_S = (0.0, -1.5, 1.5)  # of the haemodynamic response, beside Glover's: brains differ by a second or two
WARMEST, COLDEST = 1e3, 1e-2  # temperatures that are looked for
SHOWN = {"meg": "MEG", "fmri": "fMRI"}

Fits = dict[str, dict[str, dict]]


class LikelihoodFusion(ClosedForm):
    """Two encoding models of one feature for each person, from the sound to MEG and to BOLD; their log-likelihoods of a candidate are added.

    MEG is predicted at lags of 0 to 500 ms (`n2s.systems.contrastive.encoding_model`), BOLD through Glover's response at some delays, cleaned
    as the run was. Noise is Gaussian, its covariance learned from training sounds that a fit has not seen. Noises of two scanners are
    independent, so that the sum is the log-likelihood of both. A pair that lacks one is scored by the other alone. ``n2s fit`` fits everybody in
    one epoch, from training segments alone; ``n2s test`` scores.

    Whether a sound plays is taken out of BOLD like a nuisance: when sounds begin and end would tell where in a run a segment was, without
    anything of what was said.

    Parameters
    ----------
    delays_s
        Of the haemodynamic response, s later than Glover's; the first is tried alone, too. null: 0, -1.5, 1.5.

    References
    ----------
    Tang et al. 2023, Nat. Neurosci. 26:858 (the likelihood of BOLD under an encoding model).

    Examples
    --------
    >>> from n2s.systems import LikelihoodFusion
    >>> system = LikelihoodFusion(delays_s=[0.0, 1.5])
    >>> system.recipe
    'configs/fusion_likelihoods.yaml'

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("fusion_likelihoods")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (PairedDataModule,)
    recipe = "configs/fusion_likelihoods.yaml"
    instead = "it takes the MEG and the fMRI of one person together. Decode each by itself, with a run of --config meg_contrastive and one of fmri_semantic; or put both into studies, and run n2s test."

    def __init__(self, *, delays_s: list[float] | None = None):
        super().__init__()
        self.save_hyperparameters()
        self.delays_s = checked_delays(DELAYS_S if delays_s is None else delays_s)
        self.fits: Fits = {}
        self._fitted_by: Mapping | None = None
        self._trained = ""

    @property
    def made(self) -> dict:
        """How fits are made."""
        return {"delays_s": list(self.delays_s)}

    def setup(self, stage: str) -> None:
        """Check what can be checked before the first fit."""
        self.check_alone("; the fits of many people are separate jobs (data.studies)")
        if not isinstance(self.data.target, FrameFeature):
            raise UserError(
                f"LikelihoodFusion predicts the brain at each moment, and data.target is {type(self.data.target).__name__}, one vector a segment. "
                "Take a feature with frames, such as n2s.features.Mel."
            )

    @torch.no_grad()
    def training_step(self, batch: PairedBatch, batch_index: int) -> None:
        """Fit everybody at the first batch: windows and runs are read at once. What an interrupted run has fitted is taken."""
        self.check_epoch("encoding models are fitted")
        if batch_index == 0:
            people = people_of(self.data)
            for at, (modality, subject) in enumerate(people):
                made = self.made | {"data": data_hash(self.data), "who": [modality, subject]}
                path = fit_file(self.folder / "fits", modality, subject)
                found = kept(path, made)
                if found is None:
                    rank_zero_info(f"fitting {subject} ({SHOWN[modality]}), {at + 1} of {len(people)}")
                    found = {"fit": fit_person(self.data, modality, subject, self.delays_s)}
                    keep(path, found, made)
                if found["fit"] is not None:
                    self.fits.setdefault(modality, {})[subject] = found["fit"]
            check_any(self.fits, self.data)
            self.log("train/people", float(sum(map(len, self.fits.values()))), prog_bar=True, batch_size=1)
        self.optimizers().step()

    def on_fit_end(self) -> None:
        """The checkpoint has all fits: those of single people are removed."""
        for path in (self.folder / "fits").glob("*.pt"):
            path.unlink()

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """The models, and by what a test knows that it has the same data and options."""
        checkpoint[FITS], checkpoint[RECIPE], checkpoint[TRAINED] = self.fits, self.made, data_hash(self.data)

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """See Lightning."""
        if not checkpoint.get(FITS):
            raise UserError(
                "the checkpoint is not from a finished fit of LikelihoodFusion: it holds no models. Run `n2s fit` again."
            )
        self.fits, self._fitted_by, self._trained = checkpoint[FITS], checkpoint[RECIPE], checkpoint[TRAINED]

    def on_test_start(self) -> None:
        """The run must have been fitted with these options, to these training data."""
        check_made(self._fitted_by, self.made)
        if self._trained != data_hash(self.data):
            raise UserError(
                "the models were fitted to other data: other recordings, sounds, segments, modalities or another split. Test with the run's own "
                "config.yaml and data, or fit again."
            )

    def test_step(self, batch: PairedBatch, batch_index: int) -> None:
        """Nothing: models are asked at the end, about windows that are read at once."""

    def results(self, seed: int) -> Mapping[str, FusionResult]:
        """See `System`."""
        return results_of(self.data, self.fits, seed)


def likelihood_results(
    data: PairedDataModule, seed: int, delays_s: Sequence[float] = DELAYS_S
) -> dict[str, FusionResult]:
    """Fit everybody's two encoding models and score the test pairs: the results of `LikelihoodFusion`, for other systems to show beside theirs.

    Empty, and told, where the target has no frames or nobody has enough training sounds.
    """
    if not isinstance(data.target, FrameFeature):
        tell(
            "left out",
            "likelihoods",
            f"the target {type(data.target).__name__} has no frames that the brain could be predicted from.",
        )
        return {}
    fits: Fits = {}
    for modality, subject in people_of(data):
        if (fitted := fit_person(data, modality, subject, delays_s)) is not None:
            fits.setdefault(modality, {})[subject] = fitted
    return results_of(data, fits, seed) if fits else {}


def results_of(data: PairedDataModule, fits: Fits, seed: int) -> dict[str, FusionResult]:
    """The results of fitted models on the test pairs."""
    parts = scored(data, fits, "test")
    used = {modality: 1.0 for modality in MODALITIES if modality in fits}
    said, has = sentences(fits), modelled(data, fits, "test")
    return fusion_results(data, "likelihoods", parts["meg"], parts["fmri"], seed=seed, weights=used, said=said, has=has)


def people_of(data: PairedDataModule) -> list[tuple[str, str]]:
    """(modality, ``study/id``) of everybody who has training windows in a modality that is used."""
    subject = data.windows["train"].of_interval("subject")
    found = []
    for modality in MODALITIES:
        rows = np.unique(data.pairs["train"][modality].to_numpy())
        found += [(modality, name) for name in dict.fromkeys(subject[rows[rows >= 0]])]
    return found


def fit_person(data: PairedDataModule, modality: str, subject: str, delays_s: Sequence[float]) -> dict | None:
    """The model of one person as plain values; None, and told, with too few training sounds."""
    try:
        if modality == "meg":
            return fit_meg(data, subject).plain()
        return fit_bold(data, subject, delays_s).plain()
    except TooFewSounds as few:
        tell("left out", subject, f"no encoding model of {SHOWN[modality]} from {few} in training.")
        return None


def scored(data: PairedDataModule, fits: Fits, split: str) -> dict[str, np.ndarray]:
    """Modality -> (n, k) log-likelihoods of all pairs of a split under its unique segments; 0 where there is nothing to say."""
    pairs, n_candidates = data.pairs[split], len(data.windows[split].first)
    subject = data.windows[split].of_interval("subject")
    found = {}
    for modality in MODALITIES:
        rows = pairs[modality].to_numpy()
        by_window = np.zeros((len(subject), n_candidates), np.float32)
        for name in dict.fromkeys(subject[np.unique(rows[rows >= 0])]):
            if (plain := fits.get(modality, {}).get(name)) is None:
                tell("left out", name, f"no encoding model of {SHOWN[modality]}: its pairs are scored without it.")
                continue
            scores = _meg if modality == "meg" else _bold
            windows, values = scores(data, plain, name, split)
            by_window[windows] = values
        found[modality] = np.where(rows[:, None] >= 0, by_window[rows], 0).astype(np.float32)
    return found


def modelled(data: PairedDataModule, fits: Fits, split: str) -> np.ndarray:
    """(n, 2) Which pairs of a split have MEG, and BOLD, of somebody with a fitted model."""
    subject, found = data.windows[split].of_interval("subject"), []
    for modality in MODALITIES:
        rows = data.pairs[split][modality].to_numpy()
        found.append((rows >= 0) & np.isin(subject[rows], list(fits.get(modality, {}))))
    return np.stack(found, axis=1)


def _meg(data: PairedDataModule, plain: dict, name: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    return meg_scores(data, MegDecoder(**plain), name, split)


def _bold(data: PairedDataModule, plain: dict, name: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    return bold_scores(data, BoldDecoder(**plain), name, split)


def temperature(blocks: Sequence[np.ndarray]) -> float:
    """What scores (n, n) of rows under each other's candidates are to be divided by for the right ones to be most likely: 1 is calibrated.

    NaN without rows.
    """
    blocks = [np.asarray(one, np.float64) for one in blocks if len(one) > 1]
    if not blocks:
        return float("nan")

    def loss(log: float) -> float:
        scaled = [one / np.exp(log) for one in blocks]
        return float(np.mean(np.concatenate([logsumexp(one, axis=1) - np.diag(one) for one in scaled])))

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(WARMEST)), method="bounded").x))


def sentences(fits: Fits) -> list[str]:
    """For the page: how many models there are, and how sure they are of what they have not seen."""
    found = [
        "A pair's score with a candidate is the log-likelihood of its MEG plus that of its BOLD, under what encoding models predict."
    ]
    for modality, people in fits.items():
        own = [temperature(one["held_out"]) for one in people.values()]
        known = [one for one in own if np.isfinite(one)]
        if known:
            found.append(
                f"{SHOWN[modality]}: models of {len(people)} people. Segments of left-out training sounds are most likely if the log-likelihoods are divided by "
                f"{np.median(known):.2f} (median over people; 1 is calibrated, more is too sure). They are added as they are."
            )
    return found


def check_any(fits: Fits, data: PairedDataModule) -> None:
    """Raise a UserError if nobody could be fitted."""
    if not fits:
        raise UserError(
            f"nobody has enough training sounds for an encoding model ({', '.join(SHOWN[one] for one in data.modalities)}): each needs {LEAST_SOUNDS}. "
            "Train on more (data.split), or make sounds smaller units."
        )


def checked_delays(delays_s: Sequence[float]) -> tuple[float, ...]:
    """Plain numbers; a UserError if there are none, or one is far from a response."""
    if not len(delays_s):
        raise UserError("model.delays_s is empty; expected one delay or more, s.")
    for one in delays_s:
        check_number("model.delays_s", one, low=-5)
        if one > 5:
            raise UserError(f"model.delays_s has {one:g}; expected -5 to 5: seconds later than Glover's response.")
    return tuple(float(one) for one in delays_s)


def fit_file(folder: Path, modality: str, subject: str) -> Path:
    """The file of one fit until the checkpoint is written; names that differ in signs alone have files of their own."""
    plain = "".join(one if one.isalnum() or one in "-_." else "_" for one in subject)
    return folder / f"{modality}-{plain}-{hashlib.sha256(subject.encode()).hexdigest()[:8]}.pt"
