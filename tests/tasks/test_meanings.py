"""What decoders are told in training: predictions of clips that the ridge has not seen, at times the truth."""

import pytest
import torch

from n2s.errors import UserError
from n2s.models.sound_generator import SmallAudioLDM2
from n2s.systems import BrainAudio
from n2s.systems.clips.meanings import Meanings


def test_a_share_of_clips_is_told_truly_anew_each_time():
    n = 20_000
    meanings = Meanings(torch.zeros(n, 3), torch.ones(n, 3), 0.25)
    torch.manual_seed(0)
    first, second = (meanings.drawn(torch.arange(n)) for _ in range(2))
    assert ((first == 0).all(1) | (first == 1).all(1)).all()  # a clip is told one or the other, whole
    assert abs(first.mean() - 0.25) < 4 * (0.25 * 0.75 / n) ** 0.5
    assert abs((first * second).mean() - 0.25**2) < 0.01  # not the same clips


def test_rows_are_the_clips_that_are_asked_for():
    predicted, true = torch.arange(10.0)[:, None], 100 + torch.arange(10.0)[:, None]
    rows = torch.tensor([7, 2])
    assert Meanings(predicted, true, 1.0).drawn(rows).flatten().tolist() == [107.0, 102.0]
    before = torch.random.get_rng_state()
    assert Meanings(predicted, true, 0.0).drawn(rows).flatten().tolist() == [7.0, 2.0]
    assert torch.equal(before, torch.random.get_rng_state())  # nothing is drawn: runs without it keep their numbers


def test_frozen_decoders_decode_once_and_so_are_told_nothing_at_random():
    with pytest.raises(UserError, match="decoder_lr is null and mode 'full': tokens are then decoded once"):
        BrainAudio(SmallAudioLDM2(), decoder_lr=None, p_true_meaning=0.25)
    with pytest.raises(UserError, match="nothing would learn"):
        BrainAudio(SmallAudioLDM2(), decoder_lr=None, mode="none")
    with pytest.raises(UserError, match="p_true_meaning is 2; expected a number from 0 to 1"):
        BrainAudio(SmallAudioLDM2(), p_true_meaning=2)
