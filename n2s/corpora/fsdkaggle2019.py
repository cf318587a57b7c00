"""FSDKaggle2019 (Fonseca 2019): sounds of Freesound in 80 classes, labelled by hand. CC BY, each clip with a licence of its own."""

from functools import cached_property
from pathlib import Path

import pandas as pd

from n2s.corpora.corpus import COLUMNS, Corpus
from n2s.corpora.sound_files import SoundFiles, with_sounds
from n2s.errors import UserError
from n2s.findings import tell
from n2s.paths import data_folder
from n2s.studies.readers.cells import table_cells

#: Of the curated train set, as the README of the data set says: wrong labels, and one file without a signal.
WRONG = ("f76181c4.wav", "77b925c2.wav", "6a1f682a.wav", "c7db12aa.wav", "7752cc8a.wav", "1d44b0bd.wav")
N_CLASSES = 80
_PLACES = {
    "train": (
        ("train_curated_post_competition.csv", "train_curated.csv"),
        ("FSDKaggle2019.audio_train_curated", "train_curated"),
    ),
    "test": (("test_post_competition.csv",), ("FSDKaggle2019.audio_test", "audio_test", "test")),
}


class FSDKaggle2019(Corpus):
    """The curated sounds: ``FSDKaggle2019.meta/train_curated_post_competition.csv`` and ``FSDKaggle2019.audio_train_curated/``.

    The layout of Kaggle (``train_curated.csv``, ``train_curated/``) is read, too. A clip with several classes has them with commas
    between (about a fifth of all): a network of one class a clip leaves those out. The six files that the data set's README calls wrong are
    left out.

    Parameters
    ----------
    root
        The folder.
    test
        Add the official test set (``test_post_competition.csv``, ``FSDKaggle2019.audio_test``) as the test split. False: as the paper,
        which divides the curated sounds alone.

    Examples
    --------
    >>> from n2s.corpora import FSDKaggle2019
    >>> FSDKaggle2019("data/FSDKaggle2019").clips().label.nunique()  # doctest: +SKIP
    >>> (folder / "FSDKaggle2019").mkdir()
    >>> FSDKaggle2019(folder / "FSDKaggle2019").clips()
    Traceback (most recent call last):
    n2s.errors.UserError: .../FSDKaggle2019: no train_curated_post_competition.csv or train_curated.csv. Expected the u...
    """

    name = "fsdkaggle2019"

    def __init__(self, root: Path | str, *, test: bool = False) -> None:
        self.root, self.test = data_folder(root), test

    def settings(self) -> dict:
        """Whether the test set is there."""
        return {"test": self.test}

    def clips(self) -> pd.DataFrame:
        """One sound a clip: a whole file."""
        return self._clips.copy()

    @cached_property
    def _clips(self) -> pd.DataFrame:
        parts = [self._part("train", "train" if self.test else "")]
        parts += [self._part("test", "test")] if self.test else []
        found = pd.concat(parts, ignore_index=True)
        classes = {name for label in found.label for name in label.split(",")}
        if len(classes) > N_CLASSES:
            raise UserError(f"{self.root}: {len(classes)} classes; FSDKaggle2019 has {N_CLASSES}. Check the tables.")
        if len(classes) < N_CLASSES:
            tell("odd", self.root, f"{len(classes)} classes have clips; FSDKaggle2019 has {N_CLASSES}: is it whole?")
        return found

    def _part(self, part: str, split: str) -> pd.DataFrame:
        names, folders = _PLACES[part]
        tables = [
            path
            for folder in (self.root / "FSDKaggle2019.meta", self.root)
            for name in names
            for path in (folder / name,)
        ]
        table = next((path for path in tables if path.is_file()), None)
        folder = next((self.root / name for name in folders if (self.root / name).is_dir()), None)
        if table is None or folder is None:
            raise UserError(
                f"{self.root}: no {' or '.join(names) if table is None else ' or '.join(folders)}. Expected the unpacked archives of "
                "FSDKaggle2019 (zenodo.org/records/3612637): FSDKaggle2019.meta and FSDKaggle2019.audio_*."
            )
        cells = table_cells(table, ",")
        lacking = {"fname", "labels"} - set(cells)
        if lacking:
            raise UserError(f"{table}: no column {' and '.join(sorted(lacking))}; there are {', '.join(cells)}.")
        cells = cells[cells.fname != ""]
        wrong = cells.fname.isin(WRONG) if part == "train" else cells.fname.isin(())
        if wrong.any():
            tell(
                "left out",
                table,
                f"{int(wrong.sum())} clips have a wrong label or no signal, as the README of the data set says.",
            )
        cells = cells[~wrong]
        labels = [
            ",".join(dict.fromkeys(name.strip() for name in label.split(",") if name.strip())) for label in cells.labels
        ]
        rows = pd.DataFrame(
            {"sound": cells.fname, "start_s": 0.0, "duration_s": float("nan"), "text": "", "label": labels}
        )
        rows = rows.assign(speaker="", split=split)[list(COLUMNS)]
        return with_sounds(rows[rows.label != ""], SoundFiles(folder), table)
