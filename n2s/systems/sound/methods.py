"""The methods that make sound for a test clip."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.config_classes import object_of
from n2s.data.clip_data import ClipData
from n2s.errors import UserError
from n2s.features.audio import read_audio
from n2s.features.feature import ClipFeature
from n2s.listening.manifest import STIMULUS
from n2s.metrics.clip_scores import exchanged, independent_units
from n2s.metrics.identification import similarities
from n2s.models.brain_to_sound import ToSound
from n2s.models.diffusion.spectrogram import SFREQ, normalized
from n2s.systems.clips.acoustic import Acoustic
from n2s.systems.clips.acoustic_networks import fine_only_networks
from n2s.systems.clips.decoded import Decoded
from n2s.systems.clips.decoder import ClipDecoder
from n2s.systems.sound.prompts import is_sound, mean_vectors, read_prompts, semantic_vectors, study_prompts
from n2s.systems.stages import StageRun
from n2s.training.run import Run

#: Method: its description, in the order of the table.
METHODS = {
    "decoded": "decoded tokens, sampled",
    "fine_only": "tokens decoded without a semantic token, sampled",
    "mel": "the spectrogram of AudioMAE's decoder, a linear map, the vocoder",
    "retrieval": "the subject's training clip whose true tokens correlate most with the decoded ones",
    "shuffled": "decoded from the response to another stimulus of the same subject, or another stretch of it",
    "ceiling": "true tokens, sampled",
    "prompted": "tokens decoded with a prompt in place of the decoded meaning, sampled",
    "study_prompted": "the same with the mean of the study's own prompts of the clip's kind",
    STIMULUS: "what was heard",
}

#: (n,) rows of the test split -> (n, samples) at 16 kHz
Make = Callable[[np.ndarray], Tensor]


@dataclass
class SoundMethods:
    """Makes the sounds of rows of the test split by each method.

    True sounds are normalised like the generator's input, without an offset and with a peak of 0.5: the loudness of
    generated ones is arbitrary.

    Parameters
    ----------
    module
        The system, with its weights.
    data
        Its data.
    decoded
        Decoded outputs of all test clips.
    clips
        Their names: the initial noise of a generated clip depends on its name and the seed.
    seed
        Seed for the samples and the exchange of responses.
    """

    module: ClipDecoder
    data: ClipData
    decoded: Decoded
    clips: list[str]
    seed: int

    def chosen(self) -> dict[str, Make]:
        """The methods that the options name, or all that are possible."""
        options = self.module.sounds
        makes: dict[str, Make] = {
            "decoded": lambda rows: self._of_decoded(self.decoded.feature[rows], rows),
            "mel": lambda rows: self.module.maker.from_spectrogram(self.decoded.spectrogram[rows])[0],
            "retrieval": self._retrieved,
            "shuffled": lambda rows: self._of_decoded(self.decoded.feature[self.others[rows]], rows),
            "ceiling": lambda rows: self._sampled(torch.from_numpy(self.data.targets(self._clip(rows))), rows),
            STIMULUS: lambda rows: self._heard(self.data.splits["test"].table.iloc[rows]),
        }
        if options.fine_only_run is not None:
            makes["fine_only"] = self._fine_only()
        if options.prompt is not None:
            makes["prompted"] = self._prompted()
        if options.study_prompts:
            makes["study_prompted"] = self._study_prompted()
        wanted = options.methods or list(makes)
        unknown = [name for name in wanted if name not in METHODS]
        if unknown:
            raise UserError(f"model.sounds.methods: no method '{unknown[0]}'; there are {', '.join(METHODS)}.")
        keys = {"fine_only": "fine_only_run", "prompted": "prompt", "study_prompted": "study_prompts"}
        for name, key in keys.items():
            if name in wanted and name not in makes:
                raise UserError(f"model.sounds.methods names {name}: set model.sounds.{key}, too.")
        return {name: makes[name] for name in METHODS if name in makes and (name in wanted or name == STIMULUS)}

    @cached_property
    def prompts(self) -> dict[str, str]:
        """By clip."""
        given = self.module.sounds.prompt
        labels = self.data.splits["test"].table.label.tolist()
        return {} if given is None else read_prompts(given, self.clips, labels)

    @cached_property
    def others(self) -> np.ndarray:
        """(n,) The row whose response each row gets when shuffled: same subject, another stimulus or stretch of it."""
        table = self.data.splits["test"].table
        duration_s = table.duration_s.to_numpy()
        units = independent_units(table.group, table.subject, table.start_s, duration_s=duration_s)
        return exchanged(units.of, table.subject.to_numpy(), n_permutations=1, seed=self.seed)[0]

    def made_of(self, method: str) -> dict | None:
        """The other inputs of a method's sounds besides the run and its options, in plain types."""
        if method == "prompted":
            return {
                "prompts": self.prompts,
                "files": {one: _state(one) for one in self.prompts.values() if is_sound(one)},
            }
        if method == "study_prompted":
            kept = self._kept.drop(columns="audio").astype(str).to_dict("split")["data"]
            return {"prompts": kept, "files": {one: _state(one) for one in self._kept.audio.unique()}}
        if method == "fine_only":
            return {"run": _state(Run(self._fine_run.folder).weights)}
        return {"responses": self.others.tolist()} if method == "shuffled" else None

    @cached_property
    def _fine_run(self) -> StageRun:
        given, key = self.module.sounds.fine_only_run, "model.sounds.fine_only_run"
        return StageRun.found(Acoustic, given, self.module.experiment, key=key)

    # -- making -----------------------------------------------------------------------------------------------------

    def _of_decoded(self, tokens: Tensor, rows: np.ndarray) -> Tensor:
        maker = self.module.maker
        return self._sampled(maker.stretched(tokens.to(maker.gain)), rows)

    def _sampled(self, tokens: Tensor, rows: np.ndarray) -> Tensor:
        clips = [self.clips[row] for row in rows]
        return self.module.maker.from_tokens(tokens, clips, sampler=self.module.sounds.sampler, seed=self.seed)[0]

    def _clip(self, rows: np.ndarray) -> np.ndarray:
        return self.data.splits["test"].table.clip_index.to_numpy()[rows]

    def _heard(self, table: pd.DataFrame) -> Tensor:
        """True sounds of rows of any split's table."""
        n = round(self.module.maker.duration_s * SFREQ)
        found = torch.zeros(len(table), n)
        for place, row in enumerate(table.itertuples()):
            audio = self.data.stimuli[row.stimulus].audio
            wav = read_audio(audio, SFREQ, row.start_s, row.start_s + row.duration_s)[:n]
            found[place, : len(wav)] = normalized(wav)
        return found

    def _retrieved(self, rows: np.ndarray) -> Tensor:
        table, subject = self.data.splits["train"].table, self.data.splits["test"].table.brain_index.to_numpy()[rows]
        mean, deviation = self.data.train_moments("target")
        decoded = (self.decoded.feature[rows].numpy().reshape(len(rows), -1) - mean) / deviation
        found = torch.zeros(len(rows), round(self.module.maker.duration_s * SFREQ))
        for index in np.unique(subject):
            own = np.flatnonzero(subject == index)
            train = table[table.brain_index == index].drop_duplicates("clip_index")
            scores = [
                similarities(decoded[own], (self.data.targets(some).reshape(len(some), -1) - mean) / deviation)
                for some in np.array_split(train.clip_index.to_numpy(), -(-len(train) // 256))
            ]
            found[own] = self._heard(train.iloc[np.concatenate(scores, 1).argmax(1)])
        return found

    def _fine_only(self) -> Make:
        networks = [network.to(self.module.device) for network in fine_only_networks(self._fine_run, self.data)]
        return lambda rows: self._of_decoded(self._tokens(networks, rows), rows)

    @cached_property
    def _kept(self) -> pd.DataFrame:
        return study_prompts(self.data)

    def _prompted(self) -> Make:
        vectors = semantic_vectors(list(self.prompts.values()), self._semantic_feature("prompt"))
        return self._told(dict(zip(self.prompts, vectors, strict=True)))

    def _study_prompted(self) -> Make:
        vectors, table = (
            mean_vectors(self._kept, self._semantic_feature("study_prompts")),
            self.data.splits["test"].table,
        )
        kinds = table.label.where(table.label != "", table.stimulus)
        if unknown := sorted(set(kinds) - set(vectors)):
            raise UserError(
                f"model.sounds.study_prompts: there are test clips of '{unknown[0]}', and prompts of {', '.join(vectors)} only."
            )
        return self._told({clip: vectors[kind] for clip, kind in zip(self.clips, kinds, strict=True)})

    def _semantic_feature(self, option: str) -> ClipFeature:
        settings = self.module.stages
        if not settings["semantic"] or settings["semantic_target"] is None:
            raise UserError(
                f"model.sounds.{option}: the acoustic stage of this run has no semantic token, or its semantic run is gone: "
                "there is no meaning to replace. Fit it with model.semantic true."
            )
        return object_of(settings["semantic_target"])

    def _told(self, vectors: dict[str, np.ndarray]) -> Make:
        """Make sounds from a semantic vector (d,) of each clip."""
        names = self.module.subjects
        networks = [self.module.networks[names.index(name)] for name in self.data.brains]

        def make(rows: np.ndarray) -> Tensor:
            semantic = torch.from_numpy(np.stack([vectors[self.clips[row]] for row in rows]))
            return self._of_decoded(self._tokens(networks, rows, semantic), rows)

        return make

    @torch.no_grad()
    def _tokens(self, networks: list[ToSound], rows: np.ndarray, semantic: Tensor | None = None) -> Tensor:
        subject = self.data.splits["test"].table.brain_index.to_numpy()[rows]
        found = torch.zeros(len(rows), *self.data.target.shape)
        for index in np.unique(subject):
            own, network = np.flatnonzero(subject == index), networks[index]
            vectors = ()
            if semantic is not None:
                ridge = network.ridge
                vectors = ((semantic[own].to(ridge.target_mean) - ridge.target_mean) / ridge.target_deviation,)
            batch = self.data.batch("test", rows[own]).to(self.module.device)
            found[own] = network(*batch.inputs, *vectors).cpu()
        return found


def _state(path: str | Path) -> list:
    """Fingerprint of a file: it differs for another file."""
    status = Path(path).expanduser().stat()
    return [str(path), status.st_size, status.st_mtime_ns]
