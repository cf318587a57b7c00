"""The system of latent sources: one set in the cortex, which MEG sees through a lead field and BOLD through the blood."""

import hashlib
from collections.abc import Mapping

import numpy as np
import torch

from n2s.data.paired import PairedDataModule
from n2s.data.paired_batch import PairedBatch
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.metrics.result import Result
from n2s.options import check_number
from n2s.systems.closed_form import ClosedForm, check_made
from n2s.systems.event_classes.linear_task import fit_file
from n2s.systems.fusion.source_fit import APART, BOTH, Person, Recipe, bold_scores, fit_person, meg_scores
from n2s.systems.fusion.source_places import field_of
from n2s.systems.fusion.source_rows import BoldRows, Sounds
from n2s.systems.fusion.tested import fusion_results
from n2s.systems.fusion.trained_on import data_hash
from n2s.systems.kept_fits import keep, kept

#: Keys of a checkpoint: fits by person, options that made them, and a hash of the training data.
FITS, RECIPE, TRAINED = "n2s_sources", "n2s_sources_recipe", "n2s_sources_data"
METHODS = {BOTH: "sources", APART: "sources, apart"}


class SourceFusion(ClosedForm):
    """MEG and BOLD as two views of the same sources in the cortex: a linear version of Jin and Wehbe 2025.

    A sound's features drive sources through lags. MEG sees them through the person's lead field, BOLD through the haemodynamic response, in
    voxels near them. The weights that explain both best are one ridge for each person (`n2s.models.source_space`). Penalty, and gain between
    the scanners, are those with which training stories that are left out are likeliest. A pair's score with a candidate is the sum of both log-likelihoods.
    Voxels that follow the sound and are near no source have silent ones, which MEG does not see.

    A test has the same pairs by sources that were fitted to each scanner alone beside it (``apart``): what the joint fit adds.

    Parameters
    ----------
    forward
        Forward solutions on fsaverage's cortex, a file each person, as ``derivatives/sub-{subject}-fwd.fif``; null: the study knows its own.
    reach_mm
        Voxels farther from a source do not see it.
    n_features
        Principal components of ``data.target``, of equal variance.
    fades_s
        What is expected of responses before the data are seen: they are smooth over lags, and 100 ms after the sound they fall by 1/e in so
        long. A large number: they do not.

    References
    ----------
    Jin and Wehbe 2025, arXiv 2510.09415.

    Examples
    --------
    >>> from n2s.systems import SourceFusion
    >>> system = SourceFusion(n_features=8, reach_mm=10.0)
    >>> system.recipe
    'configs/fusion_sources.yaml'

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("fusion_sources")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (PairedDataModule,)
    recipe = "configs/fusion_sources.yaml"
    instead = "it takes the MEG and the fMRI of one person together. Decode each by itself, with a run of --config meg_contrastive and one of fmri_semantic; or put both into studies, and run n2s test."

    def __init__(
        self,
        *,
        forward: str | None = None,
        reach_mm: float = 12.0,
        n_features: int = 16,
        fades_s: float = 0.15,
    ):
        super().__init__()
        self.save_hyperparameters()
        check_number("model.reach_mm", reach_mm, above=0)
        check_number("model.n_features", n_features, low=1, whole=True)
        check_number("model.fades_s", fades_s, above=0)
        self.fit_recipe = Recipe(forward, float(reach_mm), int(n_features), float(fades_s))
        self.fits: dict[str, dict] = {}
        self._fitted_by: Mapping | None = None
        self._trained, self._scores = "", {}

    @property
    def people(self) -> list[Person]:
        """Everybody who is trained with, and who it is in each scanner."""
        data, found = self.data, {}
        subjects = {"meg": set(data.subjects), "fmri": set(data.fmri_subjects)}
        for subject, name in data.persons.items():
            for modality, own in subjects.items():
                if subject in own and modality in data.modalities:
                    found.setdefault(name, {})[modality] = subject
        return [Person(name, own.get("meg", ""), own.get("fmri", "")) for name, own in found.items()]

    def setup(self, stage: str) -> None:
        """Check people and their lead fields before the first fit."""
        data = self.data
        self.check_alone("; the fits of many people are separate jobs (data.subjects)")
        for one in self.people:
            if one.meg:
                study, own = one.meg.split("/", 1)
                field_of(data.studies[study], own, self.fit_recipe.forward)
        if stage == "fit" and data.validates:
            tell(
                "left out",
                "SourceFusion",
                "validation segments: penalties and gains are chosen in training stories. Set data.split's val_fraction to 0 to train on them.",
            )

    @torch.no_grad()
    def training_step(self, batch: PairedBatch, batch_index: int) -> None:
        """Fit everybody at the first batch: rows are read from the data at once. What an interrupted run has fitted is taken."""
        self.check_epoch("sources are fitted")
        if batch_index == 0:
            sounds = Sounds(self.data, self.fit_recipe.n_features)
            for person in self.people:
                made = {"recipe": f"{self._recipe()}", "data": self._hash(), "person": f"{person}"}
                path = fit_file(self.folder / "fits", person.name)
                found = kept(path, made)
                if found is None:
                    found = fit_person(self.data, sounds, person, self.fit_recipe)
                    keep(path, found, made)
                self.fits[person.name] = found
            self.log("train/people", float(len(self.fits)), prog_bar=True, batch_size=1)
        self.optimizers().step()

    def on_fit_end(self) -> None:
        """The checkpoint has all fits: those of single people are removed."""
        for path in (self.folder / "fits").glob("*.pt"):
            path.unlink()

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Weights, and by what a test knows that it has the same data and options."""
        checkpoint[FITS], checkpoint[RECIPE], checkpoint[TRAINED] = self.fits, self._recipe(), self._hash()

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """See Lightning."""
        if not checkpoint.get(FITS):
            raise UserError(
                "the checkpoint is not from a finished fit of SourceFusion: it holds no sources. Run `n2s fit` again."
            )
        self.fits, self._fitted_by, self._trained = checkpoint[FITS], checkpoint[RECIPE], checkpoint[TRAINED]

    def on_test_start(self) -> None:
        """The run must have been fitted with these options, to these training data."""
        check_made(self._fitted_by, self._recipe())
        missing = [one.name for one in self.people if one.name not in self.fits]
        if missing:
            raise UserError(
                f"the run holds no sources of {first_of(missing)}; it has {first_of(list(self.fits))}. Fit them, or choose others (data.subjects)."
            )
        if self._trained != self._hash():
            raise UserError(
                "sources were fitted to other training data: other recordings, runs, segments or another split. Test with the run's own config.yaml "
                "and data, or fit again."
            )

    def test_step(self, batch: PairedBatch, batch_index: int) -> None:
        """Nothing: pairs are scored at the end, as their segments are candidates of all."""

    def results(self, seed: int) -> Mapping[str, Result]:
        """See `System`: by sources of both, and by sources of each scanner alone."""
        found = {}
        for kind, method in METHODS.items():
            meg, fmri, has = self._scored(kind)
            weights = {"meg": 1.0, "fmri": 1.0}
            results = fusion_results(
                self.data, method, meg, fmri, seed=seed, weights=weights, said=self._said(), has=has
            )
            found |= {name if kind == BOTH else f"{name}, apart": one for name, one in results.items()}
        return found

    # -- how ----------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def _scored(self, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(n, k) the parts of MEG and of fMRI; without the mean over candidates, so that float32 holds them. And (n, 2) which pairs have them."""
        data, sounds = self.data, Sounds(self.data, self.fit_recipe.n_features)
        table, place = data.pair_table("test"), np.full(len(data.windows["test"]), -1)
        place[data.meg_windows["test"].rows] = np.arange(len(data.meg_windows["test"]))
        shape = len(table), len(data.windows["test"].first)
        meg, fmri, has = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros((len(table), 2), bool)
        for person in self.people:
            fit = self.fits[person.name]
            mine = (table.person == person.name).to_numpy()
            if "meg" in fit and len(rows := np.flatnonzero(mine & (table.meg >= 0).to_numpy())):
                found = meg_scores(data, sounds, fit["meg"], kind, place[table.meg.to_numpy()[rows]])
                meg[rows], has[rows, 0] = found - found.mean(1, keepdims=True), True
            if "fmri" in fit and len(rows := np.flatnonzero(mine & (table.fmri >= 0).to_numpy())):
                own = BoldRows(data, sounds, person.fmri, fit["fmri"]["voxels"].numpy())
                found = bold_scores(data, own, fit["fmri"], kind, table.fmri.to_numpy()[rows])
                fmri[rows], has[rows, 1] = found - found.mean(1, keepdims=True), True
        return meg, fmri, has

    def _said(self) -> list[str]:
        """What the joint fit adds in training stories that were left out."""
        both = [one["explained"] for one in self.fits.values() if len(one["explained"][BOTH]) > 1]
        sources = sorted({one["n_sources"] for one in self.fits.values()})
        found = [
            f"A person has {' to '.join(map(str, sorted({sources[0], sources[-1]})))} sources, silent ones included."
        ]
        for modality, label in (("meg", "MEG"), ("fmri", "fMRI")):
            if both:
                joint, alone = (sum(one[kind][modality] for one in both) for kind in (BOTH, APART))
                found.append(
                    f"In training stories that were left out, at the penalty that was chosen there, the predictions of {label} added {joint:.0f} nats to its "
                    f"log-likelihood by sources of both scanners, and {alone:.0f} by sources of {label} alone (sums over {len(both)} people)."
                )
        return found

    def _hash(self) -> str:
        """Of the training data, and of who is who."""
        return hashlib.sha256(f"{data_hash(self.data)}{sorted(self.data.persons.items())}".encode()).hexdigest()

    def _recipe(self) -> dict:
        """Options of the fit, as plain types."""
        return self.fit_recipe.plain()
