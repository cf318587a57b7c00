"""Windows in Python: what they hold, that nothing held out scales them, and that the tools users have take them."""

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from said_study import COMMANDS
from sklearn.model_selection import GroupKFold
from small_data import heard, of, said
from tiny_fmri import LAG_S, TinyFMRI
from torch.utils.data import DataLoader

import n2s
from n2s.data import FMRIDataModule
from n2s.errors import UserError
from n2s.features import MelStatistics


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("windows")


@pytest.mark.slow
def test_windows_of_heard_stories_are_those_of_the_recording_scaled_by_training(root):
    data = of(heard, root)
    train, test = n2s.windows(data, "train"), n2s.windows(data, "test")
    assert train.X.shape == (len(train), 8, 92) == (2 * 2 * 23, 8, data.shape.n_times)
    assert train.y.shape == (len(train), 4, 92) and train.X.dtype == train.y.dtype == np.float32
    assert (len(test), set(test.table.story)) == (2 * 12, {"story0"})
    for row in (0, 45, 91):
        one = train.table.iloc[row]
        item, scaler = data.recordings[one.recording], data.scalers[one.recording]
        assert scaler.source == "own training windows"
        first = round(one.start_s * 50)
        cut = item.brain[first : first + 100]
        expected = ((cut - cut[:25].mean(0)) / scaler.scale)[8:].T
        np.testing.assert_allclose(train.X[row], expected, atol=5e-3 * np.abs(expected).max())
    targets = data.segment_targets("train").numpy()[train.table.segment]
    assert np.array_equal(train.y, targets) and len(np.unique(targets[:, 0, 0])) == 46  # both people heard the same
    assert np.array_equal(train.subject, [int(name[-1]) - 1 for name in train.table.subject])
    assert train.positions.shape == (len(train), 8, 2) and train.mask.all()


@pytest.mark.slow
def test_groups_keep_overlapping_windows_together(root):
    train = n2s.windows(of(heard, root), "train")
    table = train.table
    for known, tested in GroupKFold(2).split(train.X, groups=train.groups):
        assert not set(table.story.iloc[known]) & set(table.story.iloc[tested])


@pytest.mark.slow
def test_windows_at_events_are_the_arrays_of_the_data_in_their_order(root):
    data = of(said, root)
    windows = n2s.windows(data, "test")
    assert np.array_equal(windows.X, data.arrays("test"))
    assert np.array_equal(windows.y, data.events("test").label)
    assert windows.classes == list(COMMANDS) and windows.sfreq == 100.0 and windows.ch_names == data.ch_names
    one = n2s.windows(data, "test", subject="lab/02")
    assert set(one.table.subject) == {"lab/02"} and np.array_equal(one.X, windows.X[windows.table.subject == "lab/02"])


@pytest.mark.slow
def test_a_loader_gives_the_same_windows(root):
    windows = n2s.windows(of(said, root), "train")
    brain, label = (torch.cat(part) for part in zip(*DataLoader(windows, batch_size=50), strict=True))
    assert np.array_equal(brain, windows.X) and np.array_equal(label, windows.y)
    assert torch.equal(windows[-1][0], brain[-1]) and windows[3][1] == label[3]
    with pytest.raises(IndexError):
        windows[len(windows)]


@pytest.mark.slow
def test_braindecode_takes_them(root):
    from braindecode import EEGClassifier
    from braindecode.models import ShallowFBCSPNet

    windows = n2s.windows(of(said, root), "train")
    made = windows.braindecode()
    assert sorted(made.split("subject")) == ["lab/01", "lab/02"]
    order = np.concatenate([rows.index for _, rows in windows.table.groupby("recording", sort=False)])
    assert np.allclose(np.stack([one[0] for one in made]), windows.X[order])
    assert [one[1] for one in made] == windows.y[order].tolist()
    network = ShallowFBCSPNet(8, 3, n_times=40, n_filters_time=4, n_filters_spat=4, pool_time_length=10, pool_time_stride=5, final_conv_length="auto")  # fmt: skip
    classifier = EEGClassifier(network, max_epochs=1, train_split=None, classes=[0, 1, 2], verbose=0)
    assert classifier.fit(windows.X, windows.y).predict(windows.X).shape == (len(windows),)


class OwnNetwork(LightningModule):
    """A user's own module: it takes what a batch holds."""

    def __init__(self, n_channels: int, n_outputs: int, loss: torch.nn.Module):
        super().__init__()
        self.layer, self.loss = torch.nn.Linear(n_channels, n_outputs), loss

    def training_step(self, batch, index):
        found = self.layer(batch.brain.transpose(1, 2)).transpose(1, 2)
        return self.loss(found.mean(2) if batch.target.ndim == 1 else found, batch.target)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "n", "loss"), [(heard, 4, torch.nn.MSELoss()), (said, 3, torch.nn.CrossEntropyLoss())]
)
def test_a_datamodule_works_in_a_plain_trainer(kind, n, loss, root):
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    module = OwnNetwork(8, n, loss)
    before = module.layer.weight.clone()
    trainer.fit(module, kind(root))
    assert not torch.equal(module.layer.weight, before)
    assert trainer.global_step == len(trainer.datamodule.train_dataloader())


@pytest.mark.slow
def test_volumes_are_of_one_person(root):
    data = FMRIDataModule({"tiny": TinyFMRI(root / "fmri")}, MelStatistics(n_mels=4), lag_s=LAG_S, val_fraction=0.2)
    with pytest.raises(UserError, match="voxels of their own: name one, subject='tiny/01'"):
        n2s.windows(data)
    windows = n2s.windows(data, "train", subject="tiny/02")
    (index,) = set(data.splits["train"].table.brain_index[data.splits["train"].table.subject == "tiny/02"])
    assert np.array_equal(windows.X, data.splits["train"].brain[index])
    assert len(windows.y) == len(windows) and windows.mask is None


def test_what_is_no_data_or_split_is_refused():
    with pytest.raises(UserError, match="data is ndarray; expected a MEGDataModule"):
        n2s.windows(np.zeros((2, 3, 4)))


@pytest.mark.slow
def test_misspelt_splits_and_people_are_named(root):
    data = of(said, root)
    with pytest.raises(UserError, match=r"split is 'validation'; expected one of train, val, test"):
        n2s.windows(data, "validation")
    with pytest.raises(UserError, match="no windows of 'lab/1'. There are lab/01, lab/02"):
        n2s.windows(data, "test", subject="lab/1")
    with pytest.raises(UserError, match="there are test"):
        n2s.windows(data, "test").of("train")
    with pytest.raises(UserError, match="no windows of a recording 'x'"):
        n2s.windows(data, "test").epochs("x")
