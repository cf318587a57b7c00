"""Every system with as few batches as can be, on as many processes as it is started with: ``python few_batches.py FOLDER N``.

Each process leaves what it found in ``FOLDER/N/<rank>.pt``. They are forks of one that has imported everything, with the
environment that torchrun sets. One process has to come first: it leaves the weights that the others test, and the runs of
the stages before.
"""

import copy
import multiprocessing
import os
import socket
import sys
from pathlib import Path

import torch
import yaml
from fmri_runs import AUDIOMAE, DECODER, TOKENS
from heard import HeardStudy
from lightning import LightningModule
from lightning.pytorch import Callback, Trainer
from tiny import TinyStudy
from tiny_fmri import LAG_S, TinyFMRI
from torch import nn

from n2s.data import FMRIDataModule, Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.errors import UserError
from n2s.features import ClipFbank, MelStatistics, UntrainedAudioMAETokens
from n2s.features.ready import Ready
from n2s.models import AcousticDecoder, AudioMAE, BrainEncoder, DeepMel, MelMLP
from n2s.models.sound_generator import SmallAudioLDM2
from n2s.systems import Acoustic, BrainAudio, Contrastive, Semantic, Spectrogram
from n2s.training.run import FINISHED, Run

COUNTS = tuple(int(n) for n in os.environ.get("COUNTS", "1 2").split())  # batches
SHAPE = {"n_virtual": 6, "n_fourier": 18, "hidden": 8, "depth": 2, "spatial_dropout": 0.0}


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.1)


# -- data: as many batches of each split as asked for ------------------------------------------------------------------


def in_batches(data: MEGDataModule, count: int) -> MEGDataModule:
    """Validation and test in ``count`` batches, too."""
    for split, name in (("val", "val_dataloader"), ("test", "test_dataloader")):
        setattr(data, name, lambda split=split: data._loader(split, batch_size=size(data, split, count), shuffle=False))
    return data


def size(data: MEGDataModule, split: str, count: int) -> int:
    return -(-len(data.windows[split]) // count)


def meg(folder: Path, count: int, **options) -> MEGDataModule:
    """Two studies, of which the second is three times as small."""
    studies = {
        "a": TinyStudy(folder / "a", n_subjects=3, story_s=9.0),
        "b": TinyStudy(folder / "b", n_subjects=1, story_s=9.0, seed=1),
    }
    return meg_data(studies, Ready(4), count, **options)


def heard(folder: Path, count: int) -> MEGDataModule:
    """What the decoders of sound take."""
    studies = {"heard": HeardStudy(folder / "heard", n_subjects=2, n_stories=4, story_s=6.0)}
    return meg_data(studies, UntrainedAudioMAETokens(**TOKENS["init_args"]), count)


def meg_data(studies: dict, target: object, count: int, **options) -> MEGDataModule:
    data = MEGDataModule(
        studies,
        target,
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=SplitByStory(test=["story3"], val=["story2"]),
        train_windows=Grid(1.0),
        test_windows=Grid(1.0),
        window_s=1.1,
        offset_s=0.1,
        baseline_s=0.0,
        n_jobs=1,
        **options,
    )
    data.setup("fit")
    data.batch_size = size(data, "train", count)
    return in_batches(data, count)


def fmri(folder: Path, count: int, target: object, **options) -> FMRIDataModule:
    study = TinyFMRI(str(folder / "sounds"), n_subjects=1, n_sounds=5, n_clips=8)
    data = FMRIDataModule({"t": study}, target, lag_s=LAG_S, val_fraction=0.25, batch_size=None, **options)
    data.setup("fit")
    if count > 1:
        data.batch_size = -(-len(data.splits["train"].table) // count)
    return data


def tokens(folder: Path, count: int) -> FMRIDataModule:
    return fmri(folder, count, UntrainedAudioMAETokens(**TOKENS["init_args"]), spectrogram=ClipFbank(duration_s=1.0))


# -- systems: a model and its data; nothing that a process draws for itself --------------------------------------------


def contrastive(folder: Path, count: int, **options) -> tuple[LightningModule, object]:
    encoder = BrainEncoder(4, 5, **SHAPE)
    return Contrastive(
        encoder, target_encoder=DeepMel(4, 5, 6, 2), encoding_model=False, linear_decoder=False, optimizer=sgd
    ), meg(folder, count, **options)


def sentences(folder: Path, count: int) -> tuple[LightningModule, object]:
    return contrastive(folder, count, together="sentences", balance="study")


def encoder(folder: Path, count: int) -> tuple[LightningModule, object]:
    data = heard(folder, count)
    return Contrastive(
        BrainEncoder(2, data.n_features, **SHAPE), encoding_model=False, linear_decoder=False, optimizer=sgd
    ), data


def parts() -> tuple[AcousticDecoder, AudioMAE]:
    made = AcousticDecoder(**DECODER, dropout=0.0), AudioMAE(**AUDIOMAE)  # of attention, too
    for part in (part for one in made for part in one.modules() if isinstance(part, nn.Dropout)):
        part.p = 0.0
    return made


def meg_acoustic(folder: Path, count: int) -> tuple[LightningModule, object]:
    return Acoustic(*parts(), encoder_run="encoder", optimizer=sgd), heard(folder, count)


def semantic(folder: Path, count: int) -> tuple[LightningModule, object]:
    """Fitted to all clips at once: it has no batches to count."""
    return Semantic(n_voxels=4, n_folds=3), fmri(folder, 1, MelStatistics(n_mels=4))


def acoustic(folder: Path, count: int) -> tuple[LightningModule, object]:
    options = {"semantic_run": "semantic", "n_voxels": 5, "p_truth": 1.0, "audiomae_lr": 0.1}
    return Acoustic(*parts(), optimizer=sgd, **options), tokens(folder, count)


def mel(folder: Path, count: int) -> tuple[LightningModule, object]:
    network = Spectrogram(lambda *sizes: MelMLP(*sizes, hidden=[16]), optimizer=sgd)
    return network, fmri(folder, count, ClipFbank(duration_s=1.0))


def audio(folder: Path, count: int, run: str = "acoustic", data: object = None) -> tuple[LightningModule, object]:
    generator = SmallAudioLDM2(channels=[8, 8, 8, 8], autoencoder_steps=2)
    return BrainAudio(generator, acoustic_run=run, decoder_lr=0.1), data or tokens(folder, count)


def meg_audio(folder: Path, count: int) -> tuple[LightningModule, object]:
    return audio(folder, count, "meg_acoustic", heard(folder, count))


#: name: what makes it; those that later ones need come first.
SYSTEMS = {
    "contrastive": contrastive,
    "sentences": sentences,
    "encoder": encoder,
    "meg_acoustic": meg_acoustic,
    "semantic": semantic,
    "acoustic": acoustic,
    "mel": mel,
    "audio": audio,
    "meg_audio": meg_audio,
}
COUNTED = ("contrastive", "sentences", "acoustic", "mel", "audio")  # the others take one batch a split
#: What the next stages read of a run's config.yaml.
ACOUSTIC = {
    "decoder": {"class_path": "n2s.models.AcousticDecoder", "init_args": DECODER},
    "audiomae": {"class_path": "n2s.models.AudioMAE", "init_args": AUDIOMAE},
    "semantic": True,
}
CONFIGS = {
    "acoustic": {"model": {"class_path": "n2s.systems.Acoustic", "init_args": ACOUSTIC}},
    "meg_acoustic": {"model": {"class_path": "n2s.systems.Acoustic", "init_args": ACOUSTIC | {"semantic": False}}},
    "semantic": {"model": {"class_path": "n2s.systems.Semantic"}, "data": {"init_args": {"target": None}}},
    "encoder": {"model": {"class_path": "n2s.systems.Contrastive"}},
}
#: And of the checkpoint of a command.
PARAMETERS = {
    "encoder": {
        "_class_path": "n2s.systems.Contrastive",
        "encoder": {"class_path": "n2s.models.BrainEncoder", "init_args": SHAPE | {"n_subjects": 2, "n_outputs": 1024}},
    }
}


# -- cases -------------------------------------------------------------------------------------------------------------


class Still(Callback):
    """Batch norm keeps still: it is each process' own."""

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        for part in module.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.eval()


def trainer(place: Path, **more) -> Trainer:
    options = {"accelerator": "cpu", "devices": int(os.environ.get("LOCAL_WORLD_SIZE", 1)), "logger": False}
    options |= {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    return Trainer(default_root_dir=place, callbacks=[Still()], num_sanity_val_steps=1, **options | more)


def case(name: str, folder: Path, count: int, **limits) -> dict:
    """A fit, then a validation, a test and a prediction of the weights that one process trained; or what was refused."""
    torch.manual_seed(3)
    module, data = SYSTEMS[name](folder, count)
    new = copy.deepcopy(module)
    place = folder / "runs" / name / str(count)
    found, best = {}, place / "best.ckpt"
    fit = trainer(place, max_epochs=1, **limits)
    try:
        fit.fit(module, data)
        state = module.state_dict().items()
        found["trained"] = {key: value.detach().clone() for key, value in state if isinstance(value, torch.Tensor)}
        found["epoch"] = {key: float(value) for key, value in fit.callback_metrics.items()}
    except UserError as error:
        found["refused"] = str(error)
    if fit.world_size == 1 and not limits:
        fit.save_checkpoint(best)
        keep_run(place, name)
    if "refused" in found and name != "semantic":
        return found
    for verb in ("validate", "test", "predict"):
        module = copy.deepcopy(new)
        again = trainer(place, **limits)
        given = getattr(again, verb)(module, data, ckpt_path=best, **{} if verb == "predict" else {"verbose": False})
        found[verb] = {key: float(value) for key, value in again.callback_metrics.items()}
        found["tested" if verb == "test" else f"given by {verb}"] = module.tested if verb == "test" else given
    return found


def keep_run(place: Path, name: str) -> None:
    """As the command leaves it."""
    kept = torch.load(place / "best.ckpt", weights_only=False)
    kept["hyper_parameters"] = PARAMETERS.get(name, {})
    torch.save(kept, place / "best.ckpt")
    (place / "config.yaml").write_text(yaml.safe_dump(CONFIGS.get(name, {})))
    Run(place).update(status=FINISHED, started="2026-01-01", id=name, resumed=[], started_from=None)


def cases(folder: Path, n: int, rank: int, port: int) -> None:
    """All of them, as one of n processes."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n, "LOCAL_WORLD_SIZE": n, "GROUP_RANK": 0}
    if n > 1:
        names |= {"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ |= {name: str(value) for name, value in names.items()}
    nothing = {f"limit_{split}_batches": 0 for split in ("val", "test", "predict")}
    found = {}
    for name in SYSTEMS:
        for count in COUNTS if name in COUNTED else COUNTS[:1]:
            found[name, count] = case(name, folder, count)
        if name in ("contrastive", "acoustic"):
            found[name, "none"] = case(name, folder, 1, **nothing)
            found[name, "none to train"] = case(name, folder, 1, limit_train_batches=0)
    place = folder / str(n)
    place.mkdir(parents=True, exist_ok=True)
    torch.save(found, place / f"{rank}.pt")
    if n > 1 and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def main(folder: Path, n: int) -> None:
    """All processes, to their end."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    fork = multiprocessing.get_context("fork")
    forks = [fork.Process(target=cases, args=(folder, n, rank, port)) for rank in range(n)]
    for one in forks:
        one.start()
    for one in forks:
        one.join()
    if any(one.exitcode for one in forks):
        sys.exit(f"{n} processes ended with {[one.exitcode for one in forks]}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for words in sys.argv[2:]:
        main(Path(sys.argv[1]), int(words))
