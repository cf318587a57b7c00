"""What a sentence model does beside its network, as its folder says: pooling, length, letter case, a prompt before each text."""

from dataclasses import dataclass
from pathlib import Path

from n2s.errors import UserError
from n2s.findings import tell
from n2s.models.pretrained import read_settings

_FOLLOWED = ("Transformer", "Pooling", "Dense", "Normalize")
_MODES = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")


@dataclass(frozen=True)
class TextInput:
    """How texts become vectors.

    Attributes
    ----------
    pooling
        ``mean`` over the tokens, or ``cls``: the first token.
    longest
        Maximum number of tokens; None: as many as the network takes.
    lower
        Whether texts are written in lower case first.
    prompt
        What the model puts before each text by itself.
    dense
        Folder of a linear layer after the pooling (LaBSE has one); empty: none.
    """

    pooling: str = "mean"
    longest: int | None = None
    lower: bool = False
    prompt: str = ""
    dense: str = ""


def text_input(model: str) -> TextInput:
    """Read the files of sentence-transformers beside a model's weights; without them, the mean over the tokens.

    Raises
    ------
    UserError
        The model has a step, or a kind of pooling, that n2s does not have.
    """
    modules = read_settings(model, "modules.json")
    if not isinstance(modules, list) or not all(isinstance(one, dict) for one in modules):
        if not Path(model).expanduser().is_dir():
            text = "it has no modules.json (or none could be fetched), so the mean over the tokens is taken: check that it was trained so."
            tell("odd", model, text)
        return TextInput()
    kinds = [str(one.get("type", "")).rsplit(".", 1)[-1] for one in modules]
    other = [kind for kind in kinds if kind not in _FOLLOWED]
    if other:
        raise UserError(
            f"'{model}', modules.json: the model has the steps {', '.join(kinds)}; n2s does not have {', '.join(other)}. Expected "
            f"only {', '.join(_FOLLOWED)}."
        )
    path = next((one.get("path", "") for one, kind in zip(modules, kinds, strict=True) if kind == "Pooling"), None)
    dense = [one.get("path", "") for one, kind in zip(modules, kinds, strict=True) if kind == "Dense"]
    if len(dense) > 1 or (dense and "Pooling" in kinds[kinds.index("Dense") :]):
        raise UserError(
            f"'{model}', modules.json: the model has the steps {', '.join(kinds)}; expected at most one Dense, after Pooling."
        )
    length = _table(model, "sentence_bert_config.json")
    prompts = _table(model, "config_sentence_transformers.json")
    longest = length.get("max_seq_length")
    if not (longest is None or isinstance(longest, int) and longest > 2):
        raise UserError(
            f"'{model}', sentence_bert_config.json: max_seq_length is {longest!r}; expected a number of tokens."
        )
    name = prompts.get("default_prompt_name")
    prompt = "" if name is None else (prompts.get("prompts") or {}).get(name)
    if not isinstance(prompt, str):
        raise UserError(f"'{model}', config_sentence_transformers.json: no prompt is named {name!r}, the default.")
    pooling = "mean" if path is None else _pooling(model, path)
    return TextInput(pooling, longest, bool(length.get("do_lower_case")), prompt, *dense)


def _pooling(model: str, path: str) -> str:
    name = f"{path}/config.json"
    given = _table(model, name)
    modes = [mode for mode in _MODES if given.get(f"pooling_mode_{mode}")]
    if isinstance(given.get("pooling_mode"), str):  # since sentence-transformers 5.2
        modes = [{"cls": "cls_token", "mean": "mean_tokens"}.get(given["pooling_mode"], given["pooling_mode"])]
    if modes not in (["mean_tokens"], ["cls_token"]):
        raise UserError(
            f"'{model}', {name}: pooling is {', '.join(modes) or 'not said'}; expected mean_tokens or cls_token, one of them."
        )
    if given.get("include_prompt") is False:
        raise UserError(
            f"'{model}', {name}: include_prompt is false; n2s pools over all tokens, those of a prompt too."
        )
    return modes[0].split("_")[0]


def _table(model: str, name: str) -> dict:
    found = read_settings(model, name)
    return found if isinstance(found, dict) else {}
