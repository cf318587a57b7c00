"""Miniature corpora in their published layouts."""

import json
from pathlib import Path

import numpy as np
import soundfile


def sound(path: Path, seconds: float = 2.0, rate: int = 16000) -> Path:
    """A sound of noise; its format follows its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.1 * np.random.default_rng(len(path.name)).standard_normal(round(seconds * rate))
    soundfile.write(path, samples, rate)
    return path


def token(text: str, *spoken: tuple[str, int | None, int | None]) -> str:
    """A token of an aligned article: what is written, and the spoken words with their times in ms."""
    inner = "".join(
        f'<n pronunciation="{word}"'
        + ("" if start is None else f' start="{start}" end="{end}"')
        + '><ph type="x" start="1" end="2"/></n>'
        for word, start, end in spoken
    )
    return f"<t>{text}{inner}</t>"


def article(
    folder: Path, sentences: list[str], *, reader: str = "", files: int = 1, seconds: float = 5.0, offsets: bool = True
) -> Path:
    """An article of Spoken Wikipedia: sentences are joined tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ["audio.ogg"] if files == 1 else [f"audio{i + 1}.ogg" for i in range(files)]
    for name in names:
        sound(folder / name, seconds)
    about = [{"offset": i * seconds} if offsets else {} for i in range(files)]
    (folder / "info.json").write_text(json.dumps({"audio_files": about}))
    who = f'<prop key="reader.name" value="{reader}"/>' if reader else ""
    body = "".join(f"<s>{one}</s>" for one in sentences)
    (folder / "aligned.swc").write_text(
        f'<?xml version="1.0"?><article><meta>{who}</meta><d><section level="1"><sectiontitle>{token("Titel")}</sectiontitle>'
        f"<sectioncontent><p>{body}</p></sectioncontent></section></d></article>",
        "utf-8",
    )
    return folder


HOND = (
    token("De", ("de", 100, 200))
    + token("hond", ("hond", 200, 600))
    + token("blaft", ("blaft", 650, 1000))
    + token(".")
)
JAAR = (
    token("In", ("in", 1200, 1300))
    + token("12,5", ("twaalf", 1300, 1500), ("komma", None, None), ("vijf", 1550, 1700))
    + token("weken", ("weken", 1700, 2200))
)
HALF = (
    token("Een", ("een", 2500, 2700))
    + token("kat", ("kat", None, None))
    + token("zit", ("zit", 3000, 3200))
    + token("stil", ("stil", 3200, 3600))
)


def dutch_wikipedia(root: Path) -> Path:
    """Two readers, three articles, one with two files of sound."""
    article(root / "dutch" / "Hond", [HOND, JAAR, HALF], reader="Anna")
    over = token("Over", ("over", 4800, 4950)) + token("grens", ("grens", 4950, 5300))
    later = token("Zij", ("zij", 6000, 6300)) + token("leest", ("leest", 6300, 6900))
    article(root / "dutch" / "Kat%2c_de", [HOND, over, later], reader="Anna", files=2)
    back = token("Achter", ("achter", 900, 700)) + token("uit", ("uit", 700, 950))
    article(root / "dutch" / "Vis", [HOND, back])
    article(root / "english" / "Dog", [token("Dog", ("dog", 100, 400))], reader="Bob")
    return root


def bengali(root: Path) -> Path:
    """Four sentences, of which one has no sound and one digits."""
    rows = [
        ("000020a912", "16cfb", "আমার বোন মাছ কিনল"),
        ("00012b34aa", "16cfb", "রাখাল গান গাইল"),
        ("0001ff", "2", "১২ টা বাজে"),
        ("ffabc", "3", "চোর পালাল"),
    ]
    root.mkdir(parents=True, exist_ok=True)
    (root / "utt_spk_text.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")
    for name, _, _ in rows[:3]:
        sound(root / "data" / name[:2] / f"{name}.flac")
    return root


def scenes(root: Path, *, kaggle: bool = False) -> Path:
    """Sounds of three classes; one with two, one of the six that are wrong; two for testing."""
    table, folder = (
        ("train_curated.csv", "train_curated")
        if kaggle
        else ("FSDKaggle2019.meta/train_curated_post_competition.csv", "FSDKaggle2019.audio_train_curated")
    )
    extra = "" if kaggle else ",freesound_id,license"
    rows = [
        ("0006ae4e.wav", "Bark"),
        ("0019ef41.wav", '"Raindrop,Sigh"'),
        ("77b925c2.wav", "Stream"),
        ("00ad7068.wav", "Raindrop"),
        ("gone.wav", "Bark"),
    ]
    path = root / table
    path.parent.mkdir(parents=True, exist_ok=True)
    tail = "" if kaggle else ",1,CC0"
    path.write_text(f"fname,labels{extra}\n" + "".join(f"{name},{label}{tail}\n" for name, label in rows))
    for name, _ in rows[:4]:
        sound(root / folder / name, 0.5, 44100)
    if not kaggle:
        (root / "FSDKaggle2019.meta" / "test_post_competition.csv").write_text(
            'fname,labels,usage,freesound_id,license\n0a.wav,Bark,Public,1,CC0\n0b.wav,"Sigh,Bark",Private,2,CC0\n'
        )
        for name in ("0a.wav", "0b.wav"):
            sound(root / "FSDKaggle2019.audio_test" / name, 0.5, 44100)
    return root
