"""Check that the data have the targets of the acoustic stage: AudioMAE's tokens and their spectrogram."""

from n2s.data.clip_data import ClipData
from n2s.errors import UserError
from n2s.models.acoustic_decoder import AcousticDecoder
from n2s.models.audiomae import AudioMAE


def check_target(data: ClipData, decoder: AcousticDecoder, audiomae: AudioMAE, name: str) -> None:
    """Raise a UserError if the target, the spectrogram and the networks do not match.

    Parameters
    ----------
    data
        Data of the fit.
    decoder, audiomae
        Their widths must equal the width of the target's tokens.
    name
        Name of the system, for the message.
    """
    shape = data.target.shape
    if len(shape) != 2:
        raise UserError(f"{name} decodes tokens (n_patch, dim); data.target has the shape {shape}.")
    widths = {
        "model.decoder.dim": decoder.queries.shape[1],
        "model.audiomae.dim": audiomae.decoder_embed.in_features,
    }
    wrong = [f"{key} is {width}" for key, width in widths.items() if width != shape[1]]
    if wrong:
        raise UserError(f"data.target has tokens of {shape[1]} numbers, but {' and '.join(wrong)}. Make them equal.")
    expected = (128, 2 * shape[0])
    if data.spectrogram is None or tuple(data.spectrogram.shape) != expected:
        found = None if data.spectrogram is None else tuple(data.spectrogram.shape)
        raise UserError(
            f"data.spectrogram has the shape {found}; the losses of {shape[0]} patches need {expected}: set it to "
            "n2s.features.ClipFbank with the target's duration_s."
        )
