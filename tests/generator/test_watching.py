"""A generator is watched by the suite's metrics while it trains, and trains as if it were not."""

import json
import math

import pytest
import torch

import evalsuite as ev
from generator.data import TrainingData
from generator.run import train
from generator.watching import Watch
from tests.generator.conftest import micro

EXTRACTOR = "medicalnet-resnet10-untrained"


class Echo:
    """Makes other training volumes than those it is compared with."""

    makes = "echoes"

    def __init__(self, data):
        self.data = data

    def made(self, places):
        return self.data.cut(self.data.volumes([self.data.training[p] for p in places]))


def test_says_what_the_suite_says_of_the_same_volumes(cohort):
    data = TrainingData(cohort, micro(validation=3))
    watch, echo = Watch(2, EXTRACTOR, data, torch.device("cpu")), Echo(data)
    places = range(len(data.validation))
    real = data.cut(data.volumes(data.validation))[:, 0]
    found = ev.compute_metrics(
        ev.Volumes(real, spacing=data.spacing),
        ev.Volumes(echo.made(list(places))[:, 0], spacing=data.spacing),
        metrics=["frechet", "precision_recall", "ms_ssim"],
        extractors=EXTRACTOR,
    )
    expected = {f"echoes/{e.key}": e.value for e in found.estimates if math.isfinite(e.value)}
    assert expected
    for _ in range(2):  # real volumes are kept, what is made is not
        assert watch.scores(echo) == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_a_watched_training_is_the_same_and_leaves_curves(cohort, tmp_path):
    folder = str(cohort.source)
    config = micro(validation=5)

    def trained(name, **watched):
        return train(
            folder, tmp_path / name, config, resume=False, device="cpu", experiment=None,
            skip_invalid=False, **watched,
        )  # fmt: skip

    alone = trained("alone")
    watched = trained("watched", evaluate_every=4, extractor=EXTRACTOR)
    cards = [json.loads((place / "card.json").read_text()) for place in (alone, watched)]
    assert cards[0]["weights_sha256"] == cards[1]["weights_sha256"]
    for stage, made in (("vqgan", "reconstructions"), ("diffusion", "samples")):
        lines = (tmp_path / "watched" / stage / "history.jsonl").read_text().splitlines()
        history = {line["step"]: line for line in map(json.loads, lines)}
        assert list(history) == [3, 4, 6]  # validated at 3 and 6, compared at 4 and the end
        assert f"{made}/frechet_distance" in history[4]
        assert "seconds_per_step" not in history[4]
        assert {"seconds_per_step", f"{made}/ms_ssim_difference"} <= set(history[6])
        assert not any(name.startswith(made) for name in history[3])


def test_an_extractor_that_is_not_there_is_told_before_the_training(cohort, tmp_path):
    with pytest.raises(ev.EvalsuiteError, match='Unknown extractor "nets"'):
        train(
            str(cohort.source), tmp_path / "run", micro(), resume=False, device="cpu",
            experiment=None, skip_invalid=False, evaluate_every=2, extractor="nets",
        )  # fmt: skip
    assert not (tmp_path / "run" / "vqgan").exists()
