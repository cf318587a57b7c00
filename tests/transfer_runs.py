"""Linear classifiers of `SharedCode`, fitted and tested in this process."""

from pathlib import Path

from shared_code import SharedCode

from n2s.data import AtEvents, EventDataModule, Labels, Preprocessing, SplitByRun
from n2s.data.cross_validated import CrossValidated
from n2s.data.event_bands import BandWindows
from n2s.models import WindowLDA
from n2s.systems.event_classes.linear_fit import EVERYBODY, Decoders, fit_person
from n2s.systems.event_classes.linear_scoring import transfer_of
from n2s.systems.event_classes.transfer_result import TransferResult


def data_of(root: Path, *, study: dict | None = None, **options) -> EventDataModule:
    """Windows of 400 ms at commands, at 50 Hz; the last of four runs is tested."""
    study = {"n_subjects": 1, "n_runs": 4} | (study or {})
    windows = options.pop("windows", AtEvents(Labels(["up", "down", "stop"]), kind="word"))
    settings = {
        "split": SplitByRun(test=["4"], val_fraction=0.0),
        "window_s": 0.4,
        "n_jobs": 1,
        "least_windows": 2,
    } | options
    preprocessing = Preprocessing(sfreq=50.0, picks=["eeg"])
    data = EventDataModule({"lab": SharedCode(root, **study)}, windows, preprocessing=preprocessing, **settings)
    data.prepare()
    return data


def fitted(data: EventDataModule, *, bands=None, together=False, **decoders) -> tuple:
    """Windows, decoders of everybody, and which there are."""
    windows = BandWindows(data, bands or {})
    made = Decoders(
        **{"classifier": WindowLDA(), "times": None, "pairs": (), "n_classes": 3, "average": data.average} | decoders
    )
    table = windows.table("train")
    people = {EVERYBODY: table} if together else dict(iter(table.groupby("subject", sort=False)))
    return windows, {person: fit_person(windows, own.index.to_numpy(), made) for person, own in people.items()}, made


def transfer(data: EventDataModule, *, average=1, n_permutations=200, **options) -> TransferResult:
    """What a run of these data leaves."""
    return transfer_of(*fitted(data, **options), average=average, n_permutations=n_permutations, seed=0)


def result_of(root: Path, *, study: dict | None = None, data: dict | None = None, **options) -> TransferResult:
    """The result of a run: options are those of `transfer`."""
    return transfer(data_of(root, study=study, **(data or {})), **options)


def cross_validated(root: Path, n_folds: int = 4, *, data: dict | None = None, **options) -> TransferResult:
    """All folds of runs, pooled."""
    splits = [CrossValidated(SplitByRun(), n_folds=n_folds, fold=fold) for fold in range(n_folds)]
    parts = [result_of(root, data=(data or {}) | {"split": one}, **options) for one in splits]
    return TransferResult.pooled(parts)
