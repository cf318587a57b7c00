"""What rows of a retrieval test are ranked among: all candidates, or those that their subject heard."""

import numpy as np

MOST_PERMUTATIONS = 100_000  # more would not fit into memory


class CandidateSets:
    """A part of results of retrieval, whose fields it reads: ``target (n,)``, ``subject (n,)``, ``candidates``, ``candidate_sets (s, k)``,
    ``candidate_set (n,)``, ``fold (n,)``, ``seed``, ``n_permutations``.
    """

    @property
    def allowed(self) -> np.ndarray | None:
        """(n, k) Which candidates each row is ranked among; None: all."""
        return None if self.candidate_sets is None else self.candidate_sets[self.candidate_set]

    @property
    def listener(self) -> np.ndarray:
        """(n,) Whose rows may be exchanged: a subject's, inside a fold."""
        if self.fold is None:
            return self.subject
        return np.char.add(self.subject, np.char.add(" fold ", self.fold.astype(str)))

    @property
    def n_folds(self) -> int:
        """How many folds of a cross-validation these are; 1: none."""
        return 1 if self.fold is None else len(np.unique(self.fold))

    @property
    def n_candidates(self) -> np.ndarray:
        """(n,) How many candidates each row is ranked among."""
        if self.candidate_sets is None:
            return np.full(len(self.target), len(self.candidates))
        return self.candidate_sets.sum(1)[self.candidate_set]

    def check_candidates(self, rows: str) -> None:
        """Raise a ValueError if a target is no candidate of its row, or the sets do not fit; ``rows``: what these are called."""
        k = len(self.candidates)
        if self.target.min() < 0 or self.target.max() >= k:
            raise ValueError(f"target holds {self.target.min()} to {self.target.max()}; there are {k} candidates.")
        if (self.candidate_sets is None) != (self.candidate_set is None):
            raise ValueError("candidate_sets and candidate_set belong together: one of them is missing.")
        if self.candidate_sets is None:
            return
        s = len(self.candidate_sets)
        if self.candidate_sets.shape != (s, k) or self.candidate_set.min() < 0 or self.candidate_set.max() >= s:
            raise ValueError(f"candidate_sets {self.candidate_sets.shape} and their numbers do not fit {k} candidates.")
        outside = int((~self.candidate_sets[self.candidate_set, self.target]).sum())
        if outside:
            raise ValueError(f"the true candidate of {outside} {rows} is not in their candidate set.")

    def check_draws(self) -> None:
        """Raise a ValueError if the seed or the number of exchanges is none."""
        if type(self.seed) is not int or self.seed < 0:
            raise ValueError(f"seed is {self.seed!r}; expected a whole number, 0 or more.")
        if type(self.n_permutations) is not int or not 0 < self.n_permutations <= MOST_PERMUTATIONS:
            raise ValueError(f"n_permutations is {self.n_permutations!r}; expected 1 to {MOST_PERMUTATIONS}.")
