"""Options of the sounds and scores of ``n2s predict`` for an audio run."""

from dataclasses import dataclass

from n2s.models.diffusion import Sampler
from n2s.options import check_options


@dataclass(frozen=True)
class SoundOptions:
    """Options of ``n2s predict``: they can be changed without training.

    Parameters
    ----------
    sampler
        From noise to latents; by default `n2s.models.diffusion.DPMSolver` with 25 steps.
    batch_size
        Clips sampled at once; it does not change the sounds.
    methods
        Only these; by default all.
    fine_only_run
        Folder of a run of `n2s.systems.Acoustic` without the semantic token, or of an experiment: an additional method.
    prompt
        Replaces the decoded meaning of the clips, in a separate method: a text, in which ``{label}`` is replaced by
        the clip's label; a sound file; or a table (``.csv`` with the columns clip, prompt) for single clips.
    study_prompts
        An additional method: the meaning comes from the clips that the study keeps as prompts. A clip gets the mean over
        those of its label, or of its stimulus if there are no labels.
    cnn14, vggish
        Files of weights or their folders, for FD and KL, and for FAD.
    clap
        Hugging Face id or local folder, for the CLAP score.
    page_clips
        Number of clips on the listening page, evenly taken from all.
    stitch
        Also join each story's clips, cross-faded: ``predictions/stitched``; see `n2s.systems.sound.stitching`.
    """

    sampler: Sampler | None = None
    batch_size: int = 8
    methods: list[str] | None = None
    fine_only_run: str | None = None
    prompt: str | None = None
    study_prompts: bool = False
    cnn14: str | None = None
    vggish: str | None = None
    clap: str | None = None
    page_clips: int = 20
    stitch: bool = False

    def __post_init__(self) -> None:
        check_options("model.sounds.", low=1, whole=True, batch_size=self.batch_size)
        check_options("model.sounds.", low=0, whole=True, page_clips=self.page_clips)
