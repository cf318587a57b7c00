"""What repeated words do to scores of high-gamma models: the same data, split by words and split by time.

Contacts answer to a number of each word's own, which no feature of other words tells. A model with word embeddings can learn it by heart
if the same word is in training. Split by words it must gain nothing; split by time it gains what is printed.

    python benchmarks/repeated_words.py
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from n2s.data import EncodingDataModule, Lags, Preprocessing, SplitBySentence, SplitByTime
from n2s.features import SEEGDriver, Speaking
from n2s.models import ElectrodeRidge
from n2s.studies import SimulatedSEEG
from n2s.systems.high_gamma.fit import Options, fit_fold
from n2s.systems.high_gamma.rows import table_rows
from n2s.systems.high_gamma.scoring import HeldOutElectrodes, Null, subject_scores

SPLITS = {
    "by word": lambda: SplitBySentence(val_fraction=0.0),
    "by time": lambda: SplitByTime(n_folds=8, test_fold=0, val_fold=1),
}
ALPHAS = (1e1, 1e2, 1e3, 1e4, 1e5)


def scores(
    root: Path, split: str, own_share: float, *, share: float = 1.0, sfreq: float = 50.0, seed: int = 0, **options
) -> dict:
    """Row -> r of contacts that answer to words (v,), of ridge from embeddings; and which contacts these are."""
    study = SimulatedSEEG(
        n_subjects=1, measure="high_gamma", own_share=own_share, share=share, seed=seed, root=root, **options
    )
    data = EncodingDataModule(
        {"seeg": study},
        {"words": SEEGDriver("words"), "speech": Speaking()},
        Lags(-0.2, 0.2),
        preprocessing=Preprocessing(sfreq=sfreq, picks=["seeg"]),
        split=SPLITS[split](),
        n_folds=4,
    )
    data.prepare()
    data.setup("fit")
    estimators, how = {"ridge": ElectrodeRidge(ALPHAS, n_folds=3)}, Options(3, 5.0, 0)
    rows = table_rows(list(data.spaces), ["ridge"], models=None, speech="speech", n_draws=1)
    fits = {fit.key: fit for row in rows for fit in row.fits}
    subject = data.subjects[0]
    with torch.no_grad():
        fitted = {fold.name: fit_fold(data, subject, fold, fits, estimators, how) for fold in data.folds(subject)}
        found = subject_scores(
            HeldOutElectrodes(data, subject, fitted, estimators, how), rows, Null("block", 5.3, 0, 200, 0)
        )
    contacts = study.contacts("01")
    driven = np.array(contacts.kinds) != "silent"
    r = {name[2:]: found.electrodes[name].to_numpy() for name in found.electrodes if name.startswith("r:")}
    return {"r": r, "driven": driven, "flat": found.flat.set_index("row").r, "null": found.null}


def main() -> None:
    """Print r, mean over contacts that answer, by split and share of the words' own numbers."""
    n_words, n_repeats = (20, 3) if "--small" in sys.argv else (40, 4)
    print("split    own share  model  permuted  speech  shifted   (r, mean over driven contacts)")
    with tempfile.TemporaryDirectory() as folder:
        for split in SPLITS:
            for own_share in (0.0, 0.2, 0.4):
                found = scores(Path(folder), split, own_share, n_words=n_words, n_repeats=n_repeats, n_contacts=60)
                mean = {row: r[found["driven"]].mean() for row, r in found["r"].items()}
                told = "  ".join(f"{mean[row]:7.3f}" for row in ("model/ridge", "permuted", "speech", "shifted"))
                print(f"{split}  {own_share:9.1f}  {told}", flush=True)


if __name__ == "__main__":
    main()
