"""A metric that is asked for values alone gives the same ones."""

import numpy as np
import pytest
import torch

from evalsuite import plugins
from evalsuite.metrics.metric import Views

ABLE = [name for name in plugins.available("metrics") if plugins.load("metrics", name).values_alone]


def views(n, seed, shift=0.0):
    random = np.random.default_rng(seed)
    slices = torch.from_numpy(random.normal(size=(n, 3, 12)) + shift)
    return Views(
        names=list(map(str, range(n))),
        features={"planar": slices.mean(dim=1)},
        volumes=(),
        spacing=(1.0, 1.0, 1.0),
        subjects=[i // 2 for i in range(n)],
        slices={"planar": {"axial": slices}},
    )


@pytest.mark.parametrize("name", ABLE)
@pytest.mark.parametrize("sliced", [True, False])
def test_values_do_not_depend_on_their_intervals(name, sliced):
    metric = plugins.load("metrics", name)
    pair = [views(24, 0), views(20, 1, shift=0.2)]
    if not sliced:
        pair = [Views(v.names, v.features, (), v.spacing, subjects=v.subjects) for v in pair]
    full = {(e.name, e.where): e for e in metric.compute(*pair, seed=0)}
    alone = {(e.name, e.where): e for e in metric.compute(*pair, seed=0, intervals=False)}
    assert {"clipped", "frechet", "mmd", "vendi"} <= set(ABLE)
    tests = {q.name for q in metric.quantities if q.role == "test"}
    assert set(alone) == {key for key in full if key[0] not in tests}
    for key, estimate in alone.items():
        # Halves are taken by eigenvalues where errors are wanted, with half the digits.
        assert estimate.value == pytest.approx(full[key].value, rel=1e-7)
