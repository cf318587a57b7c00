"""Le Petit Prince in miniature: a book in two languages, each listener in one, its layout as published."""

import numpy as np
import pytest
from cross_language_runs import QUICK, outcome, value
from trees_fmri import li2022

from n2s.data import FIR, EncodingDataModule
from n2s.features import HashedBagOfWords, SentenceAtWords, WordRate
from n2s.studies import Li2022
from n2s.studies.public.li2022 import CHAPTERS, VOLUMES
from n2s.studies.readers.bold_files import BoldFiles

#: Listener -> the number of the first run. Two of each language: nobody is learned from oneself.
LISTENERS = {"EN057": 15, "EN058": 15, "FR001": 1, "FR002": 1}


@pytest.fixture
def prince(tmp_path):
    root = li2022.write_tree(tmp_path / "ds003643", whole=True)
    for subject, first in LISTENERS.items():
        for i, n_tr in enumerate(VOLUMES[subject[:2]]):
            li2022.write_run(root, subject, first + i, n_tr)
    for language in ("EN", "FR"):
        rng, lines = np.random.default_rng(0), [",word,lemma,onset,offset,section"]
        for section, n_tr in enumerate(VOLUMES[language], 1):
            onsets = np.arange(0.5, 2.0 * n_tr - 12, 2.0)
            lines += [
                f"{k},w{rng.integers(30)}{language},w,{at:.2f},{at + (0.4 if k % 8 == 7 else 1.9):.2f},{section}"
                for k, at in enumerate(onsets)  # sentences of 8 words
            ]
        (root / "annotation" / language / f"lpp{language}_word_information.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.nightly
@pytest.mark.slow
def test_every_cell_is_learned_from_other_listeners(prince, tmp_path):
    study = Li2022(
        str(prince),
        languages=["EN", "FR"],
        subjects=[*LISTENERS],
        files=BoldFiles(tr_s=2.0, mask=str(prince / "mask.nii.gz")),
    )
    features = {"meaning": SentenceAtWords(HashedBagOfWords(8)), "word_rate": WordRate()}
    data = EncodingDataModule({"li2022": study}, features, FIR(), n_folds=2, clean_features=False)
    result = outcome(
        tmp_path, data, **(QUICK | {"n_shifts": 10, "n_bootstrap": 10, "people": "others", "controls": ["word_rate"]})
    )
    assert result.settings["languages"] == ["en", "fr"] and result.settings["n_people"] == 1
    for cell in ("en->en", "fr->fr", "en->fr", "fr->en", "en+fr->en", "en+fr->fr"):
        assert abs(value(result, cell, region="all")) < 0.06 and abs(value(result, cell, "rank") - 0.5) < 0.1
    for subject in data.subjects:
        story = data.rows(subject).story.astype(str).to_numpy()
        for one in data.folds(subject):
            other = next(two for two in data.folds("li2022/FR001") if two.name == one.name)
            french = data.rows("li2022/FR001").story.astype(str).to_numpy()
            assert not set(story[one.test]) & set(french[other.train]) and set(story[one.test]) <= set(CHAPTERS)
