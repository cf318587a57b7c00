"""The windows of a test with their ranks, scores and comparisons with chance, each computed once."""

from functools import cached_property

import numpy as np

from n2s.metrics.retrieval_chance import Comparisons, corrected
from n2s.metrics.retrieval_rows import TOP
from n2s.systems.contrastive.ranked import RankedWindows
from n2s.systems.contrastive.summary import Summary, result_ranks, summarize


class SummarizedWindows(RankedWindows):
    """`RankedWindows` with the numbers that follow from them."""

    @cached_property
    def ranks(self) -> dict[str, np.ndarray]:
        """Ranks of the true candidates, see `n2s.systems.contrastive.summary.result_ranks`."""
        return result_ranks(self)

    @cached_property
    def summary(self) -> Summary:
        """Every number; p-values without correction."""
        return summarize(self, self.ranks)

    @property
    def tests(self) -> Comparisons:
        """Row -> accuracy -> its comparison with chance, corrected for all results that are shown together."""
        place = next(i for i, one in enumerate(self._together) if one is self)
        return corrected([one.summary.tests for one in self._together])[0][place]

    @property
    def n_tests(self) -> int:
        """How many comparisons with chance are shown together."""
        return corrected([one.summary.tests for one in self._together])[1]

    @property
    def told_k(self) -> int:
        """The k of the sentences and bars: the largest for which half of the candidates, or more, are no hits; 1 with few of them."""
        return max((k for k in TOP if 2 * k <= min(self.n_candidates)), default=1)
