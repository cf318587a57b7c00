"""A test on some people alone gives each channel of a network the sensor that it had in the fit, or refuses."""

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from said_network import Means
from said_study import COMMANDS, SaidStudy

from n2s.data import AtEvents, EventDataModule, Labels, Preprocessing, SplitByRun
from n2s.errors import UserError
from n2s.findings import kept
from n2s.models import EncoderClassifier
from n2s.systems import EventClassifier
from n2s.systems.sensor_columns import PEOPLE, check_columns, lay_as_trained


class TwoCaps(SaidStudy):
    """The second person's sensors are in another order, and one is not there; ``renamed``: of a sensor that nobody else has."""

    def __init__(self, *given, people=("01", "02"), renamed=None, **options):
        super().__init__(*given, n_runs=3, **options)
        self.people, self.renamed = list(people), renamed

    def recordings(self):
        return [one for one in super().recordings() if one.subject in self.people]

    def load(self, recording):
        raw = super().load(recording)
        if recording.subject == "02":
            raw.reorder_channels(raw.ch_names[:0:-1])
        return raw.rename_channels({"AF7": self.renamed}) if self.renamed else raw


def data_of(root, **options) -> EventDataModule:
    windows = AtEvents(Labels(list(COMMANDS)), kind="word")
    return EventDataModule(
        {"lab": TwoCaps(root, **options)},
        windows,
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=SplitByRun(test=["3"], val=[]),
        window_s=0.4,
        n_jobs=1,
    )


def trainer(root, **options) -> Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    return Trainer(default_root_dir=root, logger=False, enable_checkpointing=False, **quiet, **options)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Root, and the checkpoint of a fit of both."""
    root = tmp_path_factory.mktemp("lab")
    system, made = EventClassifier(Means(8)), trainer(root, max_epochs=1)
    with kept():
        made.fit(system, datamodule=data_of(root))
    made.save_checkpoint(root / "fit.ckpt")
    return root


def scored(root, **options) -> tuple[EventDataModule, np.ndarray]:
    system, data = EventClassifier(Means(8)), data_of(root, **options)
    with kept():
        trainer(root).test(system, datamodule=data, ckpt_path=root / "fit.ckpt", weights_only=False, verbose=False)
    return data, system.tested[0].logits.numpy()


def test_one_person_alone_has_the_channels_of_the_fit(fitted):
    both, expected = scored(fitted)
    alone, found = scored(fitted, people=["02"])
    mine = (both.events("test").subject == "lab/02").to_numpy()
    assert alone.ch_names == both.ch_names and 0 < mine.sum() < len(mine)
    np.testing.assert_allclose(found, expected[mine], atol=1e-3)
    assert alone.arrays("test").shape[1] == 8 and not alone.arrays("test")[:, 0].any()  # it lacks the first


def test_sensors_that_the_network_does_not_know_are_refused(fitted):
    with pytest.raises(UserError, match="was not trained with AF99; it knows Fp1, AF7"):
        scored(fitted, people=["02"], renamed="AF99")


def test_people_with_layers_of_their_own_are_those_of_the_fit(fitted):
    data = data_of(fitted, people=["02"])
    with kept():
        data.prepare()
    network = EncoderClassifier(n_subjects=1, n_classes=3)
    with pytest.raises(UserError, match="a layer for each of lab/01; the data have lab/02"):
        lay_as_trained({PEOPLE: ["lab/01"]}, data, network)
    lay_as_trained({PEOPLE: ["lab/02"]}, data, network)
    with pytest.raises(UserError, match="run-1 does not say which sensor"):
        check_columns(torch.load(fitted / "fit.ckpt", weights_only=False), data, Means(8), "run-1")
