"""``n2s evaluate``: how good generated sounds are, and how sure that is."""

from pathlib import Path
from typing import TYPE_CHECKING

from n2s.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table


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
    score --clap; each also adds its identification, but for FAD. Nothing is downloaded but a CLAP named by an id.

    Parameters
    ----------
    reference
        Folder of the true sounds.
    generated
        Folder of sounds of the same names; the suffix may differ.
    ceiling
        Folder of the best that the same last steps can do, of the same names: true features made sound.
    cnn14
        Cnn14_16k_mAP=0.438.pth, or its folder.
    vggish
        vggish-10086976.pth, or its folder.
    clap
        Hugging Face id or local folder.
    n_way
        Of how many clips the true one is told: 5, or [2,10]. By default 2, 5, 10 and 50, as far as there are clips.
    stimulus
        Which clips are of one stimulus, and so not independent: ``each`` (every clip is a stimulus of its own), a CSV file
        with the columns clip and stimulus, or a regular expression that finds the stimulus in a name. By default the
        manifest of `n2s predict` beside the reference says it; without one, it is the name up to its last number.
    out
        Where to write the numbers; by default metrics.json in the folder of the generated sounds.
    seed
        Of the exchanges.
    """
    from rich.console import Console

    from n2s.evaluation.folders import evaluate_sounds, write_metrics
    from n2s.evaluation.sound_claims import claims_text

    if reference is None or generated is None:
        raise UserError("name both folders: n2s evaluate --reference DIR --generated DIR.")
    out = generated / "metrics.json" if out is None else out
    if out.is_dir():
        raise UserError(f"--out {out} is a folder; expected the name of a file: {out / 'metrics.json'}.")
    console = Console()
    found = evaluate_sounds(
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
    console.print(table(found, narrow=console.width < 110))
    for sentence in claims_text(found["claims"]):
        console.print(sentence, highlight=False)
    for note in found["notes"]:
        console.print(f"Note: {note}", highlight=False)
    for reason in found["absent"].values():
        console.print(f"Absent: {reason}", highlight=False, soft_wrap=True)
    console.print(f"Numbers: {write_metrics(found, out)}", highlight=False, soft_wrap=True)


def table(found: dict, *, narrow: bool = False) -> "Table":
    """One line a score: the generated sounds, the ceiling where there is one, exchanged sounds, chance, and N."""
    from rich.table import Table

    rows = ["generated", *(["ceiling"] if found["ceiling"] else []), "shuffled", "chance"]
    shown = Table("", *rows, "N", caption="\n".join(found["intervals"]))
    shown.columns[0].no_wrap = True
    for name, score in found["scores"].items():
        cells = [_cell(score[row], name, "\n" if narrow else " ") for row in rows]
        shown.add_row(f"{score['label']} {'↑' if score['higher_is_better'] else '↓'}", *cells, str(score["n"]))
    return shown


def _cell(row: dict | float | None, name: str, between: str) -> str:
    if row is None:
        return "–"
    digits = 2 if name in ("mel_psnr", "fd", "fad") else 3
    if not isinstance(row, dict):
        return _number(row, digits)
    if row["mean"] is None:
        return "infinite"
    mean, low, high = (None if row[end] is None else _number(row[end], digits) for end in ("mean", "low", "high"))
    return mean if low is None else f"{mean}{between}[{low}, {high}]"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if value == 0 or abs(value) >= 10**-digits else f"{value:.1e}"
