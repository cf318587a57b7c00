"""Classes of moments of a recording: the table, the figures, and how far they agree with labels."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from n2s.decoding.decoded import Decoded
from n2s.metrics.result import Drawing, Shown

MOST = 12  # classes with a row of their own in the figure
N_DRAWS = 1000


@dataclass(eq=False, kw_only=True, repr=False)
class ClassProbabilities(Decoded):
    """How probable each class is, at each moment.

    Attributes
    ----------
    table
        One row a window: ``time_s`` (of the event, or the middle of a frame), ``class`` (the likeliest), ``probability`` (its own), ``label`` (the
        class that the events name, "" where they name none), and ``p(NAME)`` of each class.
    names
        Of the classes.
    probabilities
        (n, k)
    """

    names: list[str]
    probabilities: np.ndarray

    def tables(self) -> dict[str, pd.DataFrame]:
        """See `Decoded`."""
        return {"classes": self.table}

    @property
    def agreement(self) -> tuple[float, float, float] | None:
        """Balanced accuracy on labelled moments, its mean with labels in another order, and p; None without two classes among the labels."""
        known = self.table[self.table.label != ""]
        if known.label.nunique() < 2:
            return None
        label, said = pd.factorize(known.label)[0], known["class"].to_numpy()
        said = pd.Index(pd.unique(known.label)).get_indexer(said)
        found = _balanced(label, said)
        rng = np.random.default_rng(0)
        null = np.array([_balanced(rng.permutation(label), said) for _ in range(N_DRAWS)])
        return found, float(null.mean()), float((1 + (null >= found - 1e-12).sum()) / (1 + N_DRAWS))

    def headline(self) -> list[str]:
        """What was found, in words."""
        counts = self.table["class"].value_counts()
        listed = ", ".join(f"{name} {n}" for name, n in counts.head(5).items())
        lines = [f"{len(self.table)} windows: {listed}{' ...' if len(counts) > 5 else ''}."]
        found = self.agreement
        if found is None:
            return [
                *lines,
                "Nobody says that these are right: without labels (trial_type in the events) there is no score.",
            ]
        score, chance, p = found
        verdict = "above that of labels in another order" if p < 0.05 else "no better than labels in another order"
        n = int((self.table.label != "").sum())
        return [
            *lines,
            f"Of {n} windows with labels {100 * score:.0f}% are right, classes counted alike: {verdict} ({100 * chance:.0f}%, p = {p:.2g}).",
        ]

    def shown(self) -> Shown:
        """See `Decoded`."""
        rows = [
            [f"{one.time_s:.2f}", one[2], f"{100 * one.probability:.0f}", one.label or "-"]
            for one in self.table[["time_s", "class", "probability", "label"]].head(200).itertuples()
        ]
        counts = self.table["class"].value_counts()
        mean = self.probabilities.mean(0)
        each = [
            [name, str(int(counts.get(name, 0))), f"{100 * mean[i]:.1f}", str(int((self.table.label == name).sum()))]
            for i, name in enumerate(self.names)
        ]
        first = " (the first 200)" if len(self.table) > 200 else ""
        return Shown(
            headline=self.headline(),
            notes=[*self.said, NOTE],
            tables={
                "Each class": (["class", "likeliest in", "mean probability (%)", "in the labels"], each),
                "Each window" + first: (["at (s)", "likeliest", "probability (%)", "label"], rows),
            },
            drawings=[self._over_time()],
        )

    def _over_time(self) -> Drawing:
        """The probability of the classes that are the likeliest most often."""
        shown = np.sort(np.argsort(-self.probabilities.mean(0), kind="stable")[:MOST])
        if len(self.names) == 2:
            shown = shown[-1:]
        figure = Figure(figsize=(9, 1.3 + 0.8 * len(shown)), layout="constrained")
        time_s = self.table.time_s.to_numpy()
        for axis, i in zip(np.atleast_1d(figure.subplots(len(shown), 1, sharex=True, sharey=True)), shown, strict=True):
            axis.plot(time_s, self.probabilities[:, i], ".-", lw=0.6, ms=3)
            axis.set_ylim(0, 1)
            axis.set_title(self.names[i], fontsize=9, loc="left")
        axis.set_xlabel("s of the recording")
        more = f" The {MOST} likeliest of {len(self.names)} classes." if len(self.names) > MOST else ""
        return Drawing(
            "Probability of each class over time", figure, f"What the network gives to each class in each window.{more}"
        )


NOTE = (
    "A probability is what the network gives to a class, with the classes as frequent as in training; networks are often surer than they are right. Whether it "
    "can be trusted is in the scores of the run's own test."
)


def class_probabilities(
    probabilities: np.ndarray,
    time_s: np.ndarray,
    label: np.ndarray,
    *,
    names: list[str],
    recording: str,
    said: list[str],
) -> ClassProbabilities:
    """Put probabilities (n, k) of moments into a table; ``label (n,)``: class names, or ""."""
    best = probabilities.argmax(1)
    table = pd.DataFrame(
        {
            "time_s": time_s,
            "class": np.array(names, object)[best],
            "probability": probabilities[np.arange(len(best)), best],
            "label": label,
        }
        | {f"p({name})": probabilities[:, i] for i, name in enumerate(names)}
    )
    return ClassProbabilities(table, recording, said, names=list(names), probabilities=probabilities)


def _balanced(label: np.ndarray, said: np.ndarray) -> float:
    """Mean over classes of the share of their moments that are said to be of them."""
    return float(np.mean([(said[label == one] == one).mean() for one in np.unique(label)]))
