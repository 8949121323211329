"""What the end of the first stage tells of it."""

import json

import numpy as np
import pytest

import evalsuite as ev
from evalsuite.volumes.population import degrade
from evalsuite.volumes.volume import Volume
from generator.reconstruction_report import agreement, looked_at, parity, reconstruction_report

SHAPE = (16, 16, 16)


def blobs(n, seed):
    grid = np.indices(SHAPE)
    for i in range(n):
        random = np.random.default_rng([seed, i])
        centre = random.uniform(5, 11, 3).reshape(3, 1, 1, 1)
        blob = np.exp(-((grid - centre) ** 2).sum(axis=0) / 20)
        yield (blob + 0.05 * random.random(SHAPE)).clip(0, 1).astype(np.float32)


def one_channel(volumes):
    return [volume[None] for volume in volumes]


@pytest.fixture(scope="module")
def sets():
    held_out = list(blobs(8, 1))
    blurred = [degrade(Volume(v, np.eye(4)), blur=1.0, noise=0.0, seed=0).voxels for v in held_out]
    return list(blobs(9, 0)), held_out, [np.clip(v, 0, 1).astype(np.float32) for v in blurred]


@pytest.fixture(scope="module")
def report(sets):
    return reconstruction_report(*map(one_channel, sets))


def test_the_report_has_the_numbers_of_compute_metrics(sets, report):
    training, held_out, blurred = sets
    evaluation = ev.compute_metrics(
        ev.Volumes(training),
        {"reconstructions": ev.Volumes(blurred), "held out": ev.Volumes(held_out)},
        extractors=["medicalnet-resnet10-untrained", "radiomics"],
        metrics=["frechet", "precision_recall", "ms_ssim"],
        settings={"preprocessing.spacing": "native"},
        workers=1,
    )
    expected = {(e.extractor, e.name, e.synthetic): e.value for e in evaluation.estimates}
    compared = [line for line in report.lines if line.name != "parity"]
    assert {(line.extractor, line.name) for line in compared} >= {
        ("radiomics", "recall"),
        ("medicalnet-resnet10-untrained", "frechet_distance"),
    }
    for line in compared:
        for kind, value in (("reconstructions", line.reconstructions), ("held out", line.held_out)):
            known = expected[line.extractor, line.name, kind]
            assert value == pytest.approx(known, rel=1e-4, abs=1e-7), (line, kind)


def test_a_blur_shows_beside_what_real_volumes_have(report):
    lines = {(line.extractor, line.name): line for line in report.lines}
    line = lines["radiomics", "frechet_distance"]
    assert line.reconstructions > 2 * line.held_out


def test_the_report_says_how_far_it_can_be_trusted_and_what_is_missing(sets, report):
    text = report.text()
    assert "Reconstructions of 8 held-out volumes" in text
    assert "Of 8 volumes recall, coverage and distances are uncertain; hold out 30 or more" in text
    few = reconstruction_report(*(one_channel(volumes[:2]) for volumes in sets))
    assert any(line.startswith("precision_recall radiomics: ") for line in few.missing)
    assert few.missing[0] in few.text()
    assert json.loads(json.dumps(few.card()))["volumes"] == 2


def test_parity_is_the_spread_of_the_means_of_eight_sub_lattices():
    lattice = np.zeros((12, 12, 12))
    lattice[::2] = 0.08  # less the mean of three planes, 0.08 - 0.08 / 3 and 0 - 2 x 0.08 / 3
    inside = np.tile(lattice, (8, 1, 1))
    assert parity([inside]) == pytest.approx(100 * 2 * 0.08 / 3, rel=0.02)
    assert parity([np.full((8, 8, 8), 0.3)]) == pytest.approx(0, abs=1e-9)


def test_channels_agree_by_what_they_tell_of_each_other_and_not_by_their_contrast():
    first = np.tile([0.1, 0.1, 0.6, 0.9], (4, 4, 1))
    inverted, half = 1 - first, np.where(first > 0.5, 0.2, 0.7)
    other = np.transpose(first, (2, 0, 1))
    volume = np.stack([first, inverted, half, other])
    assert agreement([volume], 0, 1) == pytest.approx(1)
    # Of 1/2, 1/4, 1/4 and of halves: entropies of 1.5 and 1 bit, of which 1 is shared.
    assert agreement([volume, volume], 0, 2) == pytest.approx(1 / 1.25)
    assert agreement([volume], 0, 3) == pytest.approx(0, abs=1e-9)


def test_as_many_volumes_are_looked_at_as_are_there_and_affordable():
    assert looked_at(30, (32, 48, 32)) == 30
    assert looked_at(100, (32, 48, 32)) == 60
    assert looked_at(100, (128, 128, 128)) == 20
    assert looked_at(7, (256, 256, 256)) == 7
