"""Weights trained with the published code of Défossez et al. 2023: their names there, and their sizes."""

import re
from collections.abc import Mapping

from torch import Tensor

from n2s.errors import UserError

_NAMES = (  # ours, theirs
    (r"^attention\.", "merger."),
    (r"^initial\.", "initial_linear.0."),
    (r"^subjects\.", "subject_layers."),
    (r"^convs\.(\d+)\.body\.", r"encoders.meg.sequence.\1."),
    (r"^convs\.(\d+)\.gate\.", r"encoders.meg.glus.\1."),
    (r"^head\.", "final."),
)


def sizes(weights: Mapping[str, Tensor]) -> dict[str, int]:
    """The arguments of ``BrainEncoder`` that published weights show.

    Raises
    ------
    UserError
        A tensor that shows a size is missing or has another number of dimensions.
    """
    telling = {
        "merger.heads": 2,
        "subject_layers.weights": 3,
        "encoders.meg.sequence.0.0.weight": 3,
        "final.0.weight": 3,
        "final.2.weight": 3,
    }
    wrong = [name for name, n_axes in telling.items() if name not in weights or weights[name].ndim != n_axes]
    if wrong:
        raise UserError(
            f"These are not the weights of a published encoder: {', '.join(wrong)} are missing or have an unexpected "
            f"number of axes (expected {', '.join(f'{name}: {telling[name]}' for name in wrong)}). The {len(weights)} "
            f"keys found begin with {', '.join(sorted(weights)[:5])}. Give the network's own weights, "
            "not the checkpoint around it."
        )
    layers = [int(found[1]) for name in weights if (found := re.match(r"encoders\.meg\.sequence\.(\d+)\.", name))]
    hidden, _, kernel = weights["encoders.meg.sequence.0.0.weight"].shape
    return {
        "n_subjects": weights["subject_layers.weights"].shape[0],
        "n_outputs": weights["final.2.weight"].shape[1],
        "n_virtual": weights["merger.heads"].shape[0],
        "n_fourier": weights["merger.heads"].shape[1],
        "hidden": hidden,
        "depth": max(layers) + 1,
        "kernel": kernel,
        "head_width": weights["final.0.weight"].shape[0] // hidden,
    }


def translated(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published weights under our names; ``expected`` is the state of a network of the same sizes.

    Raises
    ------
    UserError
        Keys are missing or unknown, or a shape is not the expected one.
    """
    names = {name: _published(name) for name in expected}
    missing, unknown = sorted(set(names.values()) - set(weights)), sorted(set(weights) - set(names.values()))
    if missing or unknown:
        raise UserError(
            f"The published weights lack {len(missing)} keys {missing[:5]} and have {len(unknown)} unknown ones "
            f"{unknown[:5]}. Expected the paper's network: merger, initial_linear, subject_layers, encoders.meg, final."
        )
    found = {ours: weights[theirs] for ours, theirs in names.items()}
    found["head.2.weight"] = found["head.2.weight"].transpose(0, 1)  # a transposed convolution there
    for ours, tensor in found.items():
        if tensor.shape != expected[ours].shape:
            raise UserError(
                f"The published weights have {names[ours]} (ours: {ours}) of shape {tuple(tensor.shape)}; the other "
                f"tensors ask for {tuple(expected[ours].shape)}."
            )
    return found


def _published(name: str) -> str:
    for ours, theirs in _NAMES:
        name = re.sub(ours, theirs, name)
    return name
