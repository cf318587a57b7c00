"""The networks of an acoustic run: untrained ones for its weights, and the data for later stages."""

from pathlib import Path

from torch import Tensor

from n2s.config_classes import object_of
from n2s.data.clip_data import ClipData
from n2s.errors import UserError
from n2s.models.acoustic_decoder import AcousticDecoder
from n2s.models.audiomae import AudioMAE
from n2s.models.brain_to_sound import BrainToSound, ToSound
from n2s.models.fitted_ridge import FittedRidge
from n2s.models.meg_to_sound import MEGToSound
from n2s.systems.clips.semantic import Semantic, check_same_voxels
from n2s.systems.stages import StageRun
from n2s.training.fold_runs import FOLDS
from n2s.training.run import Run

SEMANTIC_RUN = "n2s_semantic_run"  # keys of an acoustic run's checkpoint
ENCODER = "n2s_encoder"


def blank(
    state: dict[str, Tensor],
    *,
    decoder: AcousticDecoder,
    audiomae: AudioMAE,
    semantic: bool,
    encoder: dict | None = None,
) -> ToSound:
    """Build a network for this state dict.

    Parameters
    ----------
    state
        State dict of a network of `n2s.systems.Acoustic`.
    decoder, audiomae
        Networks to copy.
    semantic
        Whether a network of voxels has a semantic token.
    encoder
        The class and options of the brain encoder; None: the network takes voxels.
    """
    if encoder is not None:
        return MEGToSound.blank(object_of(encoder), state, decoder=decoder, audiomae=audiomae)
    ridge = FittedRidge()
    ridge.intercept = state["ridge.intercept"]  # its length is the length of a semantic vector
    moments = state["voxels"], state["mean"], state["deviation"]
    return BrainToSound(ridge, *moments, decoder=decoder, audiomae=audiomae, semantic=semantic)


def assembled(settings: dict, state: dict[str, Tensor]) -> ToSound:
    """Call `blank` with the output of `given`."""
    parts = {name: object_of(settings[name]) for name in ("decoder", "audiomae")}
    return blank(state, **parts, semantic=settings["semantic"], encoder=settings.get("encoder"))


def given(run: StageRun) -> dict:
    """Data of an acoustic run for a later stage, in plain types.

    The classes of ``decoder``, ``audiomae`` and ``encoder`` (None for voxels); whether there is a ``semantic`` token; the
    ``semantic_run``, and the class of its target, ``semantic_target``.
    """
    kept = {name: run.options[name] for name in ("decoder", "audiomae")}
    encoder = run.checkpoint.get(ENCODER)
    if encoder is not None:
        return kept | {"encoder": encoder, "semantic": False, "semantic_run": None, "semantic_target": None}
    semantic = Run(Path(run.checkpoint[SEMANTIC_RUN]))
    if not semantic.exists():  # all runs may have been moved together
        semantic = Run(_experiments(run.folder) / semantic.folder.relative_to(_experiments(semantic.folder)))
    earlier = StageRun(Semantic, semantic.folder)
    target = earlier.config["data"]["init_args"]["target"] if semantic.config.is_file() else None
    return kept | {
        "encoder": None,
        "semantic": run.options["semantic"],
        "semantic_run": str(semantic.folder),
        "semantic_target": target,
    }


def _experiments(run: Path) -> Path:
    """The folder of the experiments, of a run's folder or a fold's."""
    return run.parents[3 if run.parent.name == FOLDS else 1]


def networks_of(run: StageRun, data: ClipData) -> list[ToSound]:
    """The trained network of each of the data's subjects; brains and tokens are checked to be the same."""
    settings, found = given(run), []
    for index, name in enumerate(data.brains):
        state = run.of_subject(name)
        network = assembled(settings, state)
        network.load_state_dict(state)
        check_same_brain(network, data, index)
        if tuple(network.mean.shape) != tuple(data.target.shape):
            raise UserError(
                f"{run.folder} decodes tokens {tuple(network.mean.shape)}; data.target has {tuple(data.target.shape)}. "
                "Take the target that the acoustic stage was trained with."
            )
        found.append(network)
    return found


def fine_only_networks(run: StageRun, data: ClipData) -> list[ToSound]:
    """Call `networks_of` for a run without the semantic token, for evaluation."""
    if given(run)["semantic"]:
        raise UserError(f"{run.key}: {run.folder} has a semantic token. Fit it with model.semantic false.")
    return [network.eval() for network in networks_of(run, data)]


def check_same_brain(network: ToSound, data: ClipData, subject: int) -> None:
    """Raise a UserError if the network was trained with other voxels."""
    if isinstance(network, BrainToSound):
        check_same_voxels(network.ridge, data, subject)
