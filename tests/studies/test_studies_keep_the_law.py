"""No second of what is held out is in training, of every study in miniature and however it is split."""

import importlib
import warnings

import pytest
from builders import bids_from_raw, simulated_raw, story_events, write_audio, write_tsv
from worlds import Sound, World, lay, leaks

from n2s import studies
from n2s.data import SplitBySentence, SplitByStory, SplitByTime
from n2s.data.content import Heard
from n2s.data.splits import stretches
from n2s.errors import UserError
from n2s.studies import BIDSStudy, SimulatedMEG
from n2s.studies.study import Study

PUBLIC = {
    "Accou2024": False, "Armeni2022": True, "Bel2026": False, "Brennan2019": False, "Broderick2019": False, "Gwilliams2022": True,
    "LibriBrain": False, "SMN4Lang": False, "Sato2026": False, "Schoffelen2019": False, "Verwoert2022": False, "Wang2024": False, "Zada2025": False,
}  # fmt: skip
"""Those of brains in time, and whether their tree holds a real recording. A clip of fMRI has its group: `test_fmri_data`."""

SPLITS = {
    "story": lambda seed: SplitByStory(val_fraction=0.25, test_fraction=0.25, seed=seed),
    "sentence": lambda seed: SplitBySentence(val_fraction=0.2, test_fraction=0.3, seed=seed),
    "blocks": lambda seed: SplitBySentence(val_fraction=0.2, test_fraction=0.3, min_block_s=1.0, seed=seed),
    "time": lambda seed: SplitByTime(n_folds=4, test_fold=seed % 2, val_fold=3),
}


def world_of_study(study: Study, **options) -> World:
    """What its recordings heard, by name; `worlds` knows the rest."""
    events = {recording.name: study.events(recording) for recording in study.recordings()}
    content = study.content or {}
    sounds, identity, rows = {}, {}, []
    for table in events.values():
        for row in stretches(table).itertuples():
            name = identity[f"s/{row.stimulus}"] = row.stimulus
            stop_s = max(row.stimulus_onset + row.duration, sounds[name].length_s if name in sounds else 0.0)
            says = content.get(row.story, content.get(row.stimulus, row.story))
            sounds[name] = Sound(says, row.language, [("", 0.0, stop_s - 0.4)])
        for row in table[table.kind == "sentence"].itertuples():
            says = content.get(row.sequence, row.sequence)
            rows.append((row.stimulus, says, row.stimulus_onset, row.stimulus_onset + row.duration))
    heard = {"s": Heard(events, **({"official": study.split, "content": study.content} | options))}
    return World(heard, sounds, identity, aligned=True, versions=False, contradicts=False, rows=rows)


def check(study: Study, *, refuse: tuple[str, ...] = (), **options) -> None:
    """Every split of it, drawn in some ways."""
    world, apart = world_of_study(study, **options), 0
    for kind, split in SPLITS.items():
        if kind in ("sentence", "blocks") and not world.rows:
            continue
        for seed in range(2):
            if kind in refuse:
                with pytest.raises(UserError, match="versions or translations of one content"):
                    split(seed).intervals(world.heard)
                continue
            laid = lay(world, split(seed), window_s=0.1, step_s=0.05, jitter=True, gap_s=0.0)
            assert not leaks(world, laid, of="sentence" if kind == "blocks" else kind)
            apart += bool(laid.trained) and (laid.table.split != "train").any()
    assert apart >= 2  # some of these had something to leak


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_study(name, tmp_path, request):
    tree = importlib.import_module(f"trees.{name.lower()}")
    root = tree.write_tree(tmp_path / "root", *([request.getfixturevalue("real_data")] if PUBLIC[name] else []))
    study = getattr(studies, name)(str(root))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*nothing says")  # all that must be said is said
        check(study)
        if study.split:
            check(study, official=None)


def test_every_study_of_brains_in_time_is_tried():
    found = {
        name for name in studies.__all__
        if isinstance(kind := getattr(studies, name), type) and issubclass(kind, Study)
        and not issubclass(kind, studies.fmri.FMRIStudy)
    }  # fmt: skip
    made = {name for name in found if name.startswith("Simulated")}
    assert found - made - {"Study", "BIDSStudy", "EEGArrays"} == set(PUBLIC)


@pytest.mark.slow
def test_the_simulated_study(tmp_path):
    study = SimulatedMEG(n_subjects=2, stories=["lighthouse", "train", "orchestra"], max_story_s=25.0, root=tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        check(study)
        check(study, official=None, refuse=("time",))


@pytest.fixture
def lab(tmp_path):
    """Two people, of whom one hears a story in English and the other in Spanish."""
    for subject, language in (("01", "en"), ("02", "es")):
        rows, at = [], 0.0
        for name in (f"prince_{language}", "other", "third"):
            words = [(f"{name}{i}.", 1.0 * i, 0.8) for i in range(8)]
            rows += [row | {"language": language} for row in story_events(f"{name}.wav", words, onset=at)]
            write_audio(tmp_path / "lab" / "stimuli" / f"{name}.wav", 8.0, seed=len(name) + int(subject))
            at += 9.0
        raw = simulated_raw(duration_s=30.0, seed=int(subject))
        path = bids_from_raw(raw, tmp_path / "lab", subject=subject)
        write_tsv(path.copy().update(suffix="events", extension=".tsv", split=None).fpath, rows)
    return tmp_path / "lab"


@pytest.mark.slow
def test_a_lab_says_which_of_its_stories_are_translations(lab):
    said = BIDSStudy(
        str(lab), content={"prince_en": "prince", "prince_es": "prince", "other": "other", "third": "third"}
    )
    check(said, refuse=("time",))
    assert said.settings() == BIDSStudy(str(lab)).settings()  # of splits alone: nothing is prepared anew
    world = world_of_study(said)
    table = SplitByStory(test=["prince"], val=[]).intervals(world.heard)
    assert set(table[table.split == "test"].stimulus) == {"s/prince_en", "s/prince_es"}
