"""A fusion test with planted signals: each modality sees the true segment's vector in noise of its own."""

import numpy as np
import pandas as pd

from n2s.systems.fusion.result import FusionResult

DURATION_S = 10.0


def planted_pairs(
    *,
    n_subjects: int = 4,
    n_per_story: int = 24,
    stories: tuple[str, ...] = ("kites", "harbour"),
    meg: float | None = 1.6,
    fmri: float | None = 1.6,
    estimate: float = 0.0,
    with_ideal: bool = True,
    n_repeats: int = 1,
    method: str = "joint",
    seed: int = 0,
) -> FusionResult:
    """Segments are equally far from each other; the ideal observer's log-likelihood ratio is exact.

    ``meg`` and ``fmri`` are the distance of two segments over the deviation of the noise (0: the modality knows nothing; None: there is
    none). The score of a pair with a candidate is normal: ``d`` times a standard normal number, ``d ** 2`` higher at the true
    candidate. ``estimate`` adds noise that the ideal observer does not have, times ``d``.
    """
    rng = np.random.default_rng(seed)
    candidates = pd.DataFrame(
        [
            {"stimulus": f"{story}.wav", "start_s": DURATION_S * i, "duration_s": DURATION_S, "story": story}
            for story in stories
            for i in range(n_per_story)
        ]
    ).assign(text="words & <more>", audio="")
    k = len(candidates)
    target = np.tile(np.arange(k), n_subjects * n_repeats)
    subject = np.repeat([f"{i + 1:02d}" for i in range(n_subjects)], k * n_repeats)
    heard = candidates.iloc[target].reset_index(drop=True)
    parts: dict[str, np.ndarray | None] = {}
    for name, d in (("meg", meg), ("fmri", fmri)):
        if d is None:
            continue
        ideal = d * rng.standard_normal((len(target), k))
        ideal[np.arange(len(target)), target] += d**2
        parts[name] = ideal + estimate * max(d, 1.0) * rng.standard_normal(ideal.shape)
        parts[f"ideal_{name}"] = ideal if with_ideal else None
    if meg is None or fmri is None:
        across = None
    else:
        across = rng.standard_normal((len(target), k)) + 2.0 * (target[:, None] == np.arange(k))
    return FusionResult(
        method=method,
        target=target,
        subject=subject,
        windows=pd.DataFrame(
            {
                "recording": [f"meg-{s}" for s in subject] if meg is not None else "",
                "fmri_recording": [f"bold-{s}" for s in subject] if fmri is not None else "",
                "study": "planted",
                "start_s": heard.start_s + 5.0 if meg is not None else np.nan,
                "stimulus": heard.stimulus,
                "stimulus_start_s": heard.start_s,
                "story": heard.story,
                "condition": "",
                "sequence": -1,
            }
        ),
        candidates=candidates,
        no_brain=np.zeros((len(target), k)),
        meg_to_fmri=across,
        fmri_to_meg=across,
        seed=seed,
        weights={"meg": 1.0, "fmri": 1.0},
        said=["3 s were left out"],
        **parts,
    )
