"""How batches are shared or dealt, and what several processes cannot do."""

import numpy as np
import pytest
import torch
import trainings
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import ModelParallelStrategy
from tiny_fmri import LAG_S, TinyFMRI
from torch import nn

from n2s.data import FMRIDataModule
from n2s.data.sampler import Sampler
from n2s.errors import UserError
from n2s.features import ClipFbank, MelStatistics
from n2s.systems import Semantic


def steps(n_windows: int, world_size: int, **options) -> list[list]:
    """Of each process, its steps."""
    shared = {"batch_size": 20, "shuffle": True, "seed": 1, "world_size": world_size} | options
    samplers = [Sampler(n_windows, rank=rank, **shared) for rank in range(world_size)]
    found = [list(sampler.steps()) for sampler in samplers]
    assert [len(sampler) for sampler in samplers] == [len(one) for one in found]
    return found


@pytest.mark.parametrize("n_windows", [1, 19, 20, 21, 39, 220, 227])
def test_batches_are_even_and_have_every_window_once(n_windows):
    ((*batches,),) = steps(n_windows, 1)
    sizes = [len(rows) for rows, _ in batches]
    assert max(sizes) - min(sizes) <= 1 and max(sizes) <= 20 and len(sizes) == -(-n_windows // 20)
    assert sorted(np.concatenate([rows for rows, _ in batches])) == list(range(n_windows))
    assert all(shares == [len(rows)] for rows, shares in batches)


@pytest.mark.parametrize("world_size", [2, 3, 7])
def test_processes_share_a_batch(world_size):
    ((*whole,),) = steps(227, 1)
    parts = steps(227, world_size)
    assert all(len(one) == len(whole) for one in parts)  # as many steps: nobody waits for ever
    for (batch, _), *shared in zip(whole, *parts, strict=True):
        assert {tuple(shares) for _, shares in shared} == {tuple(len(rows) for rows, _ in shared)}
        assert min(shared[0][1]) > 0
        assert sorted(np.concatenate([rows for rows, _ in shared])) == sorted(batch)


@pytest.mark.parametrize("world_size", [2, 5, 16])
def test_batches_are_dealt_whole(world_size):
    """The same batches, each to one process; all have as many steps, for those that have nothing left get empty batches."""
    ((*whole,),) = steps(227, 1)
    parts = steps(227, world_size, dealt=True)
    assert {len(one) for one in parts} == {-(-len(whole) // world_size)}
    for index, (batch, shares) in enumerate(whole):
        rows, own = parts[index % world_size][index // world_size]
        np.testing.assert_array_equal(rows, batch)
        assert own == shares
    given = [rows for one in parts for rows, _ in one if len(rows)]
    assert len(given) == len(whole)
    assert all(shares == [0] for one in parts for rows, shares in one if not len(rows))


def test_a_sentence_is_not_parted_where_a_batch_has_enough_of_them():
    together = np.repeat(np.arange(9), [5, 2, 7, 4, 5, 3, 6, 5, 3])
    together[-2:] = -1
    for world_size in (2, 3):
        parts = steps(40, world_size, batch_size=40, together=together)
        found = [set(together[rows]) - {-1} for ((rows, _),) in parts]
        assert len(set.union(*found)) == sum(map(len, found)) == 9
        assert sorted(np.concatenate([rows for ((rows, _),) in parts])) == list(range(40))
    parts = steps(40, 8, batch_size=40, together=np.zeros(40, int))  # one sentence: each its piece
    assert [len(rows) for ((rows, _),) in parts] == [5] * 8


def test_batches_too_small_to_share():
    steps(40, 20)
    with pytest.raises(UserError, match="batches of 19 windows cannot be shared by 20 .*data.batch_size is 20.*fewer"):
        steps(39, 20)
    ((rows, shares),) = steps(39, 20, dealt=True)[19]
    assert len(rows) == 0 and shares == [0]
    subject = np.repeat([0, 1], [10, 11])
    options = {"batch_size": 4, "shuffle": False, "seed": 0}
    parts = [list(Sampler(len(subject), apart=subject, rank=rank, world_size=2, **options).steps()) for rank in (0, 1)]
    assert [shares for _, shares in parts[0]] == [[2, 2], [2, 2], [1, 1], [2, 2], [2, 2], [2, 1]]
    assert sorted(np.concatenate([rows for one in parts for rows, _ in one])) == list(range(21))
    with pytest.raises(UserError, match="a batch of 2 clips cannot be shared by 3 processes"):
        Sampler(len(subject), apart=subject, rank=0, world_size=3, **options)


@pytest.mark.slow
def test_batch_norm_cannot_be_synchronised_on_a_cpu(tmp_path):
    module = trainings.model()
    module.encoder = nn.SyncBatchNorm.convert_sync_batchnorm(module.encoder)  # what Lightning does of sync_batchnorm
    with pytest.raises(UserError, match="trainer.sync_batchnorm is true.*on GPUs only.*Set it to false"):
        Trainer(max_epochs=1, **trainings.options()).fit(module, trainings.data_of(tmp_path))


def test_strategies_that_part_the_weights_are_refused():
    module = trainings.model()
    module.trainer = Trainer(**trainings.options(strategy=ModelParallelStrategy()))
    with pytest.raises(UserError, match="Contrastive needs its whole weights.*ModelParallelStrategy.*auto or ddp"):
        module.setup("fit")


def test_fits_of_clips_that_processes_cannot_share(tmp_path):
    """A ridge; and networks of several subjects, of which a step trains one."""
    ddp = trainings.options(strategy="ddp", devices=2)
    study = {"t": TinyFMRI(str(tmp_path))}
    data = FMRIDataModule(study, MelStatistics(n_mels=4), lag_s=LAG_S, val_fraction=0.2)
    module = Semantic(n_voxels=4)
    module.trainer = Trainer(**ddp)
    module.trainer.datamodule = data
    with pytest.raises(UserError, match="Semantic is fitted by one process; 2 were started"):
        module.setup("fit")
    module.setup("test")  # each process does it whole
    data = FMRIDataModule(study, ClipFbank(duration_s=1.0), lag_s=LAG_S, val_fraction=0.2, batch_size=13)
    for strategy, allowed in (("ddp", False), ("ddp_find_unused_parameters_true", True)):
        module = trainings.decoder_of_clips()
        module.trainer = Trainer(**ddp | {"strategy": strategy})
        module.trainer.datamodule = data
        data.setup("fit")
        if allowed:
            module.setup("fit")
            assert len(module.networks) == 2
        else:
            with pytest.raises(UserError, match="one network per subject.*one of data.subjects, or.*find_unused"):
                module.setup("fit")
    assert torch.distributed.is_available() and not torch.distributed.is_initialized()  # nothing was started for this
