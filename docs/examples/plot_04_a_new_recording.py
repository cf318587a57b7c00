"""
Decode a recording that is in no study
======================================

A trained run holds all that a new recording needs: the filters, the scale of each sensor, the names of people, the places of the sensors. So a
recording and some sounds are enough to ask: which of these was heard, and when?
"""

# %%
# First a small run, as in :doc:`plot_01_a_first_decoder`; yours is ``n2s.load("checkpoints/meg_contrastive")``.

import base64
import contextlib
import io
import shutil
import tempfile

import matplotlib.pyplot as plt
import numpy as np
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
with contextlib.redirect_stdout(io.StringIO()):
    run = n2s.fit("meg_contrastive", small, runs_dir=folder.name)
print("trained on:", *run.subjects)

# %%
# The new recording: the same person hears a story that was in no training window. Two sounds may have been heard. This is a part of the one that was:

study = SimulatedMEG(**options)
recording = next(one for one in study.recordings() if "orchestra" in one.task)
raw = study.load(recording)
sounds = [shutil.copyfile(study.audio(name), f"{folder.name}/{name}.wav") for name in ("orchestra.en", "train.es")]


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
# Windows of the brain are compared with every stretch of both sounds, and each sound is laid where it explains all windows best. The table has the first choices.

decoded = run.decode(raw, candidates=sounds, subject="simulated/01")
print(*decoded.headline(), sep="\n")
first = decoded.table[decoded.table["rank"] == 1]
first.head().round(2)

# %%
# Where a sound was heard, the first choices of its windows lie on a line: a second later in the recording is a second later in the sound.

story = study.events(recording).query("kind == 'story'").iloc[0]
last = first.time_s + decoded.window_s
inside = first[(first.time_s >= story.onset) & (last <= story.onset + story.duration)]
place_s = inside.time_s - story.onset
near = (inside.sound == "orchestra.en.wav") & (np.abs(place_s - inside.sound_s) <= 0.5)
in_story = decoded.candidates[decoded.candidates.sound == "orchestra.en.wav"].start_s.to_numpy()
chance = len(inside) * (np.abs(place_s.to_numpy()[:, None] - in_story) <= 0.5).sum(1).mean() / len(decoded.candidates)
found = f"{near.sum()} of {len(inside)} first choices are within 0.5 s of what was heard (chance: {chance:.1f})"

fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
time_s = np.array([story.onset, story.onset + story.duration])
ax.plot(time_s, time_s - story.onset, color="0.6", lw=1, label="what was heard")
for name, rows in first.groupby("sound"):
    ax.plot(rows.time_s, rows.sound_s, "o", ms=5, label=f"first choice: {name}")
ax.set(xlabel="window begins (s of the recording)", ylabel="place in the sound (s)", title=found)
ax.legend()

# %%
# ``decoded.save("a_folder")`` writes the tables and a page; ``n2s decode RUN --recording x.fif --audio a.wav b.wav`` does it all at once.

folder.cleanup()
