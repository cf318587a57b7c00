"""All scores of decoded clips, with their controls."""

from functools import cached_property

import numpy as np

from n2s.errors import UserError
from n2s.metrics.claims import Lead, ahead, ahead_of_nothing, claimed
from n2s.metrics.clip_scores import Units, exchanged, independent_units, summarize_clips, with_controls
from n2s.metrics.feature_correlation import feature_correlations, median_intervals, summarize_correlations
from n2s.metrics.identification import (
    N_WAYS,
    Choice,
    identification_ranks,
    n_way_accuracy,
    summarize_identification,
)
from n2s.metrics.score import ALL, Score
from n2s.metrics.semantic import common_label, fold_groups, semantic_hits
from n2s.metrics.spectrogram import mel_pcc, mel_psnr
from n2s.systems.clips.decoded_clips import DecodedClips

N_EXCHANGES = 200
N_COSTLY = 20  # number of exchanges for slow scores: correlations of many dimensions, classifiers
CLAIM_WAYS = (2, 10)  # the N that is tested; other N repeat the same test
UNIT_RANGE = (0.0, 1.0)
MEL = {
    "mel_pcc": (mel_pcc, (-1.0, 1.0)),
    "mel_psnr": (lambda predicted, true: mel_psnr(predicted, true, data_range=1.0), (0.0, np.inf)),
}


class ClipScores:
    """Scores of a `DecodedClips`, each computed once, at its first use.

    Parameters
    ----------
    result
        The decoded clips of a test.
    """

    def __init__(self, result: DecodedClips):
        self.result, self.seed = result, result.seed

    @cached_property
    def n_by_subject(self) -> dict[str, int]:
        """Subject -> number of decoded clips."""
        names, counts = np.unique(self.result.subject, return_counts=True)
        return {str(name): int(n) for name, n in zip(names, counts, strict=True)}

    @cached_property
    def units(self) -> Units:
        """The unit of each decoded clip; units are assumed independent."""
        return self._units(self.result.subject)

    @cached_property
    def exchanged_units(self) -> Units:
        """The unit of each decoded clip, for exchanges: inside a fold of a cross-validation there are fewer."""
        return self._units(self.result.listener)

    def _units(self, who: np.ndarray) -> Units:
        rows = self.result.clips.iloc[self.result.target]
        duration_s = np.maximum(rows.duration_s.to_numpy(), self.result.response_s)
        return independent_units(rows.group, who, rows.start_s, duration_s=duration_s)

    @cached_property
    def n_units(self) -> dict[str, int]:
        """Subject -> number of independent units."""
        return {name: len(set(self.units.of[self.result.subject == name])) for name in self.n_by_subject}

    @cached_property
    def exchanges(self) -> np.ndarray:
        """(p, n) Index of the response that each clip gets."""
        return exchanged(self.exchanged_units.of, self.result.listener, n_permutations=N_EXCHANGES, seed=self.seed)

    @cached_property
    def choice(self) -> Choice:
        """The candidates of each clip: the test clips that its subject heard, of its fold."""
        return Choice.of(self.result.candidates, self.result.target, self.result.listener)

    @cached_property
    def ranks(self) -> dict[str, np.ndarray]:
        """Identification ranks: ``model``, ``shuffled``, ``mean_prediction``, ``ceiling`` (the true feature); some have more.

        ``subject_only``, if subjects were trained on different clips; ``fine_only``, if the ablation was tested too; and
        ``ideal_observer``, if there is one.
        """
        result, choice = self.result, self.choice
        own = {} if result.own_mean is None else {"subject_only": result.own_mean[result.listener_index]}
        found = identification_ranks(
            result.predicted,
            choice,
            exchanges=self.exchanges,
            means={"mean_prediction": np.zeros(result.predicted.shape[1])} | own,
            ceiling=result.candidates[result.target],
            seed=self.seed,
        )
        if result.fine_only is not None:
            found["fine_only"] = choice.ranks(choice.similarities(result.fine_only))
        if result.ideal is not None:
            found["ideal_observer"] = choice.ranks(choice.merged(result.ideal))
        return found

    @cached_property
    def correlations(self) -> dict[str, dict[str, np.ndarray]]:
        """Correlation of each dimension over a subject's clips, by subject: ``model``, ``shuffled``, ``fine_only`` if present."""
        result, exchanges = self.result, self.exchanges[:N_COSTLY]
        true = result.centred(result.candidates[result.target])
        found = feature_correlations(
            result.centred(result.predicted), true, subject=result.subject, exchanges=exchanges
        )
        if result.fine_only is not None:
            options = {"subject": result.subject, "exchanges": exchanges[:0]}
            found["fine_only"] = feature_correlations(result.centred(result.fine_only), true, **options)["model"]
        return found

    @property
    def labels(self) -> np.ndarray:
        """(n,) semantic class of each decoded clip."""
        return self.result.clips.label.to_numpy()[self.result.target].astype(str)

    @cached_property
    def folds(self) -> Units:
        """Groups of clips that semantic classification keeps together, and their description."""
        rows = self.result.clips.iloc[self.result.target]
        options = {"subject": self.result.listener}
        groups, whole = fold_groups(self.labels, rows.group.to_numpy(), rows.start_s.to_numpy(), **options)
        return Units(groups, "stimuli" if whole else "stretches of stimuli")

    @cached_property
    def semantic(self) -> dict[str, np.ndarray] | str:
        """Hits of the linear classifier; or the reason why there are none."""
        result = self.result
        if len(set(self.labels)) < 2:
            return f"the test clips have no two labels (found: {', '.join(sorted(set(self.labels))) or 'none'})"
        groups = self.folds.of
        try:
            return semantic_hits(
                result.predicted,
                self.labels,
                stimulus=groups,
                subject=result.listener,
                exchanges=exchanged(groups, result.listener, n_permutations=N_COSTLY, seed=self.seed),
                ceiling=result.candidates[result.target],
                others={} if result.fine_only is None else {"fine_only": result.fine_only},
                seed=self.seed,
            )
        except UserError as error:
            return str(error)

    @cached_property
    def mel(self) -> dict[str, dict[str, np.ndarray]]:
        """``mel_pcc`` and ``mel_psnr`` of each clip's spectrogram; empty without one."""
        result = self.result
        if result.mel_predicted is None:
            return {}
        means = {"mean_prediction": result.mel_guess.astype(np.float32)}
        if result.mel_own_mean is not None:
            means["subject_only"] = result.mel_own_mean[result.listener_index].astype(np.float32)
        return {
            name: with_controls(
                score,
                result.mel_predicted.astype(np.float32),
                result.mel_candidates[result.target].astype(np.float32),
                exchanges=self.exchanges,
                means=means,
                ceiling=None if result.mel_ceiling is None else result.mel_ceiling.astype(np.float32),
            )
            for name, (score, _) in MEL.items()
        }

    @cached_property
    def rows(self) -> dict[str, dict[str, dict[str, Score]]]:
        """Score -> row -> subject (or `ALL`) -> `Score`.

        Scores are ``correlation``, ``identification@N``, ``label``, ``mel_pcc`` and ``mel_psnr``, as available.
        """
        subject, found = self.result.subject, {"correlation": self._correlation_rows()}
        by_n = summarize_identification(
            self.ranks, subject, self.choice.n_candidates, units=self.units, n_ways=self.n_ways
        )
        found |= {f"identification@{n_way}": rows for n_way, rows in by_n.items()}
        if not isinstance(self.semantic, str):
            rows = summarize_clips(self.semantic, subject, units=self.folds, bounds=UNIT_RANGE)
            found["label"] = rows | {"chance": {ALL: Score(common_label(self.labels, self.result.listener))}}
        return found | {
            name: summarize_clips(rows, subject, units=self.units, bounds=MEL[name][1])
            for name, rows in self.mel.items()
        }

    @cached_property
    def candidates(self) -> dict[str, int]:
        """Subject -> number of candidates of each of its clips; the smallest over folds."""
        subject = self.result.subject
        return {name: int(self.choice.n_candidates[subject == name].min()) for name in self.n_by_subject}

    @property
    def n_candidates(self) -> int:
        """The smallest number of candidates of a subject."""
        return min(self.candidates.values())

    @property
    def own_candidates(self) -> bool:
        """Whether a subject did not hear some of the candidates."""
        return bool((~self.choice.own).any())

    @property
    def ceilings(self) -> dict[str, str | None]:
        """Description of each ceiling; None if there is none."""
        result = self.result
        sound = "" if result.mel_ceiling is None else "; of spectrograms, its sound through the same decoder"
        ideal = None if result.ideal is None else "the exact likelihood of the simulated data"
        return {"ceiling": f"the true feature of each clip{sound}", "ideal_observer": ideal}

    @property
    def n_ways(self) -> list[int]:
        """Every N of N-way identification; the largest is `n_candidates`."""
        return sorted({n for n in (*N_WAYS, self.n_candidates) if 2 <= n <= self.n_candidates})

    def _correlation_rows(self) -> dict[str, dict[str, Score]]:
        result = self.result
        decoders = {"model": result.predicted, "fine_only": result.fine_only}
        options = {"subject": result.subject, "units": self.units}
        true = result.centred(result.candidates[result.target])
        medians = {
            row: median_intervals(result.centred(values), true, **options)
            for row, values in decoders.items()
            if values is not None
        }
        found = summarize_correlations(self.correlations, medians, words=self.units.words)
        return found | {"mean_prediction": {ALL: Score(0.0)}, "ceiling": {ALL: Score(1.0)}}

    @cached_property
    def leads(self) -> dict[str, Lead]:
        """How far the model is above chance, by score: above the known chance level, and above exchanges."""
        subject, n_folds, leads = self.result.subject, self.result.n_folds, {}
        for n_way in (n for n in CLAIM_WAYS if n in self.n_ways):
            own, shuffled = (
                n_way_accuracy(self.ranks[row], self.choice.n_candidates, n_way) for row in ("model", "shuffled")
            )
            leads[f"identification@{n_way}"] = ahead_of_nothing(
                own, shuffled, 1 / n_way, subject=subject, units=self.units, n_folds=n_folds
            )
        if not isinstance(self.semantic, str):
            chance, hits = self.rows["label"]["chance"][ALL].mean, self.semantic
            leads["label"] = ahead_of_nothing(
                hits["model"], hits["shuffled"], chance, subject=subject, units=self.folds, n_folds=n_folds
            )
        for name, rows in self.mel.items():
            leads[name] = ahead_of_nothing(
                rows["model"], rows["shuffled"], None, subject=subject, units=self.units, n_folds=n_folds
            )
        return leads

    @cached_property
    def claims(self) -> dict[str, dict]:
        """`leads` as plain JSON types, corrected for their number: see `n2s.metrics.claims.claimed`."""
        return claimed({name: lead.plain() for name, lead in self.leads.items()})

    @cached_property
    def ahead_of_fine_only(self) -> Lead | None:
        """How far the model is ahead of the ablation in label classification; None without an ablation or labels."""
        if isinstance(self.semantic, str) or "fine_only" not in self.semantic:
            return None
        hits = self.semantic
        return ahead(hits["model"], hits["fine_only"], subject=self.result.subject, units=self.folds)
