"""Every system decodes recordings of no study, or says what does."""

import importlib
import pkgutil

import pytest

import n2s.systems
from n2s.errors import UserError
from n2s.systems.system import System


def every_system():
    for one in pkgutil.walk_packages(n2s.systems.__path__, "n2s.systems."):
        importlib.import_module(one.name)

    def below(kind):
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    return sorted({one for one in below(System) if one.__name__ in n2s.systems.__all__}, key=lambda one: one.__name__)


DECODE = {
    "Acoustic", "BrainAudio", "Contrastive", "EventClassifier", "LinearClassifier", "LinearDecoder", "SaidText", "Semantic", "Spectrogram",
}  # fmt: skip


def test_it_is_known_which_systems_decode():
    found = {one.__name__ for one in every_system() if one.decoder is not System.decoder}
    assert found == DECODE


@pytest.mark.parametrize("kind", [one for one in every_system() if one.__name__ not in DECODE])
def test_the_others_say_what_to_do(kind):
    assert kind.instead != System.instead, f"{kind.__name__} does not say what decodes in its place"
    with pytest.raises(UserError, match=f"^{kind.__name__} decodes no recording outside its studies: ") as refused:
        kind.decoder(object.__new__(kind), None)
    assert str(refused.value).endswith(".") and ("n2s" in str(refused.value) or "--config" in str(refused.value))
