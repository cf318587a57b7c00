"""``n2s evaluate``: how good generated sounds are, and how sure that is."""

from pathlib import Path

from n2s.errors import UserError


def evaluate(
    reference: Path | None = None,
    generated: Path | None = None,
    ceiling: Path | None = None,
    cnn14: Path | None = None,
    vggish: Path | None = None,
    clap: str | None = None,
    n_way: int | list[int] | None = None,
    stimulus: str | None = None,
    out: Path | None = None,
    seed: int = 0,
) -> None:
    """Compare two folders of sounds of the same names, clip by clip and as sets, beside their controls.

    Always: PCC and PSNR of mel spectrograms, and identification by them. FD and KL need --cnn14, FAD --vggish, the CLAP
    score --clap. CNN14 and CLAP also add an identification. Only a CLAP named by an id is downloaded.

    Parameters
    ----------
    reference
        Folder of the true sounds.
    generated
        Folder of sounds of the same names; the suffix may differ.
    ceiling
        Folder of the best sounds that the same last steps can make, from true features; same names.
    cnn14
        Cnn14_16k_mAP=0.438.pth, or its folder.
    vggish
        vggish-10086976.pth, or its folder.
    clap
        Hugging Face id or local folder.
    n_way
        Number of candidates for identification: 5, or [2,10]. By default 2, 5, 10 and 50, if there are enough clips.
    stimulus
        Which clips share a stimulus and are therefore not independent: ``each`` (every clip is a separate stimulus), a CSV
        file with the columns clip and stimulus, or a regular expression that finds the stimulus in a name. By default it
        is read from the manifest of `n2s predict` beside the reference, or else it is the name up to its last number.
    out
        Where to write the numbers; by default metrics.json in the folder of the generated sounds.
    seed
        Seed for the exchanges of sounds.
    """
    import json

    from rich.console import Console

    from n2s.evaluation.folders import evaluate_sounds
    from n2s.metrics.result import record
    from n2s.paths import written_whole
    from n2s.report.table import print_shown

    if reference is None or generated is None:
        raise UserError("name both folders: n2s evaluate --reference DIR --generated DIR.")
    out = generated / "metrics.json" if out is None else out
    if out.is_dir():
        raise UserError(f"--out {out} is a folder; expected the name of a file: {out / 'metrics.json'}.")
    console = Console()
    result = evaluate_sounds(
        reference,
        generated,
        ceiling=ceiling,
        cnn14=cnn14,
        vggish=vggish,
        clap=clap,
        n_ways=[n_way] if isinstance(n_way, int) else n_way,
        stimulus=stimulus,
        seed=seed,
        console=console,
    )
    shown = result.shown()
    for part in shown:
        print_shown(part, console)
    with written_whole(out) as path:
        path.write_text(json.dumps(record(result, shown), indent=1, ensure_ascii=False, allow_nan=False), "utf-8")
    console.print(f"Numbers: {out}", highlight=False, soft_wrap=True)
