"""Numbers of pairs against public implementations; what published numbers got wrong is told."""

import resource
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.metrics import DiceMetric, SSIMMetric, SurfaceDistanceMetric
from scipy import stats
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from evalsuite.metrics.metric import UndefinedError, Views
from evalsuite.metrics.paired import features, labels, voxels
from evalsuite.metrics.paired.means import limits_of, mean_of, pairs_of
from evalsuite.metrics.paired.quantities import BIAS, DICE, LIMITS, MAE
from evalsuite.metrics.subjects import coded
from evalsuite.records import Scores
from evalsuite.volumes.labels import Segmentation

SHAPE = (20, 22, 24)
FOREGROUND = (("region", "foreground"),)


def codes(estimate):
    return {caveat.code for caveat in estimate.warnings}


def volumes(n, seed=0, shape=SHAPE):
    noise = np.random.default_rng(seed).normal(size=(n, *shape))
    smooth = torch.nn.functional.avg_pool3d(torch.from_numpy(noise)[:, None], 5, 1, 2)[:, 0]
    found = (1000 * (smooth + 0.5)).clamp(0, 1000).float()
    found[:, :3] = 0
    return list(found)


def views(items, **more):
    names = [f"v{i}" for i in range(len(items))]
    return Views(names, {}, items, (1.0, 1.0, 1.0), **more)


def pair(n=6, noise=30.0, **more):
    real = volumes(n)
    random = torch.Generator().manual_seed(1)
    synthetic = [v + noise * torch.randn(v.shape, generator=random) for v in real]
    return views(real, **more), views(synthetic, pairs=range(n))


def by_place(findings):
    return {
        (f.name, f.where): f for f in findings if not isinstance(f, Scores) and hasattr(f, "where")
    }


def test_voxels_are_compared_as_torchmetrics_and_numpy_do():
    real, synthetic = pair()
    found = by_place(voxels.compute(real, synthetic, seed=0, data_range=1000.0))
    stacked = [torch.stack(list(v.volumes)) for v in (synthetic, real)]
    psnr = [peak_signal_noise_ratio(a, b, data_range=1000.0) for a, b in zip(*stacked, strict=True)]
    ssim = [
        structural_similarity_index_measure(
            a.double()[None, None], b.double()[None, None], data_range=1000.0
        )
        for a, b in zip(*stacked, strict=True)
    ]
    ncc = [stats.pearsonr(a.ravel(), b.ravel()).statistic for a, b in zip(*stacked, strict=True)]
    apart = (stacked[0].double() - stacked[1].double()).numpy()
    assert found["paired_psnr", ()].value == pytest.approx(
        float(torch.stack(psnr).mean()), rel=1e-6
    )
    assert found["paired_ssim", ()].value == pytest.approx(
        float(torch.stack(ssim).mean()), abs=1e-8
    )
    assert found["paired_ncc", ()].value == pytest.approx(np.mean(ncc), abs=1e-5)
    assert found["paired_mae", ()].value == pytest.approx(np.abs(apart).mean())
    assert found["paired_mse", ()].value == pytest.approx(np.square(apart).mean())
    own = apart.mean(axis=(1, 2, 3))
    expected = stats.t.interval(0.95, 5, own.mean(), stats.sem(own))
    interval = found["paired_bias", ()].interval
    assert (interval.low, interval.high) == pytest.approx(expected)


def test_similarity_where_the_window_lies_within_is_monai_s():
    """MONAI computes in single precision whatever it is given, and leaves the border out."""
    real, synthetic = (list(v.volumes)[:2] for v in pair())
    for x, y in zip(real, synthetic, strict=True):
        around, _ = voxels._similar(x, y, 11, 1.5, 1000.0)
        theirs = SSIMMetric(3, data_range=1000.0)(y[None, None], x[None, None])
        assert around[5:-5, 5:-5, 5:-5].mean() == pytest.approx(float(theirs), abs=5e-6)


def test_regions_are_the_foreground_and_the_structures_of_the_real_volume():
    maps = np.zeros(SHAPE, dtype=int)
    maps[5:9, 5:9, 5:9] = 2
    own = [Segmentation(maps, (1.0, 1.0, 1.0))] * 6
    real, synthetic = pair(labels=own)
    real.volumes[0][5:9, 5:9, 5:9] += 50
    found = by_place(voxels.compute(real, synthetic, seed=0, foreground=0.0))
    apart = np.stack(
        [
            (s.double() - r.double()).numpy()
            for r, s in zip(real.volumes, synthetic.volumes, strict=True)
        ]
    )
    inside = found["paired_mae", (("structure", "2"),)]
    assert inside.value == pytest.approx(np.abs(apart[:, 5:9, 5:9, 5:9]).mean())
    above = [np.abs(a[r.numpy() > 0]).mean() for a, r in zip(apart, real.volumes, strict=True)]
    assert found["paired_mae", FOREGROUND].value == pytest.approx(np.mean(above))


def test_masks_are_a_region_and_one_that_is_empty_is_told():
    """What is not 0 is inside, whatever its value; structures keep their own place beside it."""
    own = [np.zeros(SHAPE, dtype=int) for _ in range(6)]
    for one in own[1:]:
        one[4:12, 6:11, 3:20] = 255
    masks = [Segmentation(one, (1.0, 1.0, 1.0)) for one in own]
    real, synthetic = pair(masks=masks, labels=masks)
    found = by_place(voxels.compute(real, synthetic, seed=0, data_range=1000.0))
    inside, structure = ((("region", "mask"),), (("structure", "255"),))
    apart = np.stack(
        [(s - r).double().numpy() for r, s in zip(real.volumes, synthetic.volumes, strict=True)]
    )[1:, 4:12, 6:11, 3:20]
    for name in ("mae", "mse", "psnr", "ssim", "ncc", "bias", "limits"):
        one, other = found[f"paired_{name}", inside], found[f"paired_{name}", structure]
        assert (one.value, one.interval, one.n_real) == (other.value, other.interval, 5), name
    assert found["paired_mse", inside].value == pytest.approx(np.square(apart).mean())
    assert "1 of 6 pairs have no such number" in " ".join(
        map(str, found["paired_mae", inside].warnings)
    )


def test_nothing_that_needs_the_range_is_guessed():
    found = by_place(voxels.compute(*pair(), seed=0))
    for name in ("paired_psnr", "paired_ssim", "paired_ms_ssim"):
        assert np.isnan(found[name, ()].value)
        assert "range-undeclared" in codes(found[name, ()])
    assert np.isfinite(found["paired_mae", ()].value)
    assert "range-undeclared" not in codes(found["paired_mae", ()])


@pytest.mark.parametrize(
    ("data_range", "code"), [(100.0, "beyond-the-range"), (20000.0, "range-too-wide")]
)
def test_a_range_that_is_not_that_of_the_volumes_is_told(data_range, code):
    found = by_place(voxels.compute(*pair(), seed=0, data_range=data_range))
    assert code in codes(found["paired_psnr", ()])


def test_volumes_of_other_units_are_told():
    real, synthetic = pair()
    scaled = replace(synthetic, volumes=[v / 1000 for v in synthetic.volumes])
    told = codes(by_place(voxels.compute(real, scaled, seed=0))["paired_mae", ()])
    assert "other-units" in told


def test_volumes_that_span_unlike_ranges_are_told_and_the_range_where_it_counts():
    real, synthetic = pair()
    for side in (real, synthetic):
        side.volumes[2] *= 10
    found = by_place(voxels.compute(real, synthetic, seed=0, data_range=1000.0))
    assert codes(found["paired_mae", ()]) == {"spans-unlike", "few-pairs"}
    assert "beyond-the-range" in codes(found["paired_ssim", ()])


def test_pairs_that_are_the_same_have_no_ratio_and_are_counted():
    real, synthetic = pair(12)
    synthetic = replace(synthetic, volumes=[real.volumes[0], *list(synthetic.volumes)[1:]])
    found = by_place(voxels.compute(real, synthetic, seed=0, data_range=1000.0))
    psnr = found["paired_psnr", ()]
    assert psnr.n_real == 11
    assert "1 of 12 pairs have no such number" in " ".join(map(str, psnr.warnings))
    assert found["paired_mae", ()].n_real == 12


def test_the_subject_is_the_unit():
    """Of ten samples of each of three subjects the interval is that of three means."""
    values = np.repeat([1.0, 2.0, 4.0], 10)
    subjects = np.repeat([0, 1, 2], 10)
    found = mean_of(BIAS, values, subjects, method="")
    expected = stats.t.interval(0.95, 2, 7 / 3, stats.sem([1.0, 2.0, 4.0]))
    assert (found.interval.low, found.interval.high) == pytest.approx(expected)
    assert "few-pairs" in codes(found)
    limits = limits_of(LIMITS, values, subjects, where=())
    assert limits.value == pytest.approx(1.959964 * np.std([1.0, 2.0, 4.0], ddof=1))


def test_intervals_of_means_and_limits_cover():
    random = np.random.default_rng(0)
    hits = np.zeros(2)
    for _ in range(400):
        values, own = random.normal(3, 2, 12), np.arange(12)
        mean, limits = (
            mean_of(MAE, values, own, method=""),
            limits_of(LIMITS, values, own, where=()),
        )
        hits += [
            mean.interval.low <= 3 <= mean.interval.high,
            limits.interval.low <= 1.959964 * 2 <= limits.interval.high,
        ]
    assert ((hits / 400 > 0.92) & (hits / 400 < 0.98)).all()


def test_structures_are_compared_as_monai_does():
    random = np.random.default_rng(0)
    maps = [[np.zeros(SHAPE, dtype=int) for _ in range(3)] for _ in range(2)]
    for own in maps:
        for one in own:
            a, b = random.integers(2, 6, 2)
            one[a : a + 8, b : b + 9, 4:15] = 1
    maps[1][2][:] = 0
    spacing = (1.0, 1.5, 2.0)
    made = [
        views(volumes(3), **{kind: [Segmentation(one, spacing) for one in own]}, **more)
        for own, kind, more in zip(
            maps, ("labels", "matched"), ({}, {"pairs": range(3)}), strict=True
        )
    ]
    found = by_place(labels.compute(*made, seed=0))
    where = (("structure", "1"),)
    two = [torch.from_numpy(np.stack(own[:2]))[:, None] == 1 for own in (maps[1], maps[0])]
    dice = DiceMetric()(two[0], two[1])
    assert found["paired_dice", where].value == pytest.approx((float(dice.sum()) + 0) / 3)
    assert found["paired_surface", where].value == pytest.approx(
        float(
            SurfaceDistanceMetric(include_background=True, symmetric=True)(
                *two, spacing=spacing
            ).mean()
        )
    )
    assert found["paired_hd95", where].n_real == 2
    assert DICE.range == "0 to 1"


def test_features_of_pairs_beside_those_of_strangers():
    random = torch.Generator().manual_seed(0)
    own = torch.randn(8, 16, generator=random, dtype=torch.float64)
    near = own + 0.1 * torch.randn(8, 16, generator=random, dtype=torch.float64)
    order = torch.tensor([3, 1, 0, 2, 7, 6, 5, 4])
    real = replace(views(volumes(1) * 8), features={"f": own})
    synthetic = replace(real, features={"f": near[order]}, pairs=order.tolist())
    found, scores = features.compute(real, synthetic, seed=0)
    assert not len(scores.real)
    cosine = 1 - torch.nn.functional.cosine_similarity(own, near)
    assert found.value == pytest.approx(float(cosine.mean()))
    assert scores.synthetic == pytest.approx(cosine[order].numpy())
    units = own / own.norm(dim=1, keepdim=True)
    apart = (1 - units @ units.T).numpy()
    assert found.reference == pytest.approx(apart[~np.eye(8, dtype=bool)].mean())
    assert found.value < 0.1 < found.reference


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(0, 100))
def test_strangers_are_the_mean_over_all_pairs_of_two_subjects(subjects, seed):
    codes, random = coded(subjects), torch.Generator().manual_seed(seed)
    own = torch.randn(len(codes), 5, generator=random, dtype=torch.float64) + 1
    own[0] = 0  # no direction: its distance from any other is 1
    apart = [
        1 - float(torch.nn.functional.cosine_similarity(own[i], own[j], dim=0))
        for i in range(len(codes))
        for j in range(len(codes))
        if codes[i] != codes[j]
    ]
    expected = pytest.approx(np.mean(apart), abs=1e-12) if apart else None
    assert features.strangers(own, codes) == expected


def test_strangers_of_ten_thousand_volumes_are_known_without_a_matrix_of_them():
    own = torch.ones(10_000, 2, dtype=torch.float64)
    own[::2, 1] = -1  # half of the volumes at right angles to the other half
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert features.strangers(own, np.arange(10_000)) == pytest.approx(5000 / 9999, abs=1e-12)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_codes_of_subjects_are_made_once_for_all_pairs(monkeypatch):
    asked, codes = [], Views.codes.fget
    monkeypatch.setattr(Views, "codes", property(lambda self: asked.append(1) or codes(self)))
    real = views(volumes(1) * 4, subjects=["a", "b", "a", "c"])
    places, whose = pairs_of(real, replace(real, pairs=[2, 3, 0]))
    assert (places, whose.tolist(), len(asked)) == ([2, 3, 0], [0, 1, 0], 1)


@pytest.mark.parametrize("metric", [voxels, labels, features])
def test_without_pairs_it_says_how_to_name_them(metric):
    with pytest.raises(UndefinedError, match="--paired"):
        metric.compute(views(volumes(1)), views(volumes(1)), seed=0)


def test_agreement_keeps_the_means_of_subjects_in_every_region():
    real, synthetic = pair(4)
    real = replace(real, subjects=["a", "a", "b", "c"])
    (kept,) = [
        f for f in voxels.compute(real, synthetic, seed=0) if getattr(f, "name", "") == "agreement"
    ]
    assert kept.values["regions"] == [(), FOREGROUND]
    x, y = (np.array([float(v.double().mean()) for v in s.volumes]) for s in (real, synthetic))
    apart = y - x
    assert kept.values["apart"][0] == pytest.approx([apart[:2].mean(), *apart[2:]])
    assert kept.values["middle"][0][1:] == pytest.approx((x + y)[2:] / 2)


def test_a_number_that_does_not_vary_has_no_interval():
    found = mean_of(DICE, np.ones(12), np.arange(12), method="")
    assert found.value == 1
    assert found.interval is None
    assert "unvarying-pairs" in codes(found)
