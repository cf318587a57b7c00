"""The pairs of a test with their ranks, scores, differences and comparisons with chance, each computed once."""

from functools import cached_property

import numpy as np

from n2s.findings import tell
from n2s.metrics.retrieval_chance import Comparisons, corrected
from n2s.metrics.retrieval_rows import TOP
from n2s.metrics.score import Score
from n2s.systems.fusion.apart import blocks_of
from n2s.systems.fusion.differences import Difference, differences, share_reached
from n2s.systems.fusion.pairs_scored import ScoredPairs
from n2s.systems.fusion.shuffles import pair_ranks
from n2s.systems.fusion.summary import Summary, summarize

MOST_CONSTANT = 0.01  # share of pairs with constant scores that is not worth a message


class SummarizedPairs(ScoredPairs):
    """`ScoredPairs` with the numbers that follow from them."""

    @cached_property
    def ranks(self) -> dict[str, np.ndarray]:
        """Ranks of the true candidates, see `n2s.systems.fusion.shuffles.pair_ranks`."""
        self._tell_constant()
        return pair_ranks(self)

    @cached_property
    def block(self) -> np.ndarray:
        """(n,) The block of neighbouring segments of each pair, for intervals."""
        return blocks_of(self).steady

    @cached_property
    def summary(self) -> Summary:
        """Every score; p-values without correction."""
        return summarize(self, self.ranks)

    @cached_property
    def differences(self) -> dict[str, dict[str, Difference]]:
        """Score -> what is compared -> the difference; empty with one modality."""
        found = differences(self.ranks, self.subject, self.block, seed=self.seed)
        return {name: one for name, one in found.items() if one}

    @cached_property
    def reached(self) -> dict[str, Score]:
        """Score -> the share of the best possible decoder's that is reached; empty where that is not known."""
        return share_reached(self.ranks, self.main, self.subject, self.block, seed=self.seed)

    def constant(self, modality: str) -> np.ndarray:
        """(n,) Pairs for which a modality, ``meg`` or ``fmri``, scores all of two or more candidates the same."""
        part, allowed = getattr(self, modality), self.allowed
        low = part.min(1) if allowed is None else np.where(allowed, part, np.inf).min(1)
        high = part.max(1) if allowed is None else np.where(allowed, part, -np.inf).max(1)
        return (low == high) & (self.n_candidates > 1)

    def _tell_constant(self) -> None:
        for modality, label in (("meg", "MEG"), ("fmri", "fMRI")):
            if getattr(self, modality) is None or (share := self.constant(modality).mean()) <= MOST_CONSTANT:
                continue
            tell(
                "odd",
                f"result of {self.method}",
                f"{label} scores all candidates the same in {share:.0%} of {len(self.target)} pairs: with {label} alone, they count as not found. "
                f"Look for people without a model of {label}, and for a weight of 0.",
            )

    @property
    def tests(self) -> Comparisons:
        """Row -> accuracy -> its comparison with chance, corrected for all results that are shown together."""
        shown = list(self._named.values())
        place = next(i for i, one in enumerate(shown) if one is self)
        return corrected([one.summary.tests for one in shown])[0][place]

    @property
    def n_tests(self) -> int:
        """How many comparisons with chance are shown together."""
        return corrected([one.summary.tests for one in self._named.values()])[1]

    @property
    def told_k(self) -> int:
        """The k of the sentences beside 1: the largest for which half of the candidates, or more, are no hits; 1 with few of them."""
        return max((k for k in TOP if 2 * k <= min(self.n_candidates)), default=1)
