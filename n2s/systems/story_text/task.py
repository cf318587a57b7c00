"""The system of story decoders: the words that somebody hears, from the brain, by an encoding model and a language model."""

import copy
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import torch

from n2s.data.encoding import EncodingDataModule, SubjectFold
from n2s.data.encoding_data import Fold
from n2s.data.response_models import Glover
from n2s.errors import UserError, first_of, nearest
from n2s.features.rates import At, check_at
from n2s.features.story_words.port import StoryLanguageModel
from n2s.features.story_words.rules import TextRules
from n2s.features.story_words.trained import TrainedStoryWords
from n2s.features.text_encoders.encoder import TextEncoder
from n2s.features.text_encoders.ppmi import PPMIVectors
from n2s.models.encoding_ridge import ALPHAS
from n2s.options import check_options
from n2s.systems.closed_form import FoldFits, check_made
from n2s.systems.encoding.inputs import rows_hash
from n2s.systems.kept_fits import keep, kept
from n2s.systems.story_text.across import beside_across, fit_across
from n2s.systems.story_text.decode import ACROSS, TRANSFERRED, DecodeOptions
from n2s.systems.story_text.fit import FitOptions, Learned, fit_fold
from n2s.systems.story_text.held_out import Beside, HeldOut, held_out_passages
from n2s.systems.story_text.languages import Languages, fold_named
from n2s.systems.story_text.result import StoryTextResult
from n2s.systems.story_text.scored import ScoringOptions, StoryTextScores
from n2s.systems.story_text.scoring import score
from n2s.systems.story_text.search import SearchOptions
from n2s.systems.story_text.told import tell_other_moment, told
from n2s.systems.story_text.transcripts import Passage, Transcripts
from n2s.systems.story_text.transfer import PersonToPerson, same_fold
from n2s.systems.story_text.word_peaks import WordTimes

#: Keys of a checkpoint: the fits, by subject and fold; language models; and how all were made.
FITS, LANGUAGES, RECIPE = "n2s_story_text_fits", "n2s_story_text_languages", "n2s_story_text_recipe"


class StoryDecoder(FoldFits):
    """Decodes continuous language (Tang et al. 2023, Nat. Neurosci. 26:858), one fit a subject and fold.

    An encoding model predicts the response from features of words in context; at test, a beam search finds the words that a language model
    proposes and that explain the held-out response best. How many words there are, and when, is read from the brain, too. Nothing of the true
    words is used at test.

    ``n2s fit`` trains the language model on training transcripts, if it is one that is trained, and fits encoding model, noise and word
    rate. ``n2s test`` decodes every held-out story, its controls and null texts, and scores them; an interrupted test goes on.

    Parameters
    ----------
    language_model
        Proposes words, and gives features of words in context: `n2s.features.TrainedStoryWords`, `n2s.features.PretrainedStoryWords` of any
        Hugging Face model, or `n2s.features.SharedStoryWords`, whose features mean the same in every language.
    encoder
        What texts are compared by: `n2s.features.PPMIVectors`, or `n2s.features.ContextualText` of any Hugging Face encoder.
    language
        Code of the language that is decoded, such as ``en``, ``es``, ``eu``; None: as the study's events say. Of stories in several languages
        those in this one alone are used.
    other_language
        Another language that the same people heard. A decoder whose encoding model, noise and word rate are learned from it alone reads the
        held-out stories of ``language``, too; words are proposed from training transcripts of ``language``. None: there is none.
    at
        The moment of a word that its response starts from: ``middle``, ``onset``, ``end``.
    alphas, n_folds
        Penalties to choose from, by cross-validation over training stories. (Penalties of Tang et al. are square roots of these.)
    n_voxels
        How many voxels or sensors count: those with the best score in that cross-validation.
    shrinkage
        Of the noise covariance: see `n2s.models.StoryLikelihood`.
    word_rate
        The feature of the data that counts words: `n2s.features.WordRate`.
    rate_roi
        Region that the word rate is read from; None: the ``n_rate_voxels`` that it predicts best.
    word_times
        ``even``: words are counted in bins and lie evenly in each, as for volumes. ``peaks``: each is in a row of its own, where the word rate, the
        words' own features and the intervals between training words say that it is most likely; for sensors, in rows of at most 0.1 s.
    rate_bin_s
        Words are counted in bins of this length, s; at least a row (a volume).
    width, extensions, mass, ratio, language_s
        Of the beam search: see `n2s.systems.story_text.search.SearchOptions`.
    n_null, null_width
        How many texts of random likelihoods there are, and the width of their beams.
    n_permuted, block_s
        How often the response is decoded with its volumes permuted, in blocks of this length, s.
    window_s, hop_s
        Texts are scored in windows of this length, this far apart, s.
    encoder_nulls
        See `n2s.systems.story_text.scored.ScoringOptions`.
    reference
        A subject (``study/id``) whose decoder also reads all others, through a map of responses that is learned from the training stories which
        both heard (Tang & Huth 2025); None: nobody's.
    seed
        Of all that is drawn.

    Examples
    --------
    >>> from n2s.systems import StoryDecoder
    >>> system = StoryDecoder(n_voxels=2000, width=50)
    >>> run = n2s.test(n2s.fit("story_text"))  # doctest: +SKIP
    """

    takes = (EncodingDataModule,)
    recipe = "configs/story_text.yaml"
    instead = "the text of a story is searched with all runs of a person. Put the run into the study as held out (data.split), and run n2s test: it writes the text."

    def __init__(
        self,
        *,
        language_model: StoryLanguageModel | None = None,
        encoder: TextEncoder | None = None,
        language: str | None = None,
        other_language: str | None = None,
        at: At = "middle",
        alphas: tuple[float, ...] = ALPHAS,
        n_folds: int = 5,
        n_voxels: int = 10_000,
        shrinkage: float = 2 / 3,
        word_rate: str = "word_rate",
        rate_roi: str | None = None,
        n_rate_voxels: int = 500,
        word_times: WordTimes = "even",
        rate_bin_s: float = 2.0,
        width: int = 200,
        extensions: int = 5,
        mass: float = 0.9,
        ratio: float = 0.1,
        language_s: float = 8.0,
        n_null: int = 200,
        null_width: int = 10,
        n_permuted: int = 3,
        block_s: float = 10.0,
        window_s: float = 20.0,
        hop_s: float = 1.0,
        encoder_nulls: int | None = None,
        reference: str | None = None,
        seed: int = 0,
    ):
        check_options("model.", above=0, window_s=window_s, hop_s=hop_s)
        check_options("model.", low=0, whole=True, encoder_nulls=encoder_nulls, seed=seed)
        super().__init__()
        self.save_hyperparameters(ignore=["language_model", "encoder"])
        self.encoder = encoder if encoder is not None else PPMIVectors()
        self.fit_options = FitOptions(
            language or "", check_at(at, "StoryDecoder"), tuple(alphas), n_folds, n_voxels, shrinkage, word_rate, rate_roi,
            n_rate_voxels, seed, word_times,
        )  # fmt: skip
        self.search_options = SearchOptions(width, extensions, mass, ratio, language_s)
        self.decode_options = DecodeOptions(rate_bin_s, n_permuted, block_s, n_null, null_width, seed)
        self.scoring = ScoringOptions(window_s, hop_s, encoder_nulls)
        self.learned = Learned(language_model if language_model is not None else TrainedStoryWords())
        self.reference, self.other_language = reference, other_language
        self._decoded: dict[str, list[pd.DataFrame]] = {}
        self._lines: dict[str, list[pd.DataFrame]] = {}
        self._encoders: dict[str, dict[str, TextEncoder]] = {}

    @property
    def made(self) -> dict:
        """How fits are made: those of an interrupted run, or of a checkpoint, have to be made so."""
        model, other = self.learned.model.settings(), self.other_language
        own = {"language_model": model, "reference": self.reference, "other_language": other}
        return self.fit_options.plain() | own

    def setup(self, stage: str) -> None:
        """Check what can be checked before the first fit."""
        data = self.data
        self.check_alone("; the fits of many subjects are separate jobs (data.subjects)")
        if isinstance(data.response, Glover):
            raise UserError(
                "StoryDecoder reads when words are said from the brain at several delays, and data.response is Glover, which has none. Take "
                "n2s.data.FIR (delays in volumes) for BOLD, or n2s.data.Lags for sensors."
            )

        if self.reference is not None and self.reference not in data.subjects:
            raise UserError(
                f"model.reference: no subject '{self.reference}' in the data.{nearest(self.reference, list(data.subjects))} There are: "
                f"{first_of(data.subjects)}."
            )
        self._heard = heard = Languages.of(
            data, self.hparams.language, self.other_language, self.learned.model, self.reference
        )
        self._stories, self.other_language = heard.stories, heard.other
        self.fit_options = replace(self.fit_options, language=heard.language)
        tell_other_moment(data.features.get(self.fit_options.word_rate), self.fit_options.at)
        for subject in data.subjects:
            for fold in self._stories.folds(subject):
                if self.reference is not None:
                    same_fold(self._stories, fold, subject, self.reference)

    @torch.no_grad()
    def training_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Fit one fold of a subject. What an interrupted run has fitted is taken."""
        self.check_epoch("story decoders are fitted")
        data, subject, fold = self._stories, batch.subject, self._fold(batch)
        if fold is None:
            self.optimizers().step()
            return
        path = self.fit_path(subject, fold)
        made = self.made | {"data": data.data_hashes(), "rows": rows_hash(data, subject, fold)}
        found = kept(path, made)
        if found is None:
            with torch.inference_mode(False), torch.enable_grad():  # a language model may be trained
                fitted = fit_fold(data, subject, fold, self.learned, self.fit_options, device=self.device)
                if self._heard.across is not None:
                    fitted[ACROSS] = fit_across(
                        self._heard, subject, fold, fitted, self.learned, self.fit_options, self.device
                    )
            found = {"fitted": fitted, "language": self.learned.states[fitted["language"]]}
            keep(path, found, made)
        self.learned.states.setdefault(found["fitted"]["language"], found["language"])
        self.fits.setdefault(subject, {})[fold.name] = found["fitted"]
        self.log("train/voxel_r2", found["fitted"]["r2"].max(), prog_bar=True, batch_size=1)
        self.log("train/word_rate_r2", found["fitted"]["rate"]["r2"], prog_bar=True, batch_size=1)
        self.optimizers().step()

    def _fold(self, batch: SubjectFold) -> Fold | None:
        """None: nothing is held out there in the language that is decoded."""
        return fold_named(self._stories, batch.subject, self.data.folds(batch.subject)[batch.fold].name)

    @torch.no_grad()
    def on_train_epoch_end(self) -> None:
        """Once all decoders are there: maps to the reference person."""
        for subject in self.fits if self.reference is not None else ():
            for number, fold in enumerate(self._stories.folds(subject)):
                if subject != self.reference:
                    self.fits[subject][fold.name]["to_reference"] = self._to_reference(subject, number)

    def _to_reference(self, subject: str, number: int) -> dict:
        data, reference = self._stories, self.reference
        mine = data.folds(subject)[number]
        folds = [mine, same_fold(data, mine, subject, reference)]
        unit = [data.rows(name).unit.to_numpy().astype(str) for name in (subject, reference)]
        seen = sorted(set(unit[0][folds[0].test]) & set(unit[1][folds[1].train]))
        if seen:
            raise UserError(
                f"{reference}, {folds[1].name}: its decoder has learned from {first_of(seen)}, which is held out for {subject}. Leave data.each_alone "
                "out: stories are then held out for all people."
            )
        fitted = self.fits[reference][folds[1].name]
        voxels = torch.cat([fitted["voxels"], fitted["rate"]["voxels"]]).numpy()
        return PersonToPerson(alphas=self.fit_options.alphas).fit(data, subject, reference, number, voxels).state()

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Fits, language models, and by what a test knows the data."""
        used = {one["language"] for own in self.fits.values() for one in own.values()}
        languages = {name: state for name, state in self.learned.states.items() if name in used}
        checkpoint[FITS], checkpoint[LANGUAGES], checkpoint[RECIPE] = self.fits, languages, self.made

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """See Lightning."""
        if FITS not in checkpoint:
            raise UserError("the checkpoint is not from StoryDecoder: it holds no decoders.")
        self.fits, self.fitted_by = checkpoint[FITS], checkpoint.get(RECIPE)
        self.learned = Learned(self.learned.model, checkpoint[LANGUAGES])

    def on_test_start(self) -> None:
        """Nothing is decoded yet."""
        check_made(self.fitted_by, self.made)
        self.check_fitted(name for name in self.data.subjects if self.data.folds(name))
        self._decoded, self._lines, self._encoders, self._passages = {}, {}, {}, {}
        self._transcripts = Transcripts(self.data.stimuli, self.fit_options.language, self.fit_options.at)

    @torch.no_grad()
    def test_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Decode the held-out stories of a subject and fold."""
        subject, fold = batch.subject, self._fold(batch)
        if fold is None:
            return
        held = HeldOut(
            self._stories,
            subject,
            fold,
            self.fits[subject][fold.name],
            self.learned,
            self._transcripts,
            self._passages_of(subject)[fold.name],
            self.fit_options,
            self.search_options,
            self.decode_options,
            self._beside(subject, fold),
        )
        words, stories = held.decoded(self.folder / "decoded")
        if words.empty:
            return
        self._rules = TextRules.of(self.fit_options.language, stories=held.stories)
        encoder = copy.copy(self.encoder)
        encoder.learn(held.stories)
        self._encoders.setdefault(subject, {}).update(dict.fromkeys(stories.story, encoder))
        self._decoded.setdefault(subject, []).append(words)
        self._lines.setdefault(subject, []).append(stories)

    def on_test_epoch_end(self) -> None:
        """Something must have been decoded."""
        if not self._decoded:
            raise UserError(
                "no held-out story has words with times: nothing can be scored. Check the events of kind 'word'."
            )

    def _passages_of(self, subject: str) -> dict[str, list[Passage]]:
        """Those of all folds, read once for each subject."""
        if subject not in self._passages:
            folds = self._stories.folds(subject)
            self._passages = {subject: held_out_passages(self.data, subject, folds, self._transcripts)}
        return self._passages[subject]

    def _beside(self, subject: str, fold: Fold) -> Beside | None:
        """The decoder of the other language, or of the reference person."""
        fitted = self.fits[subject][fold.name]
        if self._heard.across is not None:
            return beside_across(self._heard.across, subject, fold, fitted[ACROSS])
        if self.reference in (None, subject):
            return None
        mapped = PersonToPerson().load(fitted["to_reference"])
        return Beside(TRANSFERRED, self.fits[self.reference][fold.name], mapped.apply)

    def results(self, seed: int) -> Mapping[str, StoryTextResult]:
        """See `System`."""
        if not self._decoded:
            return {}
        rules = {self.fit_options.language: self._rules}
        parts = [
            score(
                pd.concat(words, ignore_index=True),
                pd.concat(self._lines[subject], ignore_index=True),
                self._encoders[subject],
                rules,
                self.scoring,
            )
            for subject, words in self._decoded.items()
        ]
        learned = self.learned[next(iter(self.learned.states))]
        settings = {
            "told": told(learned, self.fits, self.search_options, self.decode_options, self.other_language),
            "language_model": learned.told(),
            "search": vars(self.search_options),
            "decoding": vars(self.decode_options),
            "n_folds": max(len(self._stories.folds(name)) for name in self._decoded),
            "n_voxels": {name: len(next(iter(self.fits[name].values()))["voxels"]) for name in self._decoded},
            "word_rate_r2": {
                name: float(torch.stack([one["rate"]["r2"] for one in self.fits[name].values()]).mean())
                for name in self._decoded
            },
        }
        found = StoryTextResult.of(StoryTextScores.joined(parts), settings=settings, seed=self.fit_options.seed)
        return {"test": found}
