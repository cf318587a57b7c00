"""`n2s evaluate` on small sounds: every number again by another way, controls, absent networks, and what is refused."""

import contextlib
import io
import json
import sys

import numpy as np
import pytest
import soundfile
import torch
from scipy import stats

from n2s import __main__ as command
from n2s.features import CLAP
from n2s.models.cnn14 import PUBLISHED, Cnn14
from n2s.models.vggish import VGGish
from n2s.studies.study import Stimulus

N, RATE, DURATION_S = 8, 16000, 2.0


def tone(i: int, *, noise: float, rate: int = RATE, seconds: float = DURATION_S) -> np.ndarray:
    """A tone of its own pitch and rhythm in noise."""
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.4 * np.sin(2 * np.pi * (150 + 90 * i) * time) * (0.6 + 0.4 * np.sin(2 * np.pi * (1 + i / 3) * time))
    return wave + noise * np.random.default_rng(i).normal(size=len(time))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Reference, generated (the reference in noise) and ceiling (in less noise)."""
    root = tmp_path_factory.mktemp("sounds")
    for name, noise in (("reference", 0.0), ("generated", 0.05), ("ceiling", 0.01)):
        (root / name).mkdir()
        for i in range(N):
            soundfile.write(root / name / f"clip_{i}.wav", tone(i, noise=noise) + 1e-3, RATE)
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Small networks with random weights, in files as the published ones are."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    root = tmp_path_factory.mktemp("weights")
    shared = {"projection_dim": 512, "initializer_factor": 5.0}
    text = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    audio = {"hidden_size": 32, "depths": [1, 1], "num_attention_heads": [2, 2], "patch_embeds_hidden_size": 16}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Cnn14(width=2)
        for name, values in network.named_parameters():
            if name.startswith("conv") and values.ndim == 4:
                torch.nn.init.kaiming_normal_(values)  # so that sounds differ beyond the first layers
        torch.nn.init.normal_(network.fc_audioset.weight)
        torch.save({"model": network.state_dict()}, root / PUBLISHED)
        torch.save(VGGish(width=2, hidden=16).state_dict(), root / "vggish.pth")
        ClapModel(ClapConfig(text_config=shared | text, audio_config=shared | audio)).save_pretrained(root / "clap")
    ClapFeatureExtractor(frequency_min=50).save_pretrained(root / "clap")
    return root


def n2s(*words) -> tuple[int, str, str]:
    """Status, and what was said."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["n2s", "evaluate", *map(str, words)])
        patch.setenv("COLUMNS", "140")
        try:
            command.main()
        except SystemExit as stopped:
            status = stopped.code
    return status, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def evaluated(folders, weights, tmp_path_factory):
    """All there is."""
    out = tmp_path_factory.mktemp("out") / "metrics.json"
    status, said, err = n2s(
        *("--reference", folders / "reference", "--generated", folders / "generated", "--ceiling", folders / "ceiling"),
        *("--cnn14", weights, "--vggish", weights / "vggish.pth", "--clap", weights / "clap"),
        *("--n_way", "[2,8]", "--out", out, "--stimulus", "each"),
    )
    assert status == 0, err
    return json.loads(out.read_text()), said


def read(folder) -> list[np.ndarray]:
    return [soundfile.read(path)[0] for path in sorted(folder.glob("*.wav"))]


def mel(audio: np.ndarray) -> np.ndarray:
    """(t, 64) of audioldm_eval, by numpy and the bands of librosa's formula."""
    import torchaudio

    bands = torchaudio.functional.melscale_fbanks(257, 50, 8000, 64, RATE, norm="slaney", mel_scale="slaney").numpy()
    padded = np.pad(audio - audio.mean(), 256, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    magnitude = np.abs(np.fft.rfft([padded[i : i + 512] * window for i in range(0, len(padded) - 511, 160)]))
    return np.clip((20 * np.log10(np.maximum(magnitude @ bands, 1e-5)) - 20 + 100) / 100, 0, 1)


@pytest.mark.slow
def test_mel_scores_again_by_numpy(evaluated, folders):
    scores = evaluated[0]["scores"]
    true, decoded = ([mel(clip).ravel() for clip in read(folders / name)] for name in ("reference", "generated"))
    pcc = [stats.pearsonr(a, b).statistic for a, b in zip(true, decoded, strict=True)]
    psnr = [10 * np.log10(1 / np.mean((a - b) ** 2)) for a, b in zip(true, decoded, strict=True)]
    assert scores["mel_pcc"]["generated"]["mean"] == pytest.approx(np.mean(pcc), abs=1e-5)
    assert scores["mel_psnr"]["generated"]["mean"] == pytest.approx(np.mean(psnr), abs=1e-3)
    assert scores["mel_pcc"]["generated"]["low"] < np.mean(pcc) < scores["mel_pcc"]["generated"]["high"]
    r = np.corrcoef(decoded - np.mean(decoded, 0), true - np.mean(true, 0))[:N, N:]
    pairs = (r < np.diag(r)[:, None]).sum(1) / (N - 1)
    assert scores["identification_mel@2"]["generated"]["mean"] == pytest.approx(pairs.mean())


@pytest.mark.slow
@torch.no_grad()
def test_scores_of_networks_again(evaluated, folders, weights):
    scores = evaluated[0]["scores"]
    network, heard = Cnn14.load(weights), {}
    for name in ("reference", "generated"):
        clips = torch.from_numpy(np.stack([clip - clip.mean() for clip in read(folders / name)])).float()
        heard[name] = [part.double() for part in network(clips)]
    (a, p), (b, q) = heard["reference"], heard["generated"]
    kl = torch.nn.functional.kl_div((q.softmax(1) + 1e-6).log(), p.softmax(1), reduction="sum") / N
    assert scores["kl"]["generated"]["mean"] == pytest.approx(kl.item(), rel=1e-4)
    a, b = a.numpy(), b.numpy()
    covariances = [np.cov(values, rowvar=False) for values in (a, b)]
    root = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).real.clip(0)).sum()  # its trace
    fd = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(covariances[0] + covariances[1]) - 2 * root
    assert scores["fd"]["generated"]["mean"] == pytest.approx(fd, rel=1e-3) and scores["fd"]["n"] == N
    clap = CLAP(str(weights / "clap"), device="cpu")
    true, decoded = (
        [
            clap.extract(Stimulus(path.stem, path), np.zeros(1), 2.0)[0]
            for path in sorted((folders / name).glob("*.wav"))
        ]
        for name in ("reference", "generated")
    )
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(true, decoded, strict=True)]
    assert scores["clap"]["generated"]["mean"] == pytest.approx(np.mean(cosines), abs=1e-5)
    assert scores["fad"]["n"] == 2 * N  # two examples of 0.96 s in 2 s


def test_controls_and_ceiling_are_in_order(evaluated):
    found, said = evaluated
    scores = found["scores"]
    for name in ("mel_pcc", "mel_psnr", "clap", "identification_mel@2", "identification_clap@2"):
        row = scores[name]
        assert row["ceiling"]["mean"] >= row["generated"]["mean"] > row["shuffled"]["high"], name
    assert scores["kl"]["generated"]["mean"] < scores["kl"]["shuffled"]["low"]
    assert scores["fd"]["ceiling"]["mean"] < scores["fd"]["generated"]["mean"]
    assert scores["fad"]["ceiling"]["mean"] < scores["fad"]["generated"]["mean"]
    assert scores["fd"]["shuffled"] is None and scores["fad"]["shuffled"] is None
    assert scores["identification_mel@2"]["chance"] == 0.5 and scores["identification_mel@8"]["chance"] == 1 / 8
    assert abs(scores["identification_mel@2"]["shuffled"]["mean"] - 0.5) < 0.15
    sure = scores["identification_mel@8"]["ceiling"]
    quantile = stats.t.ppf(0.975, N - 1) ** 2  # Wilson's interval of N hits, with the quantile of Student's t
    assert sure["mean"] == sure["high"] == 1 and sure["low"] == pytest.approx(N / (N + quantile))
    for row in scores.values():
        assert row["generated"]["low"] <= row["generated"]["mean"] <= row["generated"]["high"]
    assert found["absent"] == {} and found["n_clips"] == N and found["networks"]["cnn14"].startswith("sha256:")
    assert "FD (CNN14), lower is better" in said and "8-way by CLAP " in said and "Absent" not in said
    assert any("is of 8 clips, fewer than its 2048 dimensions" in note for note in found["notes"])
    assert any("FAD (VGGish) is of 16 examples" in note for note in found["notes"])


def test_what_may_be_said_is_corrected_for_the_number_of_tests(evaluated):
    found, said = evaluated
    claims = found["claims"]
    tested = ["mel_pcc", "kl", "clap", *(f"identification_{kind}@2" for kind in ("mel", "cnn14", "clap"))]
    assert sorted(claims) == sorted(tested)  # one test a kind: not PSNR beside PCC, not 8-way beside 2-way
    p = np.array(sorted(one["p"] for one in claims.values()))
    by_hand = np.minimum(1, np.maximum.accumulate(p * np.arange(6, 0, -1)))
    assert sorted(one["p_holm"] for one in claims.values()) == pytest.approx(by_hand.tolist())
    assert claims["identification_mel@2"]["ahead"] and claims["identification_mel@2"]["of"] == "chance"
    words = " ".join(said.split())
    two_way = found["scores"]["identification_mel@2"]["generated"]["mean"]
    assert f"ahead of chance in 2-way by mel by {100 * (two_way - 0.5):.1f} points" in words
    assert "After Holm's correction for 6 tests" in words and "8 clips" in words


def test_without_networks_their_scores_are_absent(folders):
    status, said, _ = n2s("--reference", folders / "reference", "--generated", folders / "generated")
    found = json.loads((folders / "generated" / "metrics.json").read_text())
    assert status == 0 and set(found["absent"]) == {"cnn14", "vggish", "clap"}
    ways = {f"identification_mel@{k}" for k in (2, 5)}  # 10 and 50 are more than there are
    assert set(found["scores"]) == {"mel_pcc", "mel_psnr"} | ways
    assert (
        said.count("Absent: ") == 3
        and "https://zenodo.org/records/3987831" in said
        and "ceiling" not in said.split("│")[0]
    )
    again = n2s("--reference", folders / "reference", "--generated", folders / "generated")
    assert again[1] == said  # the same numbers; metrics.json is no sound


def test_the_same_folder_twice(folders, weights, tmp_path):
    same = folders / "reference"
    status, said, _ = n2s("--reference", same, "--generated", same, "--cnn14", weights, "--out", tmp_path / "m.json")
    scores = json.loads((tmp_path / "m.json").read_text())["scores"]
    assert status == 0 and scores["mel_pcc"]["generated"]["mean"] == pytest.approx(1)
    none = {"interval": "", "mean": None, "low": None, "high": None, "n_left_out": N}
    assert scores["mel_psnr"]["generated"] == none
    assert scores["fd"]["generated"]["mean"] == pytest.approx(0, abs=1e-9) and scores["kl"]["generated"]["mean"] < 1e-3
    assert "infinite" in said and "8 generated clips equal their reference" in said


def copied(folders, tmp_path, **changes):
    """The generated folder with some files changed: name -> (samples, rate), or None to leave it out."""
    folder = tmp_path / "changed"
    folder.mkdir()
    for path in sorted((folders / "generated").glob("*.wav")):
        if path.stem not in changes:
            (folder / path.name).write_bytes(path.read_bytes())
    for name, change in changes.items():
        if change is not None:
            soundfile.write(folder / f"{name}.wav", *change)
    return folder


def test_names_without_partner(folders, tmp_path):
    folder = copied(folders, tmp_path, clip_3=None, clip_33=(tone(3, noise=0), RATE))
    status, _, err = n2s("--reference", folders / "reference", "--generated", folder)
    assert status == 2 and "changed lacks 1 of 8: clip_3. Nearest: clip_33." in err
    assert "reference lacks 1 of 8: clip_33. Nearest: clip_3." in err and not (folder / "metrics.json").exists()


def test_pairs_do_not_depend_on_the_suffix(tmp_path):
    for folder, suffix in (("one", "wav"), ("two", "flac")):
        (tmp_path / folder).mkdir()
        for i, name in enumerate(("x", "x.g", "a", "b-2")):  # as files, x.wav is after x.g.wav, x.flac before x.g.flac
            soundfile.write(tmp_path / folder / f"{name}.{suffix}", tone(i, noise=0.0), RATE, subtype="PCM_16")
    status, _, _ = n2s("--reference", tmp_path / "one", "--generated", tmp_path / "two")
    scores = json.loads((tmp_path / "two" / "metrics.json").read_text())["scores"]
    assert status == 0 and scores["mel_pcc"]["generated"]["mean"] == pytest.approx(1, abs=1e-4)


def test_other_rates_lengths_and_silence_are_told(folders, tmp_path):
    changes = {
        "clip_0": (tone(0, noise=0.05, rate=22050), 22050),
        "clip_1": (tone(1, noise=0.05, seconds=1.5), RATE),
        "clip_2": (np.full(2 * RATE, 0.2), RATE),
    }
    folder = copied(folders, tmp_path, **changes)
    status, said, _ = n2s("--reference", folders / "reference", "--generated", folder)
    said = " ".join(said.split())
    assert status == 0 and "1 of 8 clips are of 22050 Hz and were resampled to 16000 Hz" in said
    assert "1 of 8 clips differ in length from their reference ('clip_1' by 0.500 s)" in said
    assert "1 of 8 clips are silent (clip_2); they count as they are" in said
    scores = json.loads((folder / "metrics.json").read_text())["scores"]
    assert 0.5 < scores["mel_pcc"]["generated"]["mean"] < 1 and scores["mel_pcc"]["n"] == N


def test_what_it_refuses(folders, weights, tmp_path):
    reference = folders / "reference"
    short = copied(folders, tmp_path, clip_5=(tone(5, noise=0, seconds=0.9), RATE))

    def refused(*words):
        status, _, err = n2s("--reference", reference, "--generated", *words)
        assert status == 2 and err.count("\n") == 1, err
        return err

    assert "1 of 8 clips are shorter than the 0.975 s that VGGish needs (clip_5)" in refused(
        short, "--vggish", weights / "vggish.pth"
    )
    (tmp_path / "empty").mkdir()
    assert "cannot be loaded as AutoConfig" in refused(folders / "generated", "--clap", tmp_path / "empty")
    assert "no weights at" in refused(folders / "generated", "--cnn14", tmp_path / "nowhere.pth")
    assert "--n_way 9: there are 8 clips; expected 2 to 8" in refused(folders / "generated", "--n_way", 9)
    assert "no folder at" in refused(tmp_path / "nowhere")
    assert "no sound (.wav, .flac, .ogg, .mp3) directly in this folder" in refused(weights)
    assert "--out" in refused(folders / "generated", "--out", tmp_path)
    soundfile.write(short / "clip_5.wav", np.zeros(800), RATE)
    assert "0.050 s of sound; every score needs at least 0.1 s" in refused(short)
    for path in short.glob("*.wav"):
        soundfile.write(path, np.zeros(2 * RATE), RATE)
    assert "all 8 clips are silent" in refused(short)
    (short / "clip_5.flac").write_bytes(b"")
    assert "clip_5.flac and clip_5.wav have the same name" in refused(short)
    status, _, err = n2s("--generated", short)
    assert status == 2 and "name both folders" in err
