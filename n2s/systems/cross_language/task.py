"""The system of models across languages: learned in one, tested in another, beside within and both."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
import torch

from n2s.data.encoding import EncodingDataModule, SubjectFold
from n2s.errors import UserError, first_of, nearest
from n2s.options import check_choice, check_number, check_options
from n2s.systems.closed_form import FoldFits, check_made
from n2s.systems.cross_language import summary
from n2s.systems.cross_language.cells import HELD_OUT, MATCHED
from n2s.systems.cross_language.checks import check_content, check_encoders, check_trained, languages_heard
from n2s.systems.cross_language.fit import Plan, fit_fold
from n2s.systems.cross_language.people import people_of
from n2s.systems.cross_language.result import CrossLanguageResult
from n2s.systems.cross_language.scoring import Options, Scorer, SubjectScores, region_name
from n2s.systems.encoding.inputs import rows_hash
from n2s.systems.kept_fits import keep, kept

#: Penalties to choose from, for z-scored columns of some hundred to some ten thousand rows.
ALPHAS = tuple(float(alpha) for alpha in np.logspace(0, 6, 7))
#: Keys of a checkpoint: the fits, by subject and fold; and how they were made.
FITS, RECIPE = "n2s_cross_language_fits", "n2s_cross_language_plan"


class CrossLanguage(FoldFits):
    """Encoding and decoding across languages: trained on one language, tested on another, beside within each and on both.

    Encoding: ridge from features to every voxel, r on held-out rows by region. Decoding: ridge from the brain at delays to the same
    features, held-out segments identified by them. Content is held out: a story and its translation are never on both sides (refused
    otherwise). Features are centred per language by training rows. The language of a row is that of what was heard (events'
    ``language``). ``n2s fit`` chooses penalties for each subject and fold; ``n2s test`` predicts held-out rows.

    Parameters
    ----------
    features
        The main feature space, of text in one space for all languages (LaBSE, `n2s.features.SentenceEmbedding`).
    controls
        Other spaces, treated alike: acoustic features, word rate. null: all others.
    banded
        Spaces of the three bands (shared, first language alone, second alone); null: the main one. []: no such model.
    word_rate
        The space of the word rate (`n2s.features.WordRate`): features at words are without what it tells of them. null: the control that is
        named ``word_rate``, if there is one; "": none.
    people
        ``own``: models of single people who heard several languages. ``others``: every cell is learned from other people. ``auto``: own, if
        somebody heard two.
    n_people
        How many others, at most, in each language.
    equal_rows
        Whether all trainings have as many rows; both: half of each language.
    content
        ``held_out``, or ``matched``: beside the same, each cell with translations of the test segments in training, named so.
    regions
        Names of regions (of the study); null: all that there are.
    known
        Where the answer is known (simulations): ``shared`` and languages -> the region that is so.
    decode
        Whether to decode.
    n_voxels
        Decoders see so many voxels, those that the encoding model of the same cell predicts best inside its training rows; null: all.
    segment_s
        Length of a segment that is identified, s.
    top_k
        How often the right segment is among so many best.
    alphas
        Penalties to choose from for each target, as scikit-learn's: |Y - XW|^2 + alpha |W|^2.
    n_folds
        Of the cross-validation inside the training rows, by story.
    n_draws
        Random ratios of penalties that the banded model tries.
    n_shifts
        How often predictions are moved against the brain, for chance and p.
    shift_s
        By this much or more, s, inside each run.
    n_bootstrap
        Resamplings of stories (or parts of them) for intervals.
    block_s
        Length of the parts of stories that are resampled where stories are few, s.
    seed
        Of everything that is drawn.

    References
    ----------
    de Varda et al. 2025; Chen et al. 2026, PNAS; Zada et al. 2025, arXiv 2506.20489.

    Examples
    --------
    >>> from n2s.systems import CrossLanguage
    >>> system = CrossLanguage(features="meaning", controls=["word_rate"])
    >>> system.recipe
    'configs/cross_language.yaml'

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("cross_language")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (EncodingDataModule,)
    recipe = "configs/cross_language.yaml"
    instead = "it predicts the brain from sounds. Which sound was heard is told by a run of --config linear or meg_contrastive (of fMRI: fmri_semantic)."

    def __init__(
        self,
        *,
        features: str,
        controls: list[str] | None = None,
        banded: list[str] | None = None,
        word_rate: str | None = None,
        people: Literal["auto", "own", "others"] = "auto",
        n_people: int | None = None,
        equal_rows: bool = True,
        content: Literal["held_out", "matched"] = HELD_OUT,
        regions: list[str] | None = None,
        known: dict[str, str] | None = None,
        decode: bool = True,
        n_voxels: int | None = 500,
        segment_s: float = 15.0,
        top_k: int = 5,
        alphas: list[float] | None = None,
        n_folds: int = 5,
        n_draws: int = 20,
        n_shifts: int = 200,
        shift_s: float = 10.0,
        n_bootstrap: int = 500,
        block_s: float = 60.0,
        seed: int = 0,
    ):
        check_options("model.", low=1, whole=True, n_people=n_people, n_voxels=n_voxels, n_draws=n_draws)
        check_options("model.", low=2, whole=True, n_folds=n_folds)
        check_options("model.", low=0, whole=True, seed=seed)
        if alphas is not None:
            check_options("model.", above=0, alphas=list(alphas))
        super().__init__()
        self.save_hyperparameters()
        check_choice("model.people", people, ("auto", "own", "others"))
        check_choice("model.content", content, (HELD_OUT, MATCHED))
        for name, value in (("segment_s", segment_s), ("shift_s", shift_s), ("block_s", block_s)):
            check_number(f"model.{name}", value, above=0)
        for name, value, low in (("top_k", top_k, 1), ("n_shifts", n_shifts, 0), ("n_bootstrap", n_bootstrap, 1)):
            check_number(f"model.{name}", value, low=low, whole=True)
        self._wanted = {
            "features": features,
            "controls": controls,
            "banded": banded,
            "word_rate": word_rate,
            "people": people,
            "content": content,
        }
        self._fit_options = {
            "alphas": tuple(alphas or ALPHAS), "n_folds": n_folds, "n_people": n_people, "equal_rows": equal_rows, "decode": decode,
            "n_voxels": n_voxels, "n_draws": n_draws, "seed": seed,
        }  # fmt: skip
        self.options = Options(
            None if regions is None else tuple(regions), segment_s, top_k, n_shifts, shift_s, n_bootstrap, block_s, seed
        )
        self.known = dict(known or {})  # as the study names regions
        self.plan: Plan | None = None
        self.languages: dict[str, list[str]] = {}
        self.tested: list[str] = []
        self._scored: dict[str, SubjectScores] = {}

    def setup(self, stage: str) -> None:
        """Check what can be checked before the first fit."""
        data = self.data
        self.check_alone("; the fits of many subjects are separate jobs (data.subjects)")
        spaces, banded, rate = self._spaces(list(data.spaces))
        self.languages = languages_heard(data, data.subjects)
        every = tuple(sorted({one for own in self.languages.values() for one in own}))
        check_encoders(data.features, every)
        people, self.tested = people_of(self.languages, self._wanted["people"], each_alone=data.each_alone)
        check_content(data, data.subjects, together=people == "others")
        check_trained(data, data.subjects if people == "others" else self.tested)
        self.plan = Plan(
            languages=every, spaces=spaces, banded=banded, people=people, matched=self._wanted["content"] == MATCHED, rate=rate, **self._fit_options
        )  # fmt: skip
        self._check_regions()

    @torch.no_grad()
    def training_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Fit one fold of a subject. What an interrupted run has fitted is taken."""
        self.check_epoch("models across languages are fitted")
        data, subject = self.data, batch.subject
        if subject in self.tested:
            fold = data.folds(subject)[batch.fold]
            path = self.fit_path(subject, fold)
            made = {"plan": f"{self.plan.plain()}", "data": data.data_hashes(), "rows": rows_hash(data, subject, fold)}
            fitted = kept(path, made)
            if fitted is None:
                fitted = fit_fold(data, subject, fold, self.plan, self.languages, device=self.device)
                keep(path, fitted, made)
            self.fits.setdefault(subject, {})[fold.name] = fitted
            self.log(
                "train/fits", float(len(fitted["encoding"]) + len(fitted["decoding"])), prog_bar=True, batch_size=1
            )
        self.optimizers().step()

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Penalties, chosen voxels, and by what a test knows the data."""
        checkpoint[FITS], checkpoint[RECIPE] = self.fits, self.plan.plain()

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """See Lightning."""
        if FITS not in checkpoint:
            raise UserError("the checkpoint is not from CrossLanguage: it holds no fits.")
        self.fits, self.fitted_by = checkpoint[FITS], checkpoint.get(RECIPE)

    def on_test_start(self) -> None:
        """Nothing is scored yet."""
        check_made(self.fitted_by, self.plan.plain(), prefix="")
        self.check_fitted(self.tested)
        self._scorer = Scorer(
            self.data,
            self.plan,
            self.options,
            self.languages,
            {name: self.fits[name] for name in self.tested},
            device=self.device,
        )
        self._scored = {}

    @torch.no_grad()
    def test_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Predict and score a subject: all its folds at the first."""
        if batch.subject in self.tested and batch.subject not in self._scored:
            self._scored[batch.subject] = self._scorer.subject(batch.subject)

    def results(self, seed: int) -> Mapping[str, CrossLanguageResult]:
        """See `System`."""
        if not self._scored:
            return {}
        scored, cells, main, own = self._scored, self._scorer.cells, self.plan.spaces[0], self.plan.seed
        voxels = summary.classify(
            pd.concat([one.voxels for one in scored.values()], ignore_index=True), self.plan.languages
        )
        probes = [row for one in scored.values() for row in one.probe]
        found = CrossLanguageResult(
            cells=summary.cell_table(scored, cells, main, own),
            transfer=summary.transfer_table(scored, cells, main, own),
            voxels=voxels,
            regions=summary.region_table(scored, voxels, self.plan.languages),
            probe=pd.DataFrame(probes, columns=["subject", "space", "what", "accuracy", "chance", "n"]),
            known=summary.known_table(
                scored, voxels, self.plan.languages, {band: region_name(name) for band, name in self.known.items()}
            ),
            settings=self._settings(),
            seed=own,
        )
        return {"test": found}

    # -- how ----------------------------------------------------------------------------------------------------------

    def _spaces(self, known: list[str]) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        """The main space and the controls, those of the bands, and that of the word rate ("": none)."""
        wanted = self._wanted
        main = wanted["features"]
        controls = [one for one in known if one != main] if wanted["controls"] is None else list(wanted["controls"])
        banded = [main] if wanted["banded"] is None else list(wanted["banded"])
        rate = (
            wanted["word_rate"]
            if wanted["word_rate"] is not None
            else next((one for one in controls if one == "word_rate"), "")
        )
        for key, names in (
            ("features", [main]),
            ("controls", controls),
            ("banded", banded),
            ("word_rate", [rate] if rate else []),
        ):
            for name in names:
                if name not in known:
                    raise UserError(
                        f"model.{key}: '{name}' is no feature space of the data.{nearest(name, known)} There are: {first_of(known)}. (data.features)"
                    )
        if rate == main:
            raise UserError(
                f"model.word_rate and model.features are both '{main}': features at words are without what the word rate tells of them, and nothing would be left."
            )
        return tuple(dict.fromkeys([main, *controls])), tuple(dict.fromkeys(banded)), rate

    def _check_regions(self) -> None:
        """Raise a UserError if a region that is named is nobody's."""
        named = [*(self.options.regions or ()), *self.known.values()]
        wrong = sorted(set(self.known) - {"shared", *self.plan.languages})
        if wrong:
            raise UserError(
                f"model.known: '{wrong[0]}' is neither 'shared' nor a language of the data ({', '.join(self.plan.languages)})."
            )
        for subject in self.tested if named else ():
            regions = list(self.data.measured(subject).rois)
            for name in named:
                if name not in regions:
                    raise UserError(
                        f"{subject}: no region '{name}' (model.regions, model.known).{nearest(name, regions)} There are: {first_of(regions) or 'none'}."
                    )

    def _settings(self) -> dict:
        plan, data = self.plan, self.data
        folds = [fold for name in self._scored for fold in data.folds(name)]
        sizes = [n for n in self._scorer.sizes.values() if n > 1]
        return {
            "languages": list(plan.languages), "spaces": list(plan.spaces), "controls": list(plan.spaces[1:]), "banded": list(plan.banded),
            "people": plan.people, "n_people": min(self._scorer.n_people), "most_people": max(self._scorer.n_people), "n_several": sum(len(own) > 1 for own in self.languages.values()), "equal_rows": plan.equal_rows, "content": MATCHED if plan.matched else HELD_OUT,
            "decode": plan.decode, "word_rate": plan.rate, "n_voxels": plan.n_voxels, "segment_s": self.options.segment_s, "top_k": self.options.top_k,
            "gallery": [min(sizes), max(sizes)] if sizes else [0, 0], "n_shifts": self.options.n_shifts, "shift_s": self.options.shift_s,
            "n_bootstrap": self.options.n_bootstrap, "n_folds": len({fold.name for fold in folds}),
            "n_train_rows": [min(self._scorer.n_rows), max(self._scorer.n_rows)], "clean_features": bool(data.clean_features),
            "n_subjects": {one: sum(one in own for own in self.languages.values()) for one in plan.languages},
        }  # fmt: skip
