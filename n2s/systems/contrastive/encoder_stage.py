"""What a finished contrastive run gives to the acoustic stage: its brain encoder."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from n2s.errors import UserError
from n2s.models.brain_encoder import BrainEncoder
from n2s.systems.clips.acoustic_stage import object_of, read_checkpoint
from n2s.systems.clips.decoder import part_of
from n2s.training.experiments import trained_run
from n2s.training.run import Run, differences

SAME = (
    "studies",
    "split",
    "preprocessing",
    "scaler",
    "clamp",
)  # of the data: what the encoder knows, and has not heard


@dataclass(frozen=True)
class EncoderRun:
    """A run of `Contrastive` that has weights. ``settings`` are the encoder's class and sizes, in plain types."""

    folder: Path
    settings: dict

    @classmethod
    def found(cls, given: str, own: Run) -> "EncoderRun":
        """See `n2s.training.experiments.trained_run`.

        Raises
        ------
        UserError
            There is none, it is of another task, or other recordings, preparation or splits were its data.
        """
        experiment = own.folder.absolute().parent
        run = trained_run(given, experiment, key="model.encoder_run", recipe="configs/meg_contrastive.yaml")
        options = read_checkpoint(run.weights).get("hyper_parameters", {})
        task = options.get("_class_path", "another task")
        if not task.endswith("Contrastive"):
            raise UserError(f"{run.folder} is a run of {task}; expected one of n2s.systems.Contrastive.")
        if run.config.is_file() and own.config.is_file():
            theirs, mine = (yaml.safe_load(one.config.read_text())["data"]["init_args"] for one in (run, own))
            wrong = list(differences(*({key: one.get(key) for key in SAME} for one in (mine, theirs))))
            if wrong:
                raise UserError(
                    f"model.encoder_run: {run.folder} was trained with other settings of data.{', data.'.join(wrong)}. Its "
                    "encoder knows listeners by their place, and may have heard what is tested here. Make them equal."
                )
        return cls(run.folder.absolute(), options["encoder"])

    def encoder(self) -> BrainEncoder:
        """With its weights."""
        encoder = object_of(self.settings)
        encoder.load_state_dict(part_of(read_checkpoint(Run(self.folder).weights)["state_dict"], "encoder."))
        return encoder
