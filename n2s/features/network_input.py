"""What a network expects of its audio, as the file beside its weights says: followed, or refused by name."""

from dataclasses import dataclass

from n2s.errors import UserError
from n2s.findings import tell
from n2s.models.pretrained import read_settings

_FILES = ("preprocessor_config.json", "processor_config.json")  # the second since transformers 5, nested
#: Settings that change nothing for one clip at a time, which is never padded, or only name things.
_HARMLESS = (
    "padding_side",
    "padding_value",
    "return_attention_mask",
    "name_or_path",
    "transformers_version",
    "auto_map",
)


@dataclass(frozen=True)
class AudioInput:
    """``sfreq`` (Hz) of the audio that a network was trained on, and whether each clip is brought to mean 0 and variance 1."""

    sfreq: int = 16000
    normalize: bool = True

    def settings(self) -> dict:
        """What differs from most networks, as a part of the key of a cache."""
        usual = type(self)()
        return {
            name: getattr(self, name) for name in ("sfreq", "normalize") if getattr(self, name) != getattr(usual, name)
        }


def extractor_settings(model: str) -> tuple[dict, str] | None:
    """The settings of a model's feature extractor, and the name of their file; None without such a file."""
    for name in _FILES:
        found = read_settings(model, name)
        if isinstance(found, dict):
            found = found if name == _FILES[0] else found.get("feature_extractor")
        if isinstance(found, dict):
            return found, name
    return None


def wav2vec2_input(model: str) -> AudioInput:
    """The input of a wav2vec 2.0: `transformers.Wav2Vec2FeatureExtractor`'s settings.

    Raises
    ------
    UserError
        The file is of another kind of network, or has settings that n2s does not know.
    """
    found = extractor_settings(model)
    if found is None:
        text = (
            "there is no preprocessor_config.json beside its weights: audio is taken at 16000 Hz and brought to zero mean and "
            "unit variance. If it was trained otherwise, put that file there (do_normalize, sampling_rate)."
        )
        tell("odd", model, text)
        return AudioInput()
    given, name = found
    where = f"'{model}', {name}"
    kind = given.get("feature_extractor_type", "Wav2Vec2FeatureExtractor")
    if kind != "Wav2Vec2FeatureExtractor":
        raise UserError(
            f"{where}: feature_extractor_type is {kind}; expected Wav2Vec2FeatureExtractor, which takes waveforms."
        )
    known = {"feature_extractor_type", "feature_size", "sampling_rate", "do_normalize", *_HARMLESS}
    unknown = sorted(
        key for key in set(given) - known if not key.startswith("_") and not key.endswith(("_class", "_type"))
    )
    if unknown:
        raise UserError(
            f"{where}: n2s does not know {', '.join(f'{key}={given[key]!r}' for key in unknown)}. Expected feature_size, "
            "sampling_rate, do_normalize. If they change nothing, remove them from a local copy of the model."
        )
    size, sfreq, normalize = (
        given.get("feature_size", 1),
        given.get("sampling_rate", 16000),
        given.get("do_normalize", True),
    )
    if size != 1:
        raise UserError(f"{where}: feature_size is {size!r}; expected 1, one channel of audio.")
    if (
        isinstance(sfreq, bool)
        or not isinstance(sfreq, int | float)
        or sfreq != int(sfreq)
        or not 1000 <= sfreq <= 400_000
    ):
        raise UserError(f"{where}: sampling_rate is {sfreq!r}; expected Hz, such as 16000.")
    if not isinstance(normalize, bool):
        raise UserError(f"{where}: do_normalize is {normalize!r}; expected true or false.")
    return AudioInput(int(sfreq), normalize)


def check_clap_input(model: str) -> None:
    """A `UserError` if the file beside a CLAP's weights is of another kind of network; the rest is followed by transformers."""
    found = extractor_settings(model)
    if found is not None:
        kind = found[0].get("feature_extractor_type", "ClapFeatureExtractor")
        if kind != "ClapFeatureExtractor":
            raise UserError(f"'{model}', {found[1]}: feature_extractor_type is {kind}; expected ClapFeatureExtractor.")
