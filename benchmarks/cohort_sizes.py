"""AUC of classifiers of a simulated cohort of 20, 40 and 80 people, beside the best possible.

python benchmarks/cohort_sizes.py --story_s 60 --n_sensors 30
"""

import argparse

import numpy as np

from n2s.data import EncodingDataModule, Lags, Preprocessing
from n2s.features import Envelope
from n2s.metrics.auc import auc_interval
from n2s.studies import SimulatedCohort
from n2s.systems.dyslexia.classifiers import CovariatesOnly, ElasticNet, LinearSVM, Logistic
from n2s.systems.dyslexia.groups import covariates_of
from n2s.systems.dyslexia.measured import Common, covariances_of, measures_of, stretches_of
from n2s.systems.dyslexia.people import People
from n2s.systems.dyslexia.spatial import BandCSP, EnvelopeFollowing, RiemannianTangent
from n2s.systems.dyslexia.validation import repeated
from n2s.systems.tracking.measures import MeasureOptions

CLASSIFIERS = {
    "logistic": Logistic(strengths=(0.01, 0.1)),
    "elastic net": ElasticNet(),
    "svm": LinearSVM(strengths=(0.001, 0.01)),
    "csp": BandCSP(strengths=(0.1,)),
    "following": EnvelopeFollowing(),
    "riemann": RiemannianTangent(strengths=(0.01, 0.1)),
    "covariates only": CovariatesOnly(strengths=(0.1,)),
}


def main(story_s: float, n_sensors: int, n_people: int) -> None:
    """Measure the largest cohort; smaller ones are its first people."""
    study = SimulatedCohort(
        n_control=n_people // 2,
        n_dyslexia=n_people // 2,
        stories=["lighthouse.en"],
        max_story_s=story_s,
        n_sensors=n_sensors,
        sfreq=50.0,
    )
    data = EncodingDataModule(
        {"cohort": study},
        {"envelope": Envelope(rate_hz=50)},
        Lags(-0.1, 0.5),
        preprocessing=Preprocessing(sfreq=50.0, highpass_hz=0.3, picks=["meg"]),
        n_folds=0,
    )
    data.setup("fit")
    options = MeasureOptions(n_shifts=20, kinds=("coherence", "plv", "information", "edges"))
    common = Common.of(data, data.subjects, None)
    found = [stretches_of(data, name, "envelope", common) for name in data.subjects]
    measures = np.array([list(measures_of(one, common, options).values()) for one in found])
    covariances = np.stack([covariances_of(one, common, options) for one in found])
    table = study.participants().assign(subject=data.subjects).set_index("subject")
    everybody = People(np.array(data.subjects), measures, covariates_of(table, None).to_numpy(), covariances)
    positive = (table.group == "dyslexia").to_numpy()
    print(
        f"best possible: {study.best_auc(covariates=True):.3f}; {common.n_rows / common.sfreq:.0f} s, {n_sensors} sensors"
    )
    for n in (n_people // 4, n_people // 2, n_people):
        own = np.sort(np.concatenate([np.flatnonzero(positive == kind)[: n // 2] for kind in (False, True)]))
        for name, classifier in CLASSIFIERS.items():
            scores = repeated(classifier, everybody.of(own), positive[own], n_folds=5, n_repeats=2, seed=0)
            mean, low, high = auc_interval(scores.mean(0), positive[own])
            print(f"{n} people, {name}: {mean:.3f} ({low:.3f} to {high:.3f})", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--story_s", type=float, default=60.0)
    parser.add_argument("--n_sensors", type=int, default=30)
    parser.add_argument("--n_people", type=int, default=80)
    main(**vars(parser.parse_args()))
