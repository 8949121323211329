from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage, stats

from evalsuite.metrics.anatomy import METRIC, compute
from evalsuite.metrics.metric import Views
from evalsuite.metrics.shapes import euler_characteristic, shape_of, surface_area
from evalsuite.records import Detail, Estimate, Scores
from evalsuite.volumes.labels import Segmentation, read_labels
from tests.caveats import sentences

LABELS = Path(__file__).parents[3] / "shared/data/hippocampus/labels"


def named(detail):
    return ["_".join([*structures, measure]) for measure, structures in detail["measures"]]


def grid(n):
    return np.stack(np.meshgrid(*[np.arange(n) - (n - 1) / 2] * 3, indexing="ij"))


def ball(radius, n=None, spacing=(1.0, 1.0, 1.0)):
    n = n or int(2 * radius / min(spacing)) + 5
    return sum((grid(n)[i] * spacing[i]) ** 2 for i in range(3)) <= radius**2


@pytest.mark.parametrize("radius", [5, 8, 14])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 1.0, 2.0), (0.5, 1.0, 1.5)])
def test_the_surface_of_a_ball(radius, spacing):
    area = surface_area(ball(radius, spacing=spacing), spacing)
    assert area == pytest.approx(4 * np.pi * radius**2, rel=0.06)


def test_the_surface_of_an_ellipsoid_and_a_box():
    x, y, z = grid(50)
    ellipsoid = (x / 20) ** 2 + (y / 10) ** 2 + (z / 10) ** 2 <= 1
    eccentricity = np.sqrt(1 - 0.25)
    exact = 2 * np.pi * 100 * (1 + 2 / eccentricity * np.arcsin(eccentricity))
    assert surface_area(ellipsoid, (1.0, 1.0, 1.0)) == pytest.approx(exact, rel=0.04)
    box = np.zeros((30, 30, 30), bool)
    box[5:25, 5:20, 5:15] = True
    assert surface_area(box, (1.0, 1.0, 1.0)) == pytest.approx(1300, rel=0.12)


def test_sphericity_is_1_for_a_ball_and_less_for_a_stick():
    stick = np.zeros((30, 9, 9), bool)
    stick[2:28, 3:6, 3:6] = True
    assert shape_of(ball(12), (1.0, 1.0, 1.0)).sphericity == pytest.approx(1, abs=0.05)
    assert shape_of(stick, (1.0, 1.0, 1.0)).sphericity < 0.75


def test_topology_of_known_bodies():
    x, y, z = grid(41)
    torus = (np.sqrt(x**2 + y**2) - 12) ** 2 + z**2 <= 16
    shell = ball(12, 41) & ~ball(6, 41)
    pair = np.concatenate([ball(5), np.zeros_like(ball(5)[:2]), ball(5)])
    found = [shape_of(mask, (1.0, 1.0, 1.0)) for mask in (ball(8), torus, shell, pair)]
    assert [(s.components, s.tunnels, s.cavities) for s in found] == [
        (1, 0, 0),
        (1, 1, 0),
        (1, 0, 1),
        (2, 0, 0),
    ]
    assert [euler_characteristic(m) for m in (ball(8), torus, shell, pair)] == [1, 0, 2, 2]


def test_voxels_that_touch_at_a_corner_are_one_part():
    touching = np.zeros((4, 4, 4), bool)
    touching[1, 1, 1] = touching[2, 2, 2] = True
    assert shape_of(touching, (1.0, 1.0, 1.0)).components == 1
    assert euler_characteristic(touching) == 1


def test_volumes_and_positions_are_in_millimetres():
    labels = np.zeros((12, 12, 12), int)
    labels[1:3, 1:3, 1:3], labels[9:11, 1:3, 1:3] = 1, 2
    found = estimates([labels, labels], [labels, labels], spacing=(2.0, 1.0, 0.5))
    detail = next(f for f in found if isinstance(f, Detail)).values
    values = dict(zip(named(detail), detail["real"][0], strict=True))
    assert values["1_volume"] == pytest.approx(0.008)
    offsets = [values[f"1_2_{axis}"] for axis in ("right", "anterior", "superior")]
    assert offsets == pytest.approx([16.0, 0.0, 0.0])


def estimates(real, synthetic, spacing=(1.0, 1.0, 1.0)):
    def views(maps):
        labels = [Segmentation(np.asarray(m), spacing) for m in maps]
        return Views([str(i) for i in range(len(maps))], {}, [], spacing, labels)

    return compute(views(real), views(synthetic), seed=0, replicates=50)


def by_name(found):
    return {f.key: f for f in found if isinstance(f, Estimate)}


@pytest.fixture(scope="module")
def real_labels():
    if not LABELS.is_dir():
        pytest.skip(f"the real label maps are not at {LABELS}")
    return [read_labels(file).labels for file in sorted(LABELS.iterdir())[:60]]


def test_halves_of_real_anatomy_are_alike_and_planted_changes_are_found(real_labels):
    first, second = real_labels[::2], real_labels[1::2]
    alike = by_name(estimates(first, second))
    assert alike["anatomy_1_volume"].value < 0.45

    eroded = by_name(
        estimates(first, [np.where(ndimage.binary_erosion(m > 0), m, 0) for m in second])
    )
    assert eroded["anatomy_1_volume"].value > 1
    shifted = [np.where(m == 1, 1, 0) + 2 * np.roll(m == 2, 6, axis=1) * (m != 1) for m in second]
    moved = by_name(estimates(first, shifted))
    assert moved["anatomy_1_2_anterior"].value > 1
    assert moved["anatomy_1_2_right"].value == pytest.approx(
        alike["anatomy_1_2_right"].value, abs=0.5
    )
    assert moved["anatomy_1_volume"].value == alike["anatomy_1_volume"].value

    mirrored = by_name(estimates(first, [np.flip(m, axis=1) for m in second]))
    assert mirrored["anatomy_1_2_anterior"].value > 1
    assert mirrored["anatomy_1_volume"].value == alike["anatomy_1_volume"].value

    swapped = by_name(estimates(first, [np.flip(m, axis=0) for m in second]))
    assert swapped["anatomy_1_2_right"].value > 1
    assert swapped["anatomy_1_volume"].value == alike["anatomy_1_volume"].value
    exchanged = by_name(estimates(first, [np.choose(m, (0, 2, 1)) for m in second]))
    assert exchanged["anatomy_1_2_anterior"].value > 1

    def with_island(labels):
        changed = labels.copy()
        changed[0, 0, 0] = 1
        return changed

    islands = by_name(estimates(first, [with_island(m) for m in second]))
    assert islands["anatomy_1_faults"].value == 1

    def holed(labels):
        middle = np.argwhere(ndimage.binary_erosion(labels == 1, iterations=2))
        changed = labels.copy()
        if len(middle):
            changed[tuple(middle[len(middle) // 2])] = 0
        return changed

    holes = by_name(estimates(first, [holed(m) for m in second]))
    assert holes["anatomy_1_faults"].value > alike["anatomy_1_faults"].value + 0.5


def test_the_distance_agrees_with_scipy_and_missing_structures_are_counted():
    random = np.random.default_rng(0)

    def cube(side):
        labels = np.zeros((12, 12, 12), int)
        labels[1 : 1 + side, 1:6, 1:6] = 1
        return labels

    real = [cube(s) for s in random.integers(2, 6, 30)]
    synthetic = [cube(s) for s in random.integers(5, 10, 25)] + [np.zeros((12, 12, 12), int)] * 5
    found = estimates(real, synthetic)
    volumes = [[m.sum() / 1000 for m in cohort if m.any()] for cohort in (real, synthetic)]
    expected = stats.wasserstein_distance(*volumes) / np.std(volumes[0], ddof=1)
    named = by_name(found)
    assert named["anatomy_1_volume"].value == pytest.approx(expected)
    assert named["anatomy_1_faults"].value == pytest.approx(5 / 30)
    scores = next(f for f in found if isinstance(f, Scores))
    assert np.isnan(scores.synthetic[-5:]).all()
    assert np.nanmedian(scores.synthetic) > np.nanmedian(scores.real)


def test_no_labels_and_no_structure_are_told():
    empty = np.zeros((4, 4, 4), int)
    with pytest.raises(ValueError, match="hold no structure"):
        estimates([empty] * 3, [empty] * 3)
    none = Views(["a"], {}, [], (1.0, 1.0, 1.0), None)
    with pytest.raises(ValueError, match="needs label maps of both cohorts"):
        METRIC.compute(none, none, seed=0)


def test_one_sided_labels_are_undefined_not_zero():
    one = np.zeros((6, 6, 6), int)
    one[1:3, 1:3, 1:3] = 1
    found = by_name(estimates([one] * 4, [np.zeros_like(one)] * 4))
    assert np.isnan(found["anatomy_1_volume"].value)
    assert "fewer than two subjects" in sentences(found["anatomy_1_volume"])[0]


def test_structures_that_only_synthetic_volumes_have_are_told():
    one = np.zeros((8, 8, 8), int)
    one[1:4, 1:4, 1:4] = 1
    other = one.copy()
    other[5:7, 5:7, 5:7] = 7
    found = by_name(estimates([one] * 3, [one, other, other]))
    assert not any("7" in name for name in found)
    (told,) = sentences(found["anatomy_1_faults"])
    assert told == (
        "2 of 3 synthetic volumes have structures that no real one has, such as 7; those are not"
        " compared. Do both cohorts number structures alike?"
    )


def test_a_cohort_without_volumes_is_told():
    with pytest.raises(ValueError, match="at least one real and one synthetic volume"):
        estimates([np.ones((4, 4, 4), int)], [])


def test_structures_are_measured_where_they_lie_whatever_lies_around(real_labels):
    """Cut out by its box or not, a structure is the same."""
    labels = np.pad(real_labels[0], ((9, 2), (0, 5), (3, 0)))
    spacing = (1.0, 0.5, 2.0)
    found = estimates([labels, labels], [labels, labels], spacing)
    detail = next(f for f in found if isinstance(f, Detail)).values
    values = dict(zip(named(detail), detail["real"][0], strict=True))
    whole = {s: shape_of(labels == s, spacing) for s in (1, 2)}
    for s, shape in whole.items():
        assert values[f"{s}_surface"] == shape.surface
        assert values[f"{s}_volume"] == shape.volume
    apart = np.subtract(whole[2].centroid, whole[1].centroid)
    offsets = [values[f"1_2_{axis}"] for axis in ("right", "anterior", "superior")]
    assert offsets == pytest.approx(apart)
