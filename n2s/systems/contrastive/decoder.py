"""A trained contrastive decoder on a recording of nobody's study: sounds ranked over time."""

from collections.abc import Sequence
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.data.windows import WindowShape
from n2s.decoding.decoder import Decoder, Predicted
from n2s.decoding.new_recording import NewRecording, prepared
from n2s.decoding.placed import place_sounds
from n2s.decoding.ranked_sounds import RankedSounds, ranked_sounds
from n2s.decoding.sensor_windows import SensorWindows, sensor_windows
from n2s.decoding.sounds import candidates_of
from n2s.decoding.trained import Trained
from n2s.errors import UserError
from n2s.models.any_network import call
from n2s.options import check_number
from n2s.systems.system import System


class ContrastiveDecoder(Decoder):
    """Compare every window of a recording with every stretch of some sounds.

    Parameters
    ----------
    system
        A trained `n2s.systems.Contrastive`.
    trained
        What it was trained on.
    """

    takes = "sensors"

    def __init__(self, system: System, trained: Trained):
        if system.context is not None:
            raise UserError(
                "the network looks at the windows of a sentence together (model.context), and a new recording has no sentences."
            )
        self.system, self.trained = system.eval(), trained
        plain = trained.front.plain
        self.shape = WindowShape(plain["sfreq"], plain["window_s"], plain["offset_s"], plain["baseline_s"])

    def predict(
        self, recording: Path | str | mne.io.BaseRaw, *, subject: str | None = None, step_s: float = 1.0
    ) -> Predicted:
        """The estimated features of the sound in each window, (n, f, t): see `Decoder`."""
        new = prepared(recording, self.trained.preparation())
        windows = self._windows(new, subject, step_s)
        return Predicted(self._estimates(windows).numpy(), windows.start_s, ("window", "feature", "time"), windows.said)

    def decode(
        self,
        recording: Path | str | mne.io.BaseRaw,
        candidates: Sequence[Path | str] = (),
        *,
        subject: str | None = None,
        step_s: float = 1.0,
        candidate_step_s: float = 0.1,
        seed: int = 0,
    ) -> RankedSounds:
        """Rank the stretches of some sounds in each window, and find when each sound began: see `Decoder`.

        Parameters
        ----------
        recording, candidates, subject, step_s
            See `Decoder`.
        candidate_step_s
            From one stretch of a sound to the next, s.
        seed
            Of the draws behind p.
        """
        check_number("candidate_step_s", candidate_step_s, above=0)
        sounds = candidates_of(
            candidates, self.trained.target(), self.trained.front, self.shape, step_s=candidate_step_s
        )
        new = prepared(recording, self.trained.preparation())
        windows = self._windows(new, subject, step_s)
        estimates = self._estimates(windows)
        scores = np.concatenate([self._scores(estimates, targets) for targets in sounds.targets()], axis=1)
        time_s = windows.start_s
        found = place_sounds(
            scores,
            time_s,
            sounds.sound,
            sounds.start_s,
            step_s=candidate_step_s,
            window_s=self.shape.window_s,
            seed=seed,
        )
        table = pd.DataFrame(
            {
                "sound": np.array(sounds.names)[sounds.sound],
                "path": np.array([str(path) for path in sounds.paths])[sounds.sound],
                "start_s": sounds.start_s,
            }
        )
        return ranked_sounds(
            scores, time_s, table, *found, recording=new.name, window_s=self.shape.window_s, said=windows.said
        )

    def _windows(self, new: NewRecording, subject: str | None, step_s: float) -> SensorWindows:
        return sensor_windows(new, self.trained, self.system.encoder, shape=self.shape, subject=subject, step_s=step_s)

    @torch.inference_mode()
    def _estimates(self, windows: SensorWindows) -> Tensor:
        return torch.cat([call(self.system.encoder, *inputs) for inputs in windows.inputs()])

    @torch.inference_mode()
    def _scores(self, estimates: Tensor, targets: Tensor) -> np.ndarray:
        """(n, f, t), (k, f, t) -> (n, k)."""
        wanted = self.system.encode_target(targets)
        seen = estimates.mean(-1, keepdim=True) if targets.shape[-1] == 1 else estimates
        return self.system.loss.scores(seen, wanted).float().numpy()
