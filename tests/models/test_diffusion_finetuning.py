"""What of AudioLDM 2 learns: modes, adapters, groups, running averages; each against what it must leave alone."""

import re

import pytest
import torch

from n2s.errors import UserError
from n2s.models.diffusion import (
    RunningAverage,
    add_lora,
    choose_trained,
    denoising_loss,
    load_lora,
    merge_lora,
    parameter_groups,
    save_lora,
    small_audioldm2,
)

DIM = 24


def model_of(variant="full", seed=0):
    return small_audioldm2(seed, condition_dim=DIM, variant=variant)


def batch(seed=0, b=2):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(b, 8, 16, 16, generator=generator), torch.randn(b, 32, DIM, generator=generator)


@torch.no_grad()
def noise_of(model):
    latents, conditions = batch(9)
    return model.predict(latents, torch.tensor(300), conditions)


def trained(model, parameters, n_steps=2, lr=1e-2):
    optimizer = torch.optim.AdamW(parameters, lr)
    for step in range(n_steps):
        loss = denoising_loss(model, *batch(step), dropout=0.0, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


class TestModes:
    @pytest.mark.parametrize("variant", ["full", "speech"])
    @pytest.mark.parametrize("mode", ["full", "cross_attention", "lora"])
    def test_only_what_was_chosen_changes(self, mode, variant):
        model = model_of(variant)
        parameters = choose_trained(model, mode, rank=2)
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        trained(model, parameters)
        changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
        # attentions of a block, in turn: the latents alone, the condition, and in the full variant the text
        n_contexts = 3 if variant == "full" else 2
        turn = {name: int(found[1]) % n_contexts for name in before if (found := re.search(r"attentions\.(\d+)", name))}
        to_condition = {name for name in turn if ".attn2." in name and turn[name] == 1}
        to_text = {name for name in turn if (".attn2." in name or ".norm2." in name) and turn[name] == 2}
        if mode == "full":
            assert changed >= {name for name in before if name.startswith("unet.")} - to_text
            assert all(name.startswith("unet.") for name in changed)
        elif mode == "cross_attention":
            assert changed == to_condition
        else:
            assert changed == {name for name in before if "lora_" in name}
            layers = {name.split(".lora_")[0] for name in changed}
            projections = {
                name.removesuffix(".base_layer.weight") for name in before if name.endswith(".base_layer.weight")
            }
            assert layers == projections
            assert not any(name.startswith(tuple(layers)) for name in to_text)
            assert {name.split(".lora_")[0].split(".attn")[1][2:] for name in changed} == {
                "to_q",
                "to_k",
                "to_v",
                "to_out.0",
            }

    def test_none_and_errors(self):
        model = model_of()
        assert choose_trained(model, "none") == []
        with pytest.raises(UserError, match="'all'; expected 'full'"):
            choose_trained(model, "all")
        choose_trained(model, "lora")
        with pytest.raises(UserError, match="adapters"):
            choose_trained(model, "lora")
        with pytest.raises(UserError, match="adapters"):
            choose_trained(model, "full")
        with pytest.raises(UserError, match="rank=0"):
            add_lora(model_of(), rank=0)


class TestLora:
    @pytest.mark.slow
    def test_adapters_change_nothing_at_first_then_are_saved_loaded_and_merged(self, tmp_path):
        model, plain = model_of(), noise_of(model_of())
        parameters = choose_trained(model, "lora", rank=4)
        assert torch.allclose(noise_of(model), plain, atol=1e-6)
        tuned = noise_of(trained(model, parameters))
        assert (tuned - plain).abs().max() > 1e-3
        folder = save_lora(model, tmp_path / "adapters")
        assert sorted(path.name for path in folder.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]

        again = model_of()
        load_lora(again, folder)
        assert torch.allclose(noise_of(again), tuned, atol=1e-6)
        assert {name for name, parameter in again.named_parameters() if parameter.requires_grad} == {
            name for name, parameter in model.named_parameters() if parameter.requires_grad
        }

        merge_lora(again)
        assert torch.allclose(noise_of(again), tuned, atol=1e-5)
        assert set(again.state_dict()) == set(model_of().state_dict())  # as if there had been none
        parameters = choose_trained(again, "lora", rank=2)  # and adapters of another kind can follow
        assert torch.allclose(noise_of(again), tuned, atol=1e-5)

    def test_scale_multiplies_what_adapters_add(self):
        outputs = []
        for scale in (0.0, 1.0, 2.0):
            model = model_of()
            add_lora(model, rank=2, scale=scale)
            layer = dict(model.unet.named_modules())["mid_block.attentions.1.transformer_blocks.0.attn2.to_k"]
            torch.nn.init.ones_(layer.lora_B["default"].weight)
            torch.nn.init.ones_(layer.lora_A["default"].weight)
            outputs.append(layer(torch.ones(1, DIM)).detach())
        assert torch.allclose(outputs[1] - outputs[0], torch.full((1, 16), 2.0 * DIM), rtol=1e-4)
        assert torch.allclose(outputs[2] - outputs[0], 2 * (outputs[1] - outputs[0]), rtol=1e-4)

    def test_errors(self, tmp_path):
        model = model_of()
        with pytest.raises(UserError, match="no adapters"):
            save_lora(model, tmp_path / "a")
        with pytest.raises(UserError, match="no adapters"):
            merge_lora(model)
        with pytest.raises(UserError, match="has no adapter_config.json and no adapter_model.safetensors"):
            load_lora(model, tmp_path)
        add_lora(model, rank=2)
        folder = save_lora(model, tmp_path / "a")
        with pytest.raises(UserError, match="is there already"):
            save_lora(model, tmp_path / "a")
        with pytest.raises(UserError, match="adapters already"):
            load_lora(model, folder)
        with pytest.raises(UserError, match="are not of this UNet"):
            load_lora(small_audioldm2(condition_dim=32), folder)
        (folder / "adapter_model.safetensors").write_bytes(b"half a file")
        with pytest.raises(UserError, match="are not of this UNet|cannot be read"):
            load_lora(model_of(), folder)


def test_groups_have_their_own_rates():
    model, decoder = model_of(), torch.nn.Linear(3, 3)
    decoder.bias.requires_grad_(False)
    groups = parameter_groups(
        ("unet", choose_trained(model, "cross_attention"), 1e-4), ("decoder", decoder.parameters(), 1e-6)
    )
    optimizer = torch.optim.AdamW(groups)
    assert [(group["name"], group["lr"]) for group in optimizer.param_groups] == [("unet", 1e-4), ("decoder", 1e-6)]
    assert [parameter is decoder.weight for parameter in groups[1]["params"]] == [True]
    with pytest.raises(UserError, match="'vae' has a learning rate of 0.0001, but all of it is frozen"):
        parameter_groups(("vae", model.vae.parameters(), 1e-4))
    with pytest.raises(UserError, match="'again' shares parameters"):
        parameter_groups(("decoder", decoder.parameters(), 1e-4), ("again", decoder.parameters(), 1e-5))


class TestRunningAverage:
    def test_a_loaded_average_goes_on_where_it_was_to_the_bit(self):
        torch.manual_seed(0)
        parameters = [torch.nn.Parameter(torch.randn(7, 5)) for _ in range(3)]
        average, other = (RunningAverage(parameters, decay=0.9) for _ in range(2))
        expected = [value.detach().clone() for value in parameters]
        other.update()  # has counted otherwise before it is loaded
        for n in range(1, 7):
            for value, own in zip(parameters, expected, strict=True):
                value.data.add_(torch.randn_like(value))
                own.lerp_(value.detach(), 1 - min(0.9, (1 + n) / (10 + n)))
            if n == 4:
                other.load_state_dict(average.state_dict())
                average = other
            average.update()
        assert int(average.n_updates) == 6
        assert all(torch.equal(own, found) for own, found in zip(expected, average.averages(), strict=True))

    def test_follows_its_recursion(self):
        parameter = torch.nn.Parameter(torch.zeros(3))
        average = RunningAverage([parameter], decay=0.5)
        expected = torch.zeros(3, dtype=torch.float64)
        for n in range(1, 30):
            with torch.no_grad():
                parameter.add_(n)
            average.update()
            decay = min(0.5, (1 + n) / (10 + n))
            expected = decay * expected + (1 - decay) * parameter.detach().double()
        assert torch.allclose(average.averages()[0].double(), expected, rtol=1e-5)

    def test_is_in_place_for_a_while_and_in_checkpoints(self):
        layer = torch.nn.Linear(2, 2)
        average = RunningAverage(layer.parameters(), decay=0.9)
        at_start = layer.weight.detach().clone()
        with torch.no_grad():
            layer.weight.add_(1)
        now = layer.weight.detach().clone()
        with pytest.raises(ZeroDivisionError), average.in_place():
            assert torch.equal(layer.weight, at_start)
            raise ZeroDivisionError
        assert torch.equal(layer.weight, now)
        assert list(average.parameters()) == []  # no optimizer takes it for something to train
        average.update()
        other = RunningAverage(layer.parameters())
        other.load_state_dict(average.state_dict())
        assert all(torch.equal(a, b) for a, b in zip(other.averages(), average.averages(), strict=True))
        assert other.n_updates == 1
        with pytest.raises(UserError, match="decay=1"):
            RunningAverage(layer.parameters(), decay=1.0)
