"""What was recorded of how each reader read."""

import math

import pandas as pd

from evalsuite.statistics.behaviour import behaviour, used
from tests.caveats import sentences

ROWS = [
    # reader, position, revision, seconds, axial, shape, windows, viewer, screen
    ("Ada", 1, 0, 10.0, 30, "64x80x60", 0, "webgl2", "800x600@1"),
    ("Ada", 1, 1, 99.0, 60, "64x80x60", 9, "png", "800x600@1"),  # a correction: not how it was read
    ("Ada", 2, 0, 20.0, 15, "64x80x60", 4, "webgl2", "800x600@1"),
    ("Ada", 3, 0, 40.0, 45, "64x80x60", 2, "png", "1920x1080@2"),
    ("Bob", 1, 0, None, None, None, None, None, None),
]


def read(phase="reading"):
    columns = ["reader", "position", "revision", "active_seconds", "axial_slices", "shape",
               "window_changes", "viewer", "screen"]  # fmt: skip
    rows = pd.DataFrame(ROWS, columns=columns).assign(phase=phase)
    # One row for each of two questions.
    return pd.concat([rows.assign(question=name) for name in "qr"], ignore_index=True)


def test_medians_are_those_of_first_submissions():
    results = {(r.at("reader"), r.quantity): r for r in behaviour(read())}
    ada = results["Ada", "active seconds"]
    assert (ada.value, ada.counts["readings"]) == (20.0, 3)
    # Linear between 10, 20 and 40: a tenth of the way from the first to the last is at 0.2.
    assert (ada.parts["tenth"], ada.parts["ninetieth"]) == (12.0, 36.0)
    slices = results["Ada", "axial slices"]
    assert (slices.value, slices.parts["share"]) == (30.0, 0.5)
    assert math.isnan(results["Ada", "coronal slices"].value)
    assert results["Ada", "changes of the window"].value == 2.0
    assert math.isnan(results["Bob", "active seconds"].value)
    assert sentences(results["Bob", "active seconds"]) == ("It was not recorded.",)


def test_training_is_left_out():
    assert behaviour(read("training")) == []


def test_what_it_was_read_on_is_told_by_how_often():
    assert used(read(), "viewer") == {"Ada": "webgl2, png"}
    assert used(read(), "screen") == {"Ada": "800x600@1, 1920x1080@2"}
    assert used(read().drop(columns="screen"), "screen") == {}
