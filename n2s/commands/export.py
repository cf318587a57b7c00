"""``n2s export``: a trained run as a folder that others load."""

from pathlib import Path


def export(
    run: str, out: Path | None = None, license: str | None = None, push: str | None = None, public: bool = False
) -> None:
    """Write the weights of a run as safetensors, with its config, scores and a model card; ``n2s.load`` and ``n2s decode`` read the folder.

    Parameters
    ----------
    run
        A run's folder, or an experiment (its newest run with weights).
    out
        The folder to write; by default export in the run's folder.
    license
        Of the weights, for the card.
    push
        Upload it to the Hugging Face Hub under this id (lab/name); needs HF_TOKEN.
    public
        Whether a new repository there is public.
    """
    from n2s.api.load import load

    found = load(run)
    folder = found.export(out, licence=license)
    size = sum(one.stat().st_size for one in folder.iterdir()) / 1e6
    print(f"exported: {folder} ({size:.1f} MB: weights, config, scores, README.md)")
    if license is None:
        print("its README.md says no licence: --license names one")
    print(f'next: n2s decode {folder} --recording ..., or in Python n2s.load("{folder}")')
    if push:
        print(f"on the Hub: {found.push_to_hub(push, private=not public, licence=license)}")
