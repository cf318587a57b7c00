"""``n2s.evaluate(model, data)``: anybody's network or estimator, scored on test windows beside all controls of that task."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from n2s.api.evaluated_model import Answers, as_it_was, checked_model
from n2s.api.evaluation import Evaluation
from n2s.api.window_set import WindowSet
from n2s.api.windows import set_up, windows
from n2s.data.datamodule import NeuralDataModule
from n2s.data.event_data import EventDataModule
from n2s.data.meg import MEGDataModule
from n2s.errors import UserError
from n2s.metrics.result import Result
from n2s.options import check_number
from n2s.systems.contrastive.given import given_sets
from n2s.systems.event_classes.loss import prior_power
from n2s.systems.event_classes.result import EventResult
from n2s.systems.event_classes.tested import KEPT, Logits, event_result
from n2s.systems.system import System


def evaluate(
    model: object,
    data: NeuralDataModule | WindowSet,
    *,
    fit: bool | None = None,
    seed: int = 0,
    name: str | None = None,
    flat: bool | None = None,
) -> Evaluation:
    """Score a model on test windows, beside every control that `n2s test` has for that task.

    Windows in what was heard (`n2s.data.MEGDataModule`): the model's estimate of the target is ranked among all segments that were heard,
    beside a linear decoder, an encoding model, the shuffled brain, no brain, the subject alone, chance, and the best possible decoder where
    that is known. Windows at events (`n2s.data.EventDataModule`, `n2s.windows_of_epochs`): its classes are scored beside permuted labels,
    guesses, and classifiers of durations, of what came before and of the sound. Intervals and p are those of `n2s test`.

    Parameters
    ----------
    model
        A `torch.nn.Module` that is trained: ``forward(brain)``, or with more of what `n2s.models.any_network` lists, gives ``(b, f, t)`` or
        flat ``(b, f * t)`` of a target, or ``(b, k)`` logits. Or an estimator with ``fit`` and ``predict``, as scikit-learn, mne.decoding,
        pyRiemann, skorch and braindecode have them: it predicts the target, flat ``(n, f * t)``, or the class, by number or by name.
    data
        A datamodule, which is set up if it is not, or the `WindowSet` of `n2s.windows_of_epochs`.
    fit
        Of an estimator: fit a clone on the training windows. None: if it is not fitted. Test windows are never in a fit; what a model that
        comes fitted has seen is not known, and the notes below the table say so. Folds inside a fit, as of a grid search at the end of a
        pipeline, get whole groups.
    seed
        Of controls that are drawn.
    name
        What the model is called in tables; None: its class.
    flat
        Of an estimator: whether it takes windows as ``(n, c * t)``. None: whole ones, ``(n, c, t)``, unless it refuses those.

    Raises
    ------
    UserError
        A model or data of another kind, an estimate of another shape, or what setting up finds.

    Examples
    --------
    >>> import mne, n2s, numpy as np, pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng, label = np.random.default_rng(0), np.tile([0, 1], 40)
    >>> brain = rng.standard_normal((80, 3, 20)) + 2 * label[:, None, None]                  # the class is in the level
    >>> info = mne.create_info(["C3", "Cz", "C4"], 100.0, "eeg").set_montage("colin27_1020")
    >>> events = np.stack([100 * np.arange(80), 0 * label, label], 1)
    >>> runs = pd.DataFrame({"run": np.repeat(list("abcd"), 20)})
    >>> epochs = mne.EpochsArray(1e-6 * brain, info, events, event_id={"no": 0, "yes": 1}, metadata=runs, verbose=False)
    >>> found = n2s.evaluate(LogisticRegression(), n2s.windows_of_epochs(epochs, groups="run", train=["a", "b"]))
    >>> print({row: round(scores["accuracy"], 2) for row, scores in found.scores.means().items()})
    {'model': 1.0, 'permuted': 0.5, 'proportion': 0.5, 'commonest': 0.5}
    """
    check_number("seed", seed, low=0, whole=True)
    for option, value in {"fit": fit, "flat": flat}.items():
        if value not in (None, True, False):
            raise UserError(f"n2s.evaluate: {option} is {value!r}; expected True, False or None.")
    if name is not None and not (isinstance(name, str) and name.strip()):
        raise UserError(f"n2s.evaluate: name is {name!r}; expected what tables call the model, or None for its class.")
    if isinstance(data, WindowSet):
        _check_sides(data)
    elif isinstance(data, MEGDataModule | EventDataModule):
        set_up(data)
    else:
        raise UserError(
            f"n2s.evaluate: data is {type(data).__name__}; expected a MEGDataModule, an EventDataModule, or windows of "
            "n2s.windows_of_epochs. Decoders of BOLD are tested by n2s test."
        )
    with as_it_was(checked_model(model)):
        answers = Answers(model, lambda: data.of("train") if isinstance(data, WindowSet) else windows(data), fit, flat)
        return Evaluation(_results(model, data, answers, seed), name or _name(model), answers.learned)


def _results(model: object, data: NeuralDataModule | WindowSet, answers: Answers, seed: int) -> Mapping[str, Result]:
    if isinstance(data, WindowSet):
        return {"test": _of_epochs(answers, data, seed)}
    if isinstance(data, EventDataModule):
        found = Logits(torch.arange(len(data.averages("test", 1))), _in_order(data, answers))
        power = prior_power("none", data.balance)
        return {"test": event_result(data, found, 1, seed=seed, prior_power=power)}
    system = model if isinstance(model, System) else None
    test = windows(data, "test")
    return given_sets(
        data, lambda shape: answers.estimate(test, shape), system=system, encoder=answers.network, seed=seed
    )


def _in_order(data: EventDataModule, answers: Answers) -> Tensor:
    """(n, k) logits in the order of ``data.averages("test", 1)``."""
    logits = answers.logits(windows(data, "test"))
    rows, _ = data.averages("test", 1).windows(np.arange(len(logits)), 0)
    return logits[torch.from_numpy(rows)]


def _check_sides(data: WindowSet) -> None:
    if data.classes is None or "split" not in data.table:
        raise UserError(
            "n2s.evaluate: these windows are of one split. Give the datamodule that they are of, or the windows of n2s.windows_of_epochs."
        )


def _of_epochs(answers: Answers, data: WindowSet, seed: int) -> EventResult:
    train, test = data.of("train"), data.of("test")
    logits = answers.logits(test).numpy()
    order = np.lexsort((test.table.start_s, test.table.recording.astype(str)))
    return EventResult(
        events=test.table.iloc[order][list(KEPT)].reset_index(drop=True),
        logits=logits[order].astype(np.float32),
        names=data.class_names,
        trained=np.bincount(train.y, minlength=len(data.class_names))[None],
        control_notes=[
            "No controls of durations, of what came before, or of the sound: epochs do not say what was heard."
        ],
        window_s=test.X.shape[-1] / test.sfreq,
        split="whole groups",
        seed=seed,
        scaled_by=[data.scaled_by],
    )


def _name(model: object) -> str:
    steps = getattr(model, "steps", None)
    return " + ".join(type(step).__name__ for _, step in steps) if steps else type(model).__name__
