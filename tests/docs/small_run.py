"""What makes the built-in study and the network of meg_contrastive so small that a page's Python takes seconds."""

import n2s

SMALL = {
    "data.studies": {
        "simulated": {
            "class_path": "n2s.studies.SimulatedMEG",
            "init_args": {"n_subjects": 2, "max_story_s": 40.0, "stories": ["lighthouse.en", "orchestra", "train"]},
        }
    },
    "data.batch_size": 16,
    "data.n_jobs": 1,
    "model.encoder": {
        "class_path": "n2s.models.BrainEncoder",
        "init_args": {"n_virtual": 8, "n_fourier": 32, "hidden": 8, "depth": 2},
    },
    "trainer.max_epochs": 1,
    "trainer.enable_progress_bar": False,
}


def small_run() -> None:
    """A tested run of meg_contrastive in this folder, as the commands of README leave one."""
    n2s.test(n2s.fit("meg_contrastive", SMALL))
