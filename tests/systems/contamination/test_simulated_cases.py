"""The simulated production study: what is planted is what the verdict says."""

import pytest
from daily import some

from n2s.data import AtEvents, EventDataModule, Labels, Preprocessing, SplitByRun
from n2s.metrics.score import ALL
from n2s.studies import SimulatedProduction
from n2s.systems.contamination.compare import contamination_of
from n2s.systems.contamination.verdict import CLEAN, CONTAMINATED, DOUBTFUL

COMMANDS = ["down", "left", "right", "stop", "up"]
#: Case -> options, the word that is right, and the signal to blame. ``jaw``: the brain alone could be read in 64% of windows, and is with the jaw in
#: 78%; ``weak jaw``: it can be read in 96% without. ``lips``: muscles and jaw work, and nothing of them reaches the helmet.
CASES = {
    "clean": ({"case": "clean"}, CLEAN, ""),
    "muscle": ({"case": "muscle"}, CONTAMINATED, "EMG alone"),
    "jaw": ({"case": "jaw", "signal_gain": 0.5, "reach": 0.25}, CONTAMINATED, "Head position alone"),
    "weak jaw": ({"case": "jaw"}, DOUBTFUL, "Head position"),
    "audio": ({"case": "audio"}, CONTAMINATED, "Sound alone"),
    "lips": ({"case": "speech", "reach": 0.0}, CLEAN, ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", some(CASES, "clean", "jaw"))
def test_the_verdict_names_what_is_planted(case):
    options, word, blamed = CASES[case]
    options = {"signal_gain": 1.5} | options
    study = SimulatedProduction(
        n_subjects=1, n_runs=4, n_trials=20, conditions=["listen", "overt"], n_sensors=40, **options
    )
    data = EventDataModule(
        {"simulated": study}, AtEvents(Labels(COMMANDS), kind="word"), split=SplitByRun(), window_s=0.6, offset_s=-0.1, n_jobs=1,
        preprocessing=Preprocessing(sfreq=100.0, lowpass_hz=40.0, highpass_hz=0.5),
    )  # fmt: skip
    result = contamination_of(data, n_permutations=200)
    verdict = result.verdicts[ALL]
    assert verdict.word == word, verdict.reasons
    assert blamed in " ".join(verdict.reasons)
    audio = verdict.controls.set_index("source").loc["audio"]
    assert audio.above  # the microphone always tells what is said
    assert (audio.reaches == 1) == (case in ("audio", "muscle"))  # a muscle is strong when the voice is
