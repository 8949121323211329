"""The same seed makes the same network; what is dealt, corrupted and handed on."""

import numpy as np
import pytest
import torch
from torch import nn

from evalsuite.errors import EvalsuiteError
from evalsuite.seeds import seed_of
from evalsuite.utility.data import Example
from evalsuite.utility.networks import network, start_from
from evalsuite.utility.training import (
    Supply,
    fit,
    reconstruction_batches,
    segmentation_batches,
)
from tests.utility.conftest import blobs

PATCH = (8, 16, 8)


def examples(n, shape=(16, 16, 16), seed=0):
    made = []
    for i in range(n):
        image, labels = blobs([seed, i], shape)
        made.append(Example(image[None].clip(0, 1), labels[None], np.eye(4)))
    return made


def trained(seed=0, steps=4):
    supply = Supply(examples(3), range(3))
    made = network((4, 8), 1, seed)
    losses = fit(
        made,
        reconstruction_batches(supply, PATCH, 2, seed),
        nn.MSELoss(),
        steps=steps,
        learning_rate=1e-2,
        device="cpu",
    )
    return made.state_dict(), losses


def test_the_same_seed_makes_the_same_weights_whatever_came_before():
    torch.manual_seed(1)
    first, losses = trained()
    torch.manual_seed(2)
    torch.rand(5)
    np.random.seed(3)  # noqa: NPY002
    second, same = trained()
    assert losses == same
    assert all(torch.equal(first[name], second[name]) for name in first)
    other, _ = trained(seed=1)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_building_a_network_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    network((4, 8), 2, seed=5)
    assert torch.equal(torch.get_rng_state(), before)


def test_reconstruction_is_learnt():
    _, losses = trained(steps=60)
    assert len(losses) == 20
    assert losses[-1] < losses[0] / 3


def test_every_epoch_deals_each_volume_once():
    supply = Supply([10, 11, 12, 13, 14], [1, 2, 4])  # "volumes" 11, 12 and 14
    dealt = [volume for step in range(6) for volume in supply.deal(step, 2, seed=0)]
    for epoch in range(4):
        assert sorted(dealt[3 * epoch : 3 * epoch + 3]) == [11, 12, 14]
    assert len({tuple(dealt[3 * e : 3 * e + 3]) for e in range(4)}) > 1


def test_patches_to_reconstruct_are_corrupted_and_their_targets_are_not():
    volumes = examples(1, PATCH)
    inputs, targets = reconstruction_batches(Supply(volumes, [0]), PATCH, 4, seed=0)(3)
    assert inputs.shape == targets.shape == (4, 1, *PATCH)
    for made, target in zip(inputs, targets, strict=True):
        assert torch.equal(target, torch.from_numpy(volumes[0].image))
        assert not torch.equal(made, target)
    assert type(inputs) is torch.Tensor


def test_images_and_classes_are_moved_together():
    # Where the image is its own label map, it stays so under any crop and affine map.
    pure = [Example(e.classes.astype(np.float32) / 2, e.classes, e.affine) for e in examples(2)]
    batch = segmentation_batches([Supply(pure, range(2))], PATCH, 2, seed=0)
    shares = []
    for step in range(20):
        images, classes = batch(step)
        assert images.shape == classes.shape == (2, 1, *PATCH)
        assert classes.dtype == torch.long
        assert set(classes.unique().tolist()) <= {0, 1, 2}
        shares.append(((images * 2 - classes).abs() < 0.5).float().mean().item())
    assert np.mean(shares) > 0.97


def test_small_volumes_are_padded_and_those_without_structures_pass():
    none = Example(np.ones((1, 5, 5, 5), "f4"), np.zeros((1, 5, 5, 5), int), np.eye(4))
    images, classes = segmentation_batches([Supply([none], [0])], PATCH, 2, seed=0)(0)
    assert images.shape == (2, 1, *PATCH)
    assert classes.sum() == 0


def test_real_and_synthetic_volumes_share_a_batch_evenly():
    bright = [Example(np.full((1, *PATCH), 1, "f4"), np.ones((1, *PATCH), int), np.eye(4))]
    dark = [Example(np.zeros((1, *PATCH), "f4"), np.zeros((1, *PATCH), int), np.eye(4))]
    supplies = [Supply(bright, [0]), Supply(dark, [0])]
    _, classes = segmentation_batches(supplies, PATCH, 4, seed=0)(0)
    assert classes.float().mean(dim=(1, 2, 3, 4)).tolist() == [1, 1, 0, 0]


def test_all_but_the_outputs_is_handed_on():
    reconstructor, segmenter = network((4, 8, 16), 1, seed=0), network((4, 8, 16), 3, seed=1)
    fresh = {name: value.clone() for name, value in segmenter.state_dict().items()}
    kept = start_from(reconstructor.state_dict(), segmenter)
    after = segmenter.state_dict()
    for name, value in reconstructor.state_dict().items():
        if name in kept:
            assert torch.equal(after[name], fresh[name])
        else:
            assert torch.equal(after[name], value)
    # The last transposed convolution and the last unit make one channel per class.
    assert kept
    assert all(name.startswith("model.2.") for name in kept)
    assert sum(after[name].numel() for name in kept) < 0.1 * sum(v.numel() for v in after.values())


def test_arms_of_a_repeat_have_their_own_seeds():
    assert len({seed_of(0, repeat, part) for repeat in range(3) for part in range(3)}) == 9


def test_a_loss_that_is_not_finite_is_told():
    with pytest.raises(EvalsuiteError) as caught:
        fit(
            nn.Conv3d(1, 1, 1),
            lambda _: (torch.ones(1, 1, 2, 2, 2),) * 2,
            lambda _, __: torch.tensor(float("nan"), requires_grad=True),
            steps=3,
            learning_rate=1.0,
            device="cpu",
        )
    assert str(caught.value) == "In step 1 of 3 the loss is not finite. Lower --learning-rate."
