"""Fusion by sources: places, likelihoods by other means, no leak, chance on noise, and the command as a user gives it."""

from pathlib import Path

import mne
import numpy as np
import pytest
import torch
import yaml
from tiny_sources import PLACES_MM, SHARED, source_pairs

from n2s.errors import UserError
from n2s.systems.fusion.result import FusionResult
from n2s.systems.fusion.source_fit import APART, BOTH, Person, Recipe, bold_scores, fit_person, meg_scores
from n2s.systems.fusion.source_places import Field, check_near, cortex, read_forward, seen_by_voxels, silent_places
from n2s.systems.fusion.source_rows import BoldRows, Filter, Sounds, expected

pytestmark = pytest.mark.slow

RECIPE = Recipe(None, 12.0, 4, 0.15)
FIRST = Person("01", "meg/01", "fmri/01")


def set_up(root, **options):
    data = source_pairs(root, **options)
    data.prepare_data()
    data.setup("fit")
    return data, Sounds(data, 4)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    data, sounds = set_up(tmp_path_factory.mktemp("sources"))
    return data, sounds, fit_person(data, sounds, FIRST, RECIPE)


def scored(data, sounds, fit, kind=BOTH):
    """Parts of the first person's rows, and which candidate each heard."""
    table = data.pair_table("test")
    mine = table[table.person == "01"]
    place = np.full(len(data.windows["test"]), -1)
    place[data.meg_windows["test"].rows] = np.arange(len(data.meg_windows["test"]))
    meg = meg_scores(data, sounds, fit["meg"], kind, place[mine.meg.to_numpy()])
    bold = bold_scores(
        data, BoldRows(data, sounds, "fmri/01", fit["fmri"]["voxels"].numpy()), fit["fmri"], kind, mine.fmri.to_numpy()
    )
    return meg, bold, mine.segment.to_numpy()


def top1(scores, target):
    return float((scores.argmax(1) == target).mean())


def test_both_find_what_was_heard(fitted):
    data, sounds, fit = fitted
    meg, bold, target = scored(data, sounds, fit)
    chance = 1 / meg.shape[1]
    assert top1(meg, target) > 3 * chance and top1(bold, target) > 3 * chance
    assert top1(meg + bold, target) >= max(top1(meg, target), top1(bold, target))
    assert min(fit["explained"][kind][name] for kind in (BOTH, APART) for name in ("meg", "fmri")) > 20
    assert fit["n_sources"] == 4  # no voxel is far from a source


def test_scores_of_volumes_are_log_densities(fitted):
    """Differences between candidates by the Gaussian over all volumes and voxels of a window at once."""
    data, sounds, fit = fitted
    _, found, _ = scored(data, sounds, fit)
    table, rows = data.pair_table("test"), BoldRows(data, sounds, "fmri/01", fit["fmri"]["voxels"].numpy())
    row = table[table.person == "01"].iloc[1]
    volumes = np.arange(np.ceil(row.fmri_start_s + 2.0 - 0.011), np.ceil(row.fmri_start_s + 13.0 - 0.011)).astype(
        int
    )  # TR 1 s
    noise = torch.from_numpy(
        np.kron(Filter(fit["fmri"]["taps"].numpy()).covariance(len(volumes)), fit["fmri"]["noise"].double().numpy())
    )
    law = torch.distributions.MultivariateNormal(torch.zeros(len(noise), dtype=torch.float64), noise)
    expected = []
    for candidate in data.windows["test"].segments.itertuples():
        would = rows.placed(row.fmri_recording, candidate.stimulus, row.fmri_start_s - candidate.start_s)[volumes]
        away = rows.courses[row.fmri_recording][volumes] - would @ fit["fmri"][BOTH].double().numpy()
        expected.append(float(law.log_prob(torch.from_numpy(away.ravel()))))
    np.testing.assert_allclose(found[1] - found[1].mean(), np.array(expected) - np.mean(expected), rtol=1e-4, atol=1e-3)


def test_the_filter_whitens_what_it_was_made_from():
    draw, noise = np.random.default_rng(0), np.zeros(20_000)
    for at in range(2, len(noise)):
        noise[at] = 0.6 * noise[at - 1] - 0.2 * noise[at - 2] + draw.standard_normal()
    power = [float((noise[lag:] * noise[: len(noise) - lag]).mean()) for lag in range(3)]
    found = Filter.of(np.array(power))
    np.testing.assert_allclose(found.taps, [1, -0.6, 0.2], atol=0.03)
    np.testing.assert_allclose(found.covariance(3)[0], power, rtol=0.05)
    left = found(torch.from_numpy(noise)[:, None])[:, 0].numpy()
    assert abs((left[1:] * left[:-1]).mean()) < 0.03


def test_what_is_expected_of_weights(fitted):
    """Smooth over lags of 40 ms, smaller at late ones, alike for all features and independent between them."""
    root = expected(fitted[0], 4, 0.15)
    found = (root @ root.T).view(-1, 4, len(root) // 4, 4)
    lag_s = 0.02 + 0.04 * np.arange(found.shape[0])  # the first sample at 50 Hz, paired 100 ms later, is at 0
    lag_s = lag_s - lag_s[0]
    strength = np.exp(-np.maximum(lag_s - 0.1, 0) / 0.15)
    law = np.exp(-0.5 * np.subtract.outer(lag_s, lag_s) ** 2 / 0.04**2) * np.outer(strength, strength)
    np.testing.assert_allclose(found[:, 2, :, 2], law, atol=1e-5)
    assert found[:, 1, :, 2].abs().max() == 0


@pytest.mark.slow
def test_held_out_recordings_change_no_fit(fitted, tmp_path):
    data, sounds = set_up(tmp_path, helmet={"spoil": "story5"}, scanner={"spoil": "story5"})
    fit = fit_person(data, sounds, FIRST, RECIPE)
    for modality in ("meg", "fmri"):
        for name in (BOTH, APART, "noise", "taps"):
            assert torch.equal(fit[modality][name], fitted[2][modality][name]), (modality, name)
    meg, bold, _ = scored(data, sounds, fit)
    before = scored(*fitted)
    assert not np.allclose(meg, before[0]) and not np.allclose(bold, before[1])


@pytest.mark.slow
def test_noise_finds_nothing(tmp_path):
    data, sounds = set_up(tmp_path, helmet={"gain": 0.0}, scanner={"bold_gain": 0.0})
    fit = fit_person(data, sounds, FIRST, RECIPE)
    meg, bold, target = scored(data, sounds, fit)
    assert max(abs(fit["explained"][BOTH][name]) for name in ("meg", "fmri")) < 5
    assert max(top1(meg, target), top1(bold, target)) <= 3 / 8  # 8 candidates


def test_somebody_in_one_scanner_alone_is_fitted(fitted):
    data, sounds, _ = fitted
    fit = fit_person(data, sounds, Person("01", "meg/01", ""), RECIPE)
    assert set(fit) == {"meg", "explained", "n_sources"} and torch.equal(fit["meg"][BOTH], fit["meg"][APART])
    fit = fit_person(data, sounds, Person("01", "", "fmri/01"), RECIPE)
    assert "meg" not in fit and fit["n_sources"] >= 4 and fit["explained"][BOTH]["fmri"] > 20


def test_training_volumes_are_cleaned_by_themselves(fitted):
    data, sounds, _ = fitted
    rows = BoldRows(data, sounds, "fmri/01")
    key = next(key for key in rows.runs if (rows.training[key] >= 0).any())
    seen, values = rows.training[key] >= 0, np.random.default_rng(0).standard_normal((len(rows.training[key]), 3))
    other = np.where(seen[:, None], values, 7.0)
    assert 0 < seen.sum() < len(seen)
    np.testing.assert_array_equal(rows.trained(key, values), rows.trained(key, other))
    assert np.abs(rows.trained(key, values)[seen].mean(0)).max() < 1e-9 and not rows.trained(key, values)[~seen].any()


# -- places ------------------------------------------------------------------------------------------------------------


def test_voxels_see_near_sources():
    voxels = np.array([[0.0, 0, 0], [8, 0, 0], [30, 0, 0], [36, 0, 0], [50, 0, 0]])
    seen = seen_by_voxels(voxels, np.array([[0.0, 0, 0]]), 12.0)
    np.testing.assert_allclose(seen[:, 0], [1, np.exp(-0.5), 0, 0, 0])
    np.testing.assert_array_equal(silent_places(voxels, np.array([[0.0, 0, 0]]), 12.0), voxels[[2, 4]])
    with pytest.raises(UserError, match=r"within 12 mm of any of 1 voxels; the nearest are 18 mm"):
        check_near(voxels[2:3], np.array([[12.0, 0, 0]]), "fmri/01")


def test_a_field_is_of_the_sensors():
    field = Field(PLACES_MM, np.arange(12.0).reshape(3, 4), ["MEG 0111", "MEG 0112", "MEG 0113"])
    np.testing.assert_array_equal(field.of(["MEG0113", "MEG0111"], "meg/01"), field.patterns[[2, 0]])
    with pytest.raises(UserError, match="1 of 2 sensors are not in the forward solution: MEG 0999"):
        field.of(["MEG 0111", "MEG 0999"], "meg/01")
    with pytest.raises(UserError, match="has 2 sensors, and its lead field is of 3"):
        Field(PLACES_MM, field.patterns).of(["a", "b"], "meg/01")


def forward_file(path, subject="fsaverage"):
    """Write a forward solution of a few vertices of fsaverage5, in a sphere."""
    parts = []
    for hemisphere, mesh in enumerate(cortex()):
        used = np.zeros(len(mesh), int)
        used[500::2000] = 1
        outward = (mesh - mesh.mean(0)) / np.linalg.norm(mesh - mesh.mean(0), axis=1, keepdims=True)
        parts.append(
            {
                "type": "surf", "id": 101 + hemisphere, "np": len(mesh), "ntri": 0, "coord_frame": 5, "rr": mesh / 1000, "nn": outward,
                "tris": np.zeros((0, 3), int), "inuse": used, "nuse": int(used.sum()), "vertno": np.flatnonzero(used), "nuse_tri": 0,
                "use_tris": np.zeros((0, 3), int), "nearest": None, "nearest_dist": None, "pinfo": None, "patch_inds": None, "dist": None,
                "dist_limit": None, "subject_his_id": subject,
            }
        )  # fmt: skip
    montage = mne.channels.make_standard_montage("biosemi16")
    info = mne.create_info(montage.ch_names, 100.0, "eeg").set_montage(montage)
    sphere = mne.make_sphere_model((0, -0.01, 0.03), 0.12, info, verbose="error")
    moved = mne.transforms.Transform("head", "mri", np.eye(4))
    found = mne.make_forward_solution(
        info, moved, mne.SourceSpaces(parts), sphere, meg=False, mindist=0, verbose="error"
    )
    mne.write_forward_solution(path, found, overwrite=True, verbose="error")
    return found


def test_a_forward_solution_is_read(tmp_path):
    found = forward_file(tmp_path / "sub-01-fwd.fif")
    field = read_forward(str(tmp_path / "sub-{subject}-fwd.fif"), "01")
    vertices = [part["vertno"] for part in found["src"]]
    assert field.patterns.shape == (16, sum(map(len, vertices))) and field.names[0] == "Fp1"
    np.testing.assert_allclose(
        field.places_mm, np.concatenate([mesh[own] for mesh, own in zip(cortex(), vertices, strict=True)])
    )
    outward = np.concatenate([part["nn"][part["vertno"]] for part in found["src"]])
    by_hand = np.einsum("cjd,jd->cj", found["sol"]["data"].reshape(16, -1, 3), outward)
    np.testing.assert_allclose(field.patterns, by_hand, rtol=1e-4, atol=1e-6 * np.abs(by_hand).max())


def test_a_forward_solution_that_does_not_fit_is_refused(tmp_path):
    pattern = str(tmp_path / "sub-{subject}-fwd.fif")
    with pytest.raises(UserError, match="sub-02-fwd.fif is missing: the forward solution of 02"):
        read_forward(pattern, "02")
    with pytest.raises(UserError, match=r"a path with \{subject\}"):
        read_forward("one-fwd.fif", "02")
    forward_file(tmp_path / "sub-02-fwd.fif", subject="sub-02")
    with pytest.raises(UserError, match=r"sources are of sub-02 .* expected the cortex of fsaverage"):
        read_forward(pattern, "02")


# -- the command -------------------------------------------------------------------------------------------------------


def recipe_of(root, *, model=None, scanner=None, helmet=None):
    def study(name, more):
        return {"class_path": f"tiny_sources.{name}", "init_args": {"root": str(root)} | SHARED | (more or {})}

    options = {
        "studies": {"meg": study("SourceHelmet", helmet), "fmri": study("SourceScanner", scanner)},
        "target": {"class_path": "n2s.features.Ready", "init_args": {"n_features": 4}},
        "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "highpass_hz": 0.1, "picks": ["eeg"]}},
        "split": {"class_path": "n2s.data.SplitByStory", "init_args": {"val": ["story4"], "test": ["story5"]}},
        "segment_s": 5.0, "offset_s": 0.1, "lags_s": [2.0, 8.0], "bin_s": 1.0, "response_s": 10.0, "n_components": 8, "n_jobs": 1,
    }  # fmt: skip
    trainer = {
        "accelerator": "cpu",
        "max_epochs": 1,
        "limit_train_batches": 1,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    recipe = {
        "seed_everything": 0,
        "data": {"class_path": "n2s.data.PairedDataModule", "init_args": options},
        "model": {"class_path": "n2s.systems.SourceFusion", "init_args": {"n_features": 4} | (model or {})},
        "trainer": trainer,
    }
    Path("sources.yaml").write_text(yaml.safe_dump(recipe))
    return "sources.yaml"


@pytest.fixture
def commanded(run_n2s, tmp_path, monkeypatch):
    """Run a verb in a folder of the test's own; it has to succeed, or to fail with a message."""
    monkeypatch.chdir(tmp_path)

    def command(verb, recipe, refused=None):
        status, out, err = run_n2s(verb, "--config", recipe)
        assert (status == 0) == (refused is None), err + out[-2000:]
        if refused is not None:
            assert refused in " ".join(err.split()) and "Traceback" not in err, err
        return out + err

    return command


@pytest.mark.slow
def test_people_are_fitted_and_tested(commanded, tmp_path, caplog):
    root = tmp_path / "study"
    recipe = recipe_of(root, scanner={"lacks": [["02", f"story{number}"] for number in range(6)]})
    commanded("fit", recipe)
    assert "validation segments: penalties and gains are chosen in training stories" in caplog.text
    out = " ".join(commanded("test", recipe).split())
    assert "(method: sources)" in out and "In training stories that were left out" in out
    (run,) = Path("checkpoints", "sources").iterdir()
    found = {path.name: FusionResult.load(path) for path in (run / "test").iterdir()}
    assert {one.method for one in found.values()} == {"sources", "sources, apart"}
    both = next(one for one in found.values() if one.method == "sources" and one.fmri is not None)
    assert len(both.target) == 8 and top1(both.score, both.target) > 0.5
    alone = next(one for one in found.values() if one.fmri is None)
    assert set(alone.subject) == {"meg/02"} and top1(alone.meg, alone.target) > 0.3
    commanded(
        "test", recipe_of(root, model={"reach_mm": 20.0}), refused="reach_mm is 20.0, but the run was fitted with 12.0"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"helmet": {"known": False}}, "sources of 01 are not known: SourceHelmet has no lead field"),
        pytest.param(
            {"model": {"forward": "nowhere/sub-{subject}-fwd.fif"}},
            "nowhere/sub-01-fwd.fif is missing",
            marks=pytest.mark.nightly,
        ),
        pytest.param({"scanner": {"placed": False}}, "nobody knows where its voxels are", marks=pytest.mark.nightly),
        pytest.param(
            {"scanner": {"away_mm": 60.0}}, "no source is within 12 mm of any of 20 voxels", marks=pytest.mark.nightly
        ),
    ],
)
def test_what_cannot_be_fitted_is_said(commanded, tmp_path, options, says):
    commanded("fit", recipe_of(tmp_path / "study", **options), refused=says)
