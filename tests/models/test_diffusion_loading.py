"""AudioLDM 2 from folders: parts, head counts, widths, round trips, and what is said where something is missing."""

import json
import re

import pytest
import torch
from diffusers import DDIMScheduler
from diffusion_parts import PUBLISHED, small_unet, small_vae, small_vocoder

from n2s.errors import UserError
from n2s.models.diffusion import (
    GriffinLim,
    LatentDiffusion,
    add_lora,
    denoising_loss,
    load_audioldm2,
    random_audioldm2,
    sample,
    save_audioldm2,
    small_audioldm2,
)
from n2s.models.diffusion.sampling import DPMSolver

CHANNELS, HEADS = (32, 64, 96, 160), (1, 2, 3, 5)  # one head for 32 channels, as published


@pytest.fixture(scope="module")
def native():
    unet = small_unet(channels=CHANNELS, heads=HEADS, contexts=(None, 768, 1024))
    return LatentDiffusion(unet, small_vae(), small_vocoder(), DDIMScheduler(**PUBLISHED)).eval()


def written(model, folder, **changed_config):
    """A folder as the hub has it, by diffusers and transformers; keys of the UNet's config are overwritten."""
    for name in ("unet", "vae", "vocoder", "scheduler"):
        getattr(model, name).save_pretrained(folder / name)
    path = folder / "unet" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed_config}))
    return folder


@torch.no_grad()
def noise_of(model):
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 8, 40, 16, generator=generator)
    conditions = torch.randn(2, 80, model.condition_dim, generator=generator)
    return model.predict(latents, torch.tensor(300), conditions)


class TestHeads:
    @pytest.mark.slow
    def test_the_ports_eight_heads_are_corrected_and_kept_in_what_is_saved(self, native, tmp_path):
        folder = written(native, tmp_path / "hub", attention_head_dim=8)
        loaded = load_audioldm2(folder)
        assert tuple(loaded.unet.config.attention_head_dim) == HEADS
        assert torch.allclose(noise_of(loaded), noise_of(native), atol=1e-6)
        as_the_port_says = load_audioldm2(folder, keep_heads=True)
        assert as_the_port_says.unet.config.attention_head_dim == 8
        assert (noise_of(as_the_port_says) - noise_of(native)).abs().max() > 1e-3
        again = load_audioldm2(save_audioldm2(loaded, tmp_path / "saved"))
        assert json.loads((tmp_path / "saved" / "unet" / "config.json").read_text())["attention_head_dim"] == list(
            HEADS
        )
        assert torch.equal(noise_of(again), noise_of(loaded))
        kept = load_audioldm2(save_audioldm2(as_the_port_says, tmp_path / "kept"), keep_heads=True)
        assert torch.equal(noise_of(kept), noise_of(as_the_port_says))

    @pytest.mark.parametrize(("variant", "millions"), [("full", 346.94), ("speech", 261.93)])
    def test_published_sizes(self, variant, millions):
        """Of the reference implementation; heads of 32 channels."""
        with torch.device("meta"):
            model = random_audioldm2(variant)
        counted = sum(parameter.numel() for parameter in model.unet.parameters())
        assert counted / 1e6 == pytest.approx(millions, abs=0.01)
        from n2s.models.diffusion.attention import attention_layers

        assert {layer.heads for layer in attention_layers(model).values()} == {8, 12, 20}
        assert {layer.to_q.out_features // layer.heads for layer in attention_layers(model).values()} == {32}
        assert sum(parameter.numel() for parameter in model.vae.parameters()) / 1e6 == pytest.approx(55.38, abs=0.01)
        assert (model.condition_dim, model.second_dim) == (768, 1024 if variant == "full" else None)


class TestLoad:
    def test_all_parts_are_read_and_nothing_else_is_needed(self, native, tmp_path):
        state = torch.get_rng_state()
        loaded = load_audioldm2(str(written(native, tmp_path)))
        assert torch.equal(state, torch.get_rng_state())
        assert not loaded.training
        assert loaded.vae.config.scaling_factor == 0.41
        assert {key: loaded.scheduler.config[key] for key in PUBLISHED} == PUBLISHED
        mel = torch.randn(1, 160, 64)
        assert torch.equal(loaded.encode(mel)[0], native.encode(mel)[0])
        assert torch.equal(loaded.sound(mel)[0], native.sound(mel)[0])
        learning = {name.split(".")[0] for name, parameter in loaded.named_parameters() if parameter.requires_grad}
        assert learning == {"unet"}

    def test_weights_in_the_older_format(self, native, tmp_path):
        """audioldm2_gigaspeech has .bin files only; they are read without unpickling objects."""
        folder = written(native, tmp_path)
        native.unet.save_pretrained(folder / "unet", safe_serialization=False)
        (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
        (bin_file,) = (folder / "unet").glob("*.bin")
        assert torch.equal(noise_of(load_audioldm2(folder)), noise_of(native))
        torch.save({"conv_in.weight": Unsafe()}, bin_file)
        with pytest.raises(UserError, match="unet"):
            load_audioldm2(folder)

    def test_a_small_one_comes_back_the_same(self, tmp_path):
        model = small_audioldm2(condition_dim=48)
        model.vae.register_to_config(scaling_factor=0.7)
        folder = save_audioldm2(model, tmp_path / "small")
        assert sorted(path.name for path in folder.iterdir()) == ["scheduler", "unet", "vae"]
        again = load_audioldm2(folder, condition_dim=48, griffin_lim=True)
        assert again.vae.config.scaling_factor == 0.7
        assert isinstance(again.vocoder, GriffinLim)
        assert torch.equal(noise_of(again), noise_of(model))

    def test_nothing_is_overwritten(self, tmp_path):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "notes.txt").write_text("keep")
        model = small_audioldm2()
        with pytest.raises(UserError, match="is there already and not empty"):
            save_audioldm2(model, tmp_path / "mine")
        assert [path.name for path in tmp_path.rglob("*")] == ["mine", "notes.txt"]
        add_lora(model, rank=2)
        with pytest.raises(UserError, match="merge_lora"):
            save_audioldm2(model, tmp_path / "other")
        assert not (tmp_path / "other").exists()


class Unsafe:
    def __reduce__(self):
        return print, ("unpickled",)


class TestErrors:
    def test_an_id_that_cannot_be_had(self, tmp_path, monkeypatch):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UserError) as error:
            load_audioldm2("speech")
        said = str(error.value)
        assert "'anhnct/audioldm2_gigaspeech'" in said
        assert str(tmp_path / "anhnct" / "audioldm2_gigaspeech") in said  # the folder that was looked for
        assert "huggingface" in said  # the cache
        assert "HF_HUB_OFFLINE is set" in said
        assert (
            "`hf download anhnct/audioldm2_gigaspeech --include 'unet/*' 'vae/*' 'scheduler/*' 'vocoder/*' --local-dir FOLDER`"
            in said
        )

    def test_a_folder_that_is_not_there_or_lacks_parts(self, native, tmp_path):
        with pytest.raises(UserError, match=f"no folder at {tmp_path}/none"):
            load_audioldm2(tmp_path / "none")
        folder = written(native, tmp_path / "hub")
        (folder / "vocoder").rename(tmp_path / "vocoder")
        with pytest.raises(
            UserError, match="has no vocoder/config.json; it holds scheduler, unet, vae.*griffin_lim=True"
        ):
            load_audioldm2(folder)
        assert isinstance(load_audioldm2(folder, griffin_lim=True).vocoder, GriffinLim)
        (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
        with pytest.raises(UserError, match="cannot be loaded as AudioLDM2UNet2DConditionModel"):
            load_audioldm2(folder, griffin_lim=True)
        (folder / "unet" / "config.json").unlink()
        with pytest.raises(UserError, match="has no unet/config.json; it holds scheduler, unet, vae"):
            load_audioldm2(folder, griffin_lim=True)

    @pytest.mark.slow
    def test_a_unet_for_tokens_of_another_width(self, tmp_path):
        folder = save_audioldm2(small_audioldm2(condition_dim=32, vocoder=small_vocoder()), tmp_path / "m")
        with pytest.raises(UserError, match="takes tokens of width 32 .*expected 768"):
            load_audioldm2(folder)
        model = load_audioldm2(folder, condition_dim=32)
        with pytest.raises(UserError, match=r"\(2, 80, 768\); expected \(b, n_patch, 32\)"):
            sample(model, torch.zeros(2, 80, 768), ["a", "b"], sampler=DPMSolver(1))

    def test_a_unet_whose_levels_differ(self, native, tmp_path):
        unet = small_unet()
        unet.register_to_config(cross_attention_dim=[[None, 24], [None, 24], [None, 32], [None, 32]])
        with pytest.raises(UserError, match="expected one width for the tokens"):
            LatentDiffusion(unet, native.vae, native.vocoder, native.scheduler)

    @pytest.mark.parametrize(
        ("name", "part", "said"),
        [
            ("vocoder", {"sampling_rate": 22050}, "at 22050 Hz; expected 64, 160 and 16000"),
            ("vocoder", {"model_in_dim": 80}, "takes 80 bands"),
            ("vae", {"in_channels": 3, "out_channels": 3}, "takes 3 channels and divides by 4; expected 1"),
        ],
    )
    def test_parts_of_another_kind(self, native, tmp_path, name, part, said):
        folder = written(native, tmp_path)
        {"vocoder": small_vocoder, "vae": small_vae}[name](**part).save_pretrained(folder / name)
        with pytest.raises(UserError, match=said):
            load_audioldm2(folder)


def test_another_variant_is_an_error():
    with pytest.raises(UserError, match="variant 'music'; expected 'full' or 'speech'"):
        small_audioldm2(variant="music")


@pytest.mark.slow
def test_full_size_takes_a_step():
    """347 million random weights, forward and backward, a clip of 1.5 s: every weight that can learn gets a gradient."""
    model = random_audioldm2("full")
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 8, 40, 16, generator=generator)
    loss = denoising_loss(model, latents, torch.randn(1, 80, 768, generator=generator), dropout=0, generator=generator)
    loss.backward()
    assert 0.8 < loss.item() < 3  # noise of unit variance, and nothing is known of it
    without = {name for name, parameter in model.unet.named_parameters() if not parameter.grad.abs().sum()}
    # every third attention looks at the second context, a token of zeros: only what it adds regardless can learn
    names = [
        name for name, _ in model.unet.named_parameters() if re.search(r"attentions\.(2|5|8)\..*(attn2|norm2)", name)
    ]
    assert without == {name for name in names if not name.endswith("to_out.0.bias")}
