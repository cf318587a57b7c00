"""
Decode a recording that is in no study
======================================

A trained run holds all that a new recording needs: the filters, the scale of each sensor, the names of people, the places of the sensors. So a
recording and some sounds are enough to ask: which of these was heard, and when?
"""

# %%
# First a small run, as in :doc:`plot_01_a_first_decoder`; yours is ``n2s.load("checkpoints/meg_contrastive")``.

import base64
import io
import tempfile

import matplotlib.pyplot as plt
import soundfile

import n2s
from n2s.studies import SimulatedMEG

stories = ["lighthouse.en", "beekeeper.en", "train", "orchestra.en"]
options = {"n_subjects": 1, "stories": stories, "max_story_s": 60.0, "noise_level": 0.3}
small = {
    "data.studies.simulated.init_args": options,
    "data.train_windows.init_args.step_s": 1.0,
    "data.batch_size": 56,
    "data.n_jobs": 1,
    "model.encoder.init_args.hidden": 32,
    "model.encoder.init_args.depth": 2,
    "model.encoder.init_args.n_fourier": 288,
    "trainer.max_epochs": 40,
    "trainer.accelerator": "cpu",
    "trainer.logger": False,
    "trainer.enable_progress_bar": False,
}
folder = tempfile.TemporaryDirectory()
run = n2s.fit("meg_contrastive", small, runs_dir=folder.name)

# %%
# The new recording: the same person hears a story that was in no training window. Two sounds may have been heard.

study = SimulatedMEG(**options)
recording = next(one for one in study.recordings() if "orchestra" in one.task)
raw = study.load(recording)
sounds = [study.audio("orchestra.en"), study.audio("train.es")]
print(raw)


class Sound:
    """A player on this page."""

    def __init__(self, samples, rate):
        file = io.BytesIO()
        soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
        self.data = base64.b64encode(file.getvalue()).decode()

    def _repr_html_(self):
        return f'<audio controls src="data:audio/wav;base64,{self.data}"></audio>'


heard, rate = soundfile.read(sounds[0])
Sound(heard[: 5 * rate], rate)

# %%
# Every second a window of the brain is compared with every stretch of both sounds.

decoded = run.decode(raw, candidates=sounds, subject="simulated/01", step_s=3.0, candidate_step_s=0.5)
print(*decoded.said, sep="\n")
decoded

# %%
# ``decoded.save("a_folder")`` writes the tables and a page; ``n2s decode RUN --recording x.fif --audio a.wav b.wav`` does it all at once.

for name, table in decoded.tables().items():
    print(name, list(table.columns))
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
table = decoded.table
print(table.head(3).to_string())
folder.cleanup()
