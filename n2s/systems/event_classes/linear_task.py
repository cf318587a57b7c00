"""The system of linear classifiers of events: fitted in one go for each person and condition, tested on every condition."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch

from n2s.data.batch import Batch
from n2s.data.event_bands import WHOLE, BandWindows
from n2s.data.event_data import EventDataModule
from n2s.decoding.trained import Trained
from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.metrics.result import Result
from n2s.models.event_network import tell_apart
from n2s.models.sliding_lda import SlidingLDA
from n2s.models.window_classifiers import WindowClassifier, WindowLDA
from n2s.options import check_number
from n2s.systems.closed_form import ClosedForm, check_made
from n2s.systems.event_classes.decoder import LinearOnEvents
from n2s.systems.event_classes.linear_fit import EVERYBODY, Decoders, Fits, check_people, fit_person
from n2s.systems.event_classes.linear_scoring import own_logits, transfer_of
from n2s.systems.event_classes.tested import event_result
from n2s.systems.kept_fits import keep, kept

#: Keys of a checkpoint: decoders by person, the options that made them, and a hash of their training windows.
FITS, RECIPE, TRAINED = "n2s_linear_events", "n2s_linear_events_recipe", "n2s_linear_events_windows"
MOST_PAIRS = 1000


class LinearClassifier(ClosedForm):
    """Classes of events by linear decoders, for each person and condition, tested on every condition: the transfer matrix.

    All conditions have the same classes, windows and held-out units. ``n2s fit`` fits them on training windows in one epoch; ``n2s test``
    compares them with labels permuted within runs and conditions. With ``--cross_validate K`` every run or story is held out once, and the page is of all.
    A class that a person lacks in one condition is left out of all conditions, and that is told.

    Parameters
    ----------
    classifier
        `n2s.models.WindowLDA`, `n2s.models.WindowElasticNet`, `n2s.models.SlidingLDA` or another `n2s.models.WindowClassifier`; null: the first.
    pairs
        Whether each pair of classes is decoded by itself, too; or which pairs, as ``[[AA, IY], [B, P]]``.
    bands
        Name -> lowest and highest frequency (Hz), as ``delta: [0.2, 3]``: the same decoders of the same windows in each band, beside the
        whole band. Each is prepared, and cut at the split's borders, as far as its filter reaches (`n2s.data.event_bands`).
    times
        Decoders at single times, each tried at all times: temporal generalisation. null: none.
    together
        Whether one decoder learns from everybody; else each person has decoders of their own.
    n_permutations
        Of labels within runs and conditions, for the null.
    seed
        Of permutations and averages.

    References
    ----------
    King and Dehaene 2014, Trends Cogn. Sci. 18:203.

    Examples
    --------
    >>> from n2s.models import SlidingLDA, WindowLDA
    >>> from n2s.systems import LinearClassifier
    >>> system = LinearClassifier(WindowLDA(n_bins=5), times=SlidingLDA(), n_permutations=200)
    >>> system.recipe
    'configs/heard_spoken.yaml'

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("heard_spoken")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (EventDataModule,)
    recipe = "configs/heard_spoken.yaml"

    def __init__(
        self,
        classifier: WindowClassifier | None = None,
        *,
        pairs: bool | list[list[str]] = False,
        bands: dict[str, list[float]] | None = None,
        times: SlidingLDA | None = None,
        together: bool = False,
        n_permutations: int = 1000,
        seed: int = 0,
    ):
        super().__init__()
        self.save_hyperparameters()
        check_number("model.n_permutations", n_permutations, low=20, whole=True)
        check_number("model.seed", seed, low=0, whole=True)
        self.classifier, self.pairs, self.times = classifier or WindowLDA(), pairs, times
        self.bands, self.together = checked_bands(bands), together
        self.n_permutations, self.seed = n_permutations, seed
        self.fits: dict[str, Fits] = {}
        self._fitted_by: Mapping | None = None
        self._trained = ""

    def setup(self, stage: str) -> None:
        """Make the bands; check classes and people before the first fit."""
        data = self.data
        self.check_alone("; the fits of many people are separate jobs (data.studies)")
        if data.holdout is not None:
            raise UserError(
                "data.holdout: LinearClassifier predicts test windows alone. Leave it out, or take n2s.systems.EventClassifier."
            )
        names = list(data.class_names)
        chosen = chosen_pairs(self.pairs, names)
        self.decoders = Decoders(self.classifier, self.times, chosen, len(names), data.average, self.seed)
        self.windows = BandWindows(data, self.bands)
        if stage == "fit":
            check_people(self._people(), names)
            if self.together and data.layout.n_layouts > 1:
                tell_apart("LinearClassifier (together)", data.layout.n_layouts)
            if data.validates:
                tell(
                    "left out",
                    "LinearClassifier",
                    "validation windows: nothing is chosen by them. Set data.split's val_fraction to 0 to train on them.",
                )

    @torch.no_grad()
    def training_step(self, batch: Batch, batch_index: int) -> None:
        """Fit everybody at the first batch: windows are read from the data at once. What an interrupted run has fitted is taken."""
        self.check_epoch("linear classifiers are fitted")
        if batch_index == 0:
            for person, own in self._people().items():
                made = {"recipe": f"{self._recipe()}", "windows": self._hash(), "person": person}
                path = fit_file(self.folder / "fits", person)
                found = kept(path, made)
                if found is None:
                    found = fit_person(self.windows, own.index.to_numpy(), self.decoders)
                    keep(path, found, made)
                self.fits[person] = found
            self.log("train/decoders", float(sum(map(len, self.fits.values()))), prog_bar=True, batch_size=1)
        self.optimizers().step()

    def on_fit_end(self) -> None:
        """The checkpoint has all decoders: those of single people are removed."""
        for path in (self.folder / "fits").glob("*.pt"):
            path.unlink()

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Weights, and by what a test knows that it has the same data and options."""
        checkpoint[FITS], checkpoint[RECIPE], checkpoint[TRAINED] = self.fits, self._recipe(), self._hash()

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """See Lightning."""
        if not checkpoint.get(FITS):
            raise UserError(
                "the checkpoint is not from a finished fit of LinearClassifier: it holds no decoders. Run `n2s fit` again."
            )
        self.fits, self._fitted_by, self._trained = checkpoint[FITS], checkpoint[RECIPE], checkpoint[TRAINED]

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Nothing: nothing is chosen by validation windows."""

    def on_test_start(self) -> None:
        """The run must have been fitted with these options, to these training windows."""
        check_made(self._fitted_by, self._recipe())
        if self._trained != self._hash():
            raise UserError(
                "the decoders were fitted to other training windows: other recordings, events, windows or another split. Test with the run's own "
                "config.yaml and data, or fit again."
            )

    def test_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> None:
        """Nothing: decoders are asked at the end, about windows that are read at once."""

    def on_predict_start(self) -> None:
        """As for a test."""
        self.on_test_start()

    def predict_step(self, batch: Batch, batch_index: int) -> None:
        """As for a test."""

    def predicted(self, folder: Path, seed: int) -> Result:
        """See `System`: the probabilities of each class, for each test window, by the decoder of its condition."""
        return self._own(self.seed)

    def results(self, seed: int) -> Mapping[str, Result]:
        """See `System`: each condition by its own decoders, ``test``, and all by all, ``transfer``; averages are no single-trial scores."""
        averages = {"transfer": 1} | {f"transfer, averages of {k}": k for k in self.data.test_averages}
        transfers = {
            name: transfer_of(
                self.windows, self.fits, self.decoders, average=k, n_permutations=self.n_permutations, seed=self.seed
            )
            for name, k in averages.items()
        }
        return {"test": self._own(self.seed)} | transfers

    def decoder(self, trained: Trained) -> LinearOnEvents:
        """See `System`: the whole band, each person by their own decoders; of several conditions the mean."""
        return LinearOnEvents(trained, self, self.classifier, trained.entries[FITS])

    # -- how ----------------------------------------------------------------------------------------------------------

    def _own(self, seed: int) -> Result:
        """Single windows, each by the decoder of its person and condition."""
        logits = own_logits(self.windows, self.fits, self.decoders)
        balanced = getattr(
            self.classifier, "balanced", True
        )  # of a prior that all classes share; others follow their frequency
        return event_result(
            self.data,
            logits,
            1,
            seed=seed,
            weights="inverse" if balanced else "none",
            prior_power=0.0 if balanced else 1.0,
            n_permutations=self.n_permutations,
            by_condition=True,
            by_person=not self.together,
        )

    def _people(self) -> dict[str, pd.DataFrame]:
        """Person -> training windows, with the rows of the table as index."""
        table = self.windows.table("train")
        return {EVERYBODY: table} if self.together else dict(iter(table.groupby("subject", sort=False)))

    def _hash(self) -> str:
        """Of training windows and of the recordings' samples."""
        table = self.windows.table("train")[["recording", "start_s", "label", "condition"]]
        found = hashlib.sha256(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
        for name, one in self.windows.of.items():
            found.update(f"{name} {sorted(one.data_hashes().items())}".encode())
        return found.hexdigest()

    def _recipe(self) -> dict:
        """Options of the fit, as plain types."""
        bands = {name: list(edges) for name, edges in self.bands.items()}
        return self.decoders.settings(self.data.class_names) | {
            "bands": bands,
            "together": self.together,
            "seed": self.seed,
        }


def fit_file(folder: Path, person: str) -> Path:
    """The file of one person's decoders; names that differ in signs alone have files of their own."""
    plain = "".join(one if one.isalnum() or one in "-_." else "_" for one in person)
    return folder / f"{plain}-{hashlib.sha256(person.encode()).hexdigest()[:8]}.pt"


def checked_bands(bands: Mapping[str, list[float]] | None) -> dict[str, tuple[float, float]]:
    """Name -> edges; a UserError if one has no name of its own, or not two edges."""
    for name, edges in (bands or {}).items():
        if name == WHOLE or "|" in name:
            raise UserError(
                f"model.bands: '{name}' cannot be the name of a band ('{WHOLE}' is the whole band). Choose letters and digits."
            )
        if not isinstance(edges, list | tuple) or len(edges) != 2:
            raise UserError(f"model.bands.{name} is {edges}; expected two frequencies, as [4, 7].")
    return {name: (float(low), float(high)) for name, (low, high) in (bands or {}).items()}


def chosen_pairs(pairs: bool | list[list[str]], names: list[str]) -> list[tuple[int, int]]:
    """Numbers of the two classes of each pair.

    Raises
    ------
    UserError
        A pair names an unknown class, or not two different ones; or there are more than `MOST_PAIRS`.
    """
    if pairs is False:
        return []
    given = [(one, other) for i, one in enumerate(names) for other in names[i + 1 :]] if pairs is True else pairs
    found = []
    for pair in given:
        unknown = [one for one in pair if one not in names]
        if unknown:
            raise UserError(
                f"model.pairs names '{unknown[0]}'; the classes are {first_of(names, 12)}.{nearest(str(unknown[0]), names)}"
            )
        if len(pair) != 2 or pair[0] == pair[1]:
            raise UserError(f"model.pairs has {list(pair)}; expected two different classes in each pair.")
        found.append(tuple(sorted(names.index(one) for one in pair)))
    found = list(dict.fromkeys(found))
    if len(found) > MOST_PAIRS:
        raise UserError(
            f"model.pairs: {len(found)} pairs; more than {MOST_PAIRS} are not fitted. Name those that matter: [[AA, IY], [B, P]]."
        )
    return found
