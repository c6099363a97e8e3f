from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.training.spec_augment import BANDS, FRAMES_SHARE, MELS_SHARE, spec_augment


def _features(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(len(lengths), 80, 200, generator=generator), torch.tensor(lengths)


def _generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(seed=st.integers(0, 1000), lengths=st.lists(st.integers(1, 200), min_size=1, max_size=4))
def test_input_features_are_unchanged_and_no_band_extends_into_padding(seed: int, lengths: list[int]) -> None:
    features, frames = _features(lengths)
    before = features.clone()
    masked = spec_augment(features, frames, 1.0, _generator(seed))
    assert torch.equal(features, before)
    assert masked is not features
    for clip, old, length in zip(masked, before, lengths, strict=True):
        assert torch.equal(clip[:, length:], old[:, length:])
        changed = clip[:, :length] != old[:, :length]
        whole_mels, whole_frames = changed.all(1).sum().item(), changed.all(0).sum().item()
        assert whole_mels <= BANDS * int(MELS_SHARE * 80) or whole_mels == 80
        assert whole_frames <= BANDS * max(1, int(FRAMES_SHARE * length)) or whole_frames == length


def test_a_share_of_clips_is_masked_and_the_seed_decides_which() -> None:
    features, frames = _features([200] * 200)
    masked = spec_augment(features, frames, 0.5, _generator())
    changed = (masked != features).flatten(1).any(1)
    assert 70 < changed.sum() < 130
    assert torch.equal(masked, spec_augment(features, frames, 0.5, _generator()))
    assert not torch.equal(masked, spec_augment(features, frames, 0.5, _generator(2)))
    assert spec_augment(features, frames, 0.0, _generator()) is features


def test_masked_bands_have_the_mean_of_their_clip() -> None:
    features, frames = _features([150])
    masked = spec_augment(features, frames, 1.0, _generator(3))
    values = masked[masked != features]
    assert len(values)
    torch.testing.assert_close(values, torch.full_like(values, features[0, :, :150].mean()))
