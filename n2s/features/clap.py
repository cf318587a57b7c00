"""The meaning of a sound: CLAP's embedding of a clip, in a space that sounds and texts share."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.features.audio import read_stimulus
from n2s.features.feature import ClipFeature
from n2s.features.network_input import check_clap_input
from n2s.findings import tell
from n2s.models.pretrained import frozen, full_float32, load_pretrained, model_identity
from n2s.models.seeded import seeded
from n2s.options import check_options
from n2s.studies.study import Stimulus

if TYPE_CHECKING:
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, PreTrainedTokenizerBase

_BATCH = 8  # clips or texts embedded at once


class CLAP(ClipFeature):
    """Audio embeddings of CLAP (Wu et al. 2023), each of length 1; `text` embeds prompts in the same space.

    Audio is resampled to the rate of the model (48 kHz in all published models); its spectrogram follows the model's
    ``preprocessor_config.json``. A clip shorter than the 10 s of its input is repeated as often as it fits and padded with
    zeros (``repeatpad``; ``repeat`` and ``pad`` are followed, too); of a longer clip the middle 10 s are used. Nothing is cut at
    random: transformers' own extractor takes a random 10 s of longer clips, and for fused models it treats one short
    clip of each batch as long, at random. Here the embedding of a clip does not depend on its neighbours.

    Parameters
    ----------
    model
        Hugging Face id or local folder: ``laion/clap-htsat-unfused``, ``laion/larger_clap_music_and_speech``.
    device
        Where to compute; by default on a GPU if there is one.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.features import CLAP, example_stimulus
    >>> CLAP().extract(example_stimulus(), np.array([0.0]), 1.5).shape  # doctest: +SKIP
    (1, 512)
    """

    version = 2  # a clip that ends a little after its sound is filled with silence

    def __init__(self, model: str = "laion/clap-htsat-unfused", *, device: str | None = None) -> None:
        self.model, self.device = model, device

    @property
    def n_features(self) -> int:
        """f: the width of the joint space (512), from the config alone."""
        return self._config.projection_dim

    def settings(self) -> dict:
        """The model (a local folder by the hash of its files), and how short clips are filled, if not as by most."""
        padding = self._extractor.padding
        return {"model": self._identity} | ({} if padding == "repeatpad" else {"padding": padding})

    def release(self) -> None:
        """Drop the network."""
        self.__dict__.pop("_network", None)

    @torch.inference_mode()
    def extract(self, stimulus: Stimulus, starts_s: np.ndarray, duration_s: float) -> np.ndarray:
        """(n,) starts -> (n, f), each of length 1."""
        sfreq, longest_s = self._extractor.sampling_rate, self._extractor.max_length_s
        heard_s = min(duration_s, longest_s)
        skipped_s = (duration_s - heard_s) / 2
        vectors = [torch.zeros(0, self.n_features)]
        for first in range(0, len(starts_s), _BATCH):
            starts = [float(start) + skipped_s for start in starts_s[first : first + _BATCH]]
            clips = [read_stimulus(stimulus, sfreq, start, start + heard_s) for start in starts]
            vectors.append(self._embed([clip[: longest_s * sfreq] for clip in clips]))
        return torch.cat(vectors).numpy()

    @torch.inference_mode()
    def text(self, prompts: Sequence[str]) -> np.ndarray:
        """(n,) texts -> (n, f), each of length 1. A text with more tokens than the model takes is cut."""
        if isinstance(prompts, str):
            raise UserError(f"{type(self).__name__}.text takes several prompts; found '{prompts}'. Give ['{prompts}'].")
        vectors = [torch.zeros(0, self.n_features)]
        for first in range(0, len(prompts), _BATCH):
            tokens = self._tokens(list(prompts[first : first + _BATCH]))
            with full_float32():
                found = self._network.get_text_features(
                    **{name: ids.to(self._network.device) for name, ids in tokens.items()}
                )
            vectors.append(found.pooler_output.cpu())
        return torch.cat(vectors).numpy()

    def _embed(self, clips: list[Tensor]) -> Tensor:
        """Clips (samples,) at the model's rate, none longer than its input -> (n, f)."""
        # Which mel bands the network was trained on; nothing is cut.
        bands = "fusion" if self._config.audio_config.enable_fusion else "rand_trunc"
        mels = self._extractor(
            [clip.numpy() for clip in clips],
            truncation=bands,
            padding=self._extractor.padding,
            sampling_rate=self._extractor.sampling_rate,
            return_tensors="pt",
        )["input_features"].float()
        with full_float32():
            found = self._network.get_audio_features(
                mels.to(self._network.device), is_longer=torch.zeros(len(clips), 1, dtype=torch.bool)
            )
        return found.pooler_output.cpu()

    def _tokens(self, prompts: list[str]) -> dict[str, Tensor]:
        positions = self._config.text_config.max_position_embeddings - 2  # RoBERTa counts its positions from 2
        longest = min(self._tokenizer.model_max_length, positions)
        return dict(self._tokenizer(prompts, padding=True, truncation=True, max_length=longest, return_tensors="pt"))

    @cached_property
    def _identity(self) -> str:
        return model_identity(self.model)

    @cached_property
    def _config(self) -> "ClapConfig":
        config = self._load_config()
        if config.model_type != "clap":
            raise UserError(f"'{self.model}' is a {config.model_type} model; expected a CLAP (clap).")
        return config

    @cached_property
    def _extractor(self) -> "ClapFeatureExtractor":
        audio = self._config.audio_config
        found = self._load_extractor()
        if found.padding not in ("repeatpad", "repeat", "pad"):
            raise UserError(
                f"'{self.model}', preprocessor_config.json: padding is {found.padding!r}; expected repeatpad, repeat or pad."
            )
        if found.feature_size != audio.num_mel_bins:
            raise UserError(
                f"'{self.model}': preprocessor_config.json says {found.feature_size} mel bands (feature_size), but the network "
                f"takes {audio.num_mel_bins} (num_mel_bins in config.json). Both files must be of one model."
            )
        if (found.truncation == "fusion") != bool(audio.enable_fusion):
            text = (
                f"preprocessor_config.json says truncation {found.truncation}, config.json enable_fusion "
                f"{audio.enable_fusion}: the mel bands are those of the network (config.json)."
            )
            tell("odd", self.model, text)
        return found

    @cached_property
    def _tokenizer(self) -> "PreTrainedTokenizerBase":
        from transformers import AutoTokenizer

        return load_pretrained(AutoTokenizer, self.model)

    @cached_property
    def _network(self) -> "ClapModel":
        self._config  # noqa: B018 (checked before its weights are fetched)
        return frozen(self._load_network(), self.device)

    def _load_config(self) -> "ClapConfig":
        from transformers import AutoConfig

        return load_pretrained(AutoConfig, self.model)

    def _load_extractor(self) -> "ClapFeatureExtractor":
        from transformers import ClapFeatureExtractor

        check_clap_input(self.model)
        return load_pretrained(ClapFeatureExtractor, self.model)

    def _load_network(self) -> "ClapModel":
        from transformers import ClapModel

        return load_pretrained(ClapModel, self.model)


class TinyClap(CLAP):
    """A stand-in without a download: CLAP's parts with 0.6 M parameters and random weights; texts are read byte by byte.

    It has learned nothing. Similar sounds get similar vectors, as with any fixed random map of a spectrogram. Its
    texts are unrelated to its sounds.

    Parameters
    ----------
    seed
        Seed of the weights.
    device
        Where to compute; by default on a GPU if there is one.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.features import TinyClap, example_stimulus
    >>> clap = TinyClap(device="cpu")
    >>> vectors = clap.extract(example_stimulus(), np.array([0.0, 0.5]), 1.5)
    >>> vectors.shape, np.linalg.norm(vectors, axis=1).round(3).tolist()
    ((2, 512), [1.0, 1.0])
    """

    def __init__(self, *, seed: int = 0, device: str | None = None) -> None:
        check_options("TinyClap: ", low=0, whole=True, seed=seed)
        super().__init__("tiny-clap", device=device)
        self.seed = seed

    def settings(self) -> dict:
        """The seed."""
        return super().settings() | {"seed": self.seed}

    def _tokens(self, prompts: list[str]) -> dict[str, Tensor]:
        longest = self._config.text_config.max_position_embeddings - 2
        rows = [torch.tensor([0, *(4 + byte for byte in text.encode()[: longest - 2]), 2]) for text in prompts]
        ids = torch.nn.utils.rnn.pad_sequence(
            rows, batch_first=True, padding_value=1
        )  # 0, 1, 2: RoBERTa's <s>, pad, </s>
        return {"input_ids": ids, "attention_mask": (ids != 1).long()}

    def _load_config(self) -> "ClapConfig":
        from transformers import ClapConfig

        shared = {"projection_dim": 512, "initializer_factor": 5.0}  # at 1.0, all sounds come out the same to 0.5%
        text = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
        audio = {"hidden_size": 32, "depths": [1, 1], "num_attention_heads": [2, 2], "patch_embeds_hidden_size": 16}
        return ClapConfig(text_config=shared | text | {"vocab_size": 260}, audio_config=shared | audio)

    def _load_extractor(self) -> "ClapFeatureExtractor":
        from transformers import ClapFeatureExtractor

        return ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc")  # Hz: as the published ones

    def _load_network(self) -> "ClapModel":
        from transformers import ClapModel

        with seeded(self.seed):
            return ClapModel(self._config)
