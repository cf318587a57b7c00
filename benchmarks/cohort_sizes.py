"""AUC of the classifiers of `configs/dyslexia.yaml` on simulated cohorts of 20, 40 and 80 people, beside the best possible and permuted labels.

Means over cohorts: a single cohort of 40 may be .15 off by luck. The largest cohorts are measured; smaller ones are parts of them.

python benchmarks/cohort_sizes.py --n_cohorts 4 --n_permutations 10
python benchmarks/cohort_sizes.py --only dyslexnet --n_permutations 0          # as small as the recipe has it
python benchmarks/cohort_sizes.py --only "dyslexnet, full" --n_cohorts 1 --n_people 40 --sizes 40 --n_permutations 0
"""

import argparse
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch

from n2s.data import EncodingDataModule, Lags, Preprocessing
from n2s.features import Envelope
from n2s.models import DyslexNet
from n2s.studies import SimulatedCohort
from n2s.studies.simulated.cohort_people import TRAITS
from n2s.systems.dyslexia.classifiers import Classifier, CovariatesOnly, ElasticNet, LinearSVM, Logistic
from n2s.systems.dyslexia.groups import covariates_of
from n2s.systems.dyslexia.measured import Common, covariances_of, measures_of, stretches_of, windows_of
from n2s.systems.dyslexia.network import WindowNetwork
from n2s.systems.dyslexia.people import People
from n2s.systems.dyslexia.spatial import BandCSP, EnvelopeFollowing, RiemannianTangent
from n2s.systems.dyslexia.validation import permuted, repeated, summary
from n2s.systems.tracking.measures import MeasureOptions

CLASSIFIERS: dict[str, Classifier] = {
    "following": EnvelopeFollowing(),
    "riemann": RiemannianTangent(),
    "logistic": Logistic(),
    "svm": LinearSVM(),
    "elastic net": ElasticNet(),
    "csp": BandCSP(),
    "covariates only": CovariatesOnly(),
}
WINDOW_S = 0.5
#: Take long, and are run by name: the recipe's small network, and the published one with as many passes as the recipe's.
NETWORKS: dict[str, Classifier] = {
    "dyslexnet": WindowNetwork(
        partial(DyslexNet, dim=64, depth=2, n_heads=4, embed_dim=32, factor_dim=16), window_s=WINDOW_S, n_epochs=2
    ),
    "dyslexnet, full": WindowNetwork(window_s=WINDOW_S, n_epochs=2, batch_size=64),
}
#: Logistic regression on the traits that the generator has drawn, which no recording shows exactly.
KNOWN = "traits known"


def main(
    n_cohorts: int,
    n_people: int,
    story_s: float,
    n_sensors: int,
    n_permutations: int,
    sizes: Sequence[int],
    only: Sequence[str],
    threads: int,
) -> None:
    """Print a table."""
    torch.set_num_threads(threads)
    chosen = {name: one for name, one in (CLASSIFIERS | NETWORKS).items() if name in (only or CLASSIFIERS)}
    cohorts = [measured(seed, n_people, story_s, n_sensors) for seed in range(n_cohorts)]
    print(f"best possible on new people: {cohorts[0][2]:.3f} (all that is in recordings of {story_s:g} s)")
    print("| people | classifier | AUC: mean over cohorts (standard error) | labels permuted |\n|---|---|---|---|")
    for n in sizes or (n_people // 4, n_people // 2, n_people):
        parts = [one for people, positive, _ in cohorts for one in divided(people, positive, n)]
        for name, classifier in chosen.items():
            row(n, name, classifier, [part[:2] for part in parts], n_permutations)
        if not only:
            row(n, KNOWN, Logistic(strengths=(0.1,)), [(part[2], part[1]) for part in parts], 0)


def measured(
    seed: int, n_people: int, story_s: float, n_sensors: int
) -> tuple[tuple[People, People], np.ndarray, float]:
    """People as classifiers see them, and the same with their traits as measures; who is positive; the best possible AUC."""
    half = n_people // 2
    study = SimulatedCohort(
        n_control=n_people - half,
        n_dyslexia=half,
        stories=["lighthouse.en"],
        max_story_s=story_s,
        n_sensors=n_sensors,
        seed=seed,
    )
    data = EncodingDataModule(
        {"cohort": study},
        {"envelope": Envelope()},
        Lags(-0.1, 0.5),
        preprocessing=Preprocessing(sfreq=50.0, highpass_hz=0.3, picks=["meg"]),
        n_folds=0,
    )
    data.setup("fit")
    options, common = MeasureOptions(n_shifts=20), Common.of(data, data.subjects, None)
    found = [stretches_of(data, name, "envelope", common) for name in data.subjects]
    measures = np.array([list(measures_of(one, common, options).values()) for one in found])
    covariances = np.stack([covariances_of(one, common, options) for one in found])
    windows = [windows_of(one, common, WINDOW_S) for one in found]
    table = study.participants().assign(subject=data.subjects).set_index("subject")
    names, known = np.array(data.subjects), covariates_of(table, None).to_numpy()
    people = (
        People(names, measures, known, covariances, windows),
        People(names, study.people[list(TRAITS)].to_numpy(), known),
    )
    return people, (table.group == "dyslexia").to_numpy(), study.best_auc(covariates=True)


def divided(people: tuple[People, People], positive: np.ndarray, n: int) -> Iterator[tuple[People, np.ndarray, People]]:
    """Cohorts of ``n`` people, half of them positive, nobody in two of them."""
    sides = [np.flatnonzero(positive == kind) for kind in (False, True)]
    for first in range(0, len(positive) // 2 - n // 2 + 1, n // 2):
        own = np.sort(np.concatenate([side[first : first + n // 2] for side in sides]))
        yield people[0].of(own), positive[own], people[1].of(own)


def row(
    n: int, name: str, classifier: Classifier, cohorts: list[tuple[People, np.ndarray]], n_permutations: int
) -> None:
    """Print the mean over cohorts; permutations of all of them together."""
    how = {"n_folds": 5, "n_repeats": 1 if name in NETWORKS else 2, "seed": 0}
    found = [summary(repeated(classifier, *one, **how), one[1])[0] for one in cohorts]
    null = np.concatenate([permuted(classifier, *one, n_permutations, **how)[:, 0] for one in cohorts])
    error = np.std(found, ddof=1) / np.sqrt(len(found)) if len(found) > 1 else np.nan
    told = f"{null.mean():.3f} (2.5 to 97.5%: {np.quantile(null, 0.025):.2f} to {np.quantile(null, 0.975):.2f})" if len(null) else "-"  # fmt: skip
    print(f"| {len(cohorts)} x {n} | {name} | {np.mean(found):.3f} ({error:.3f}) | {told} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n_cohorts", type=int, default=4)
    parser.add_argument("--n_people", type=int, default=80)
    parser.add_argument("--story_s", type=float, default=60.0)
    parser.add_argument("--n_sensors", type=int, default=60)
    parser.add_argument("--n_permutations", type=int, default=10)
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=(), help="people of a cohort; all, half and a quarter of --n_people"
    )
    parser.add_argument(
        "--only", nargs="*", default=(), choices=list(CLASSIFIERS | NETWORKS), help="these classifiers alone"
    )
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    main(**vars(parser.parse_args()))
