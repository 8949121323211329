"""Caveats are their sentences, and those that say one thing are told once."""

import copy
import dataclasses
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite import results
from evalsuite.caveats import Notes, joined, scope, template
from evalsuite.records import Caveat
from tests.evaluations import example

FEW = "{real} real and {synthetic} synthetic volumes are few for {share:.0%}."
VALUES = st.dictionaries(
    st.sampled_from(["n", "role", "rate"]), st.integers(0, 99) | st.text(max_size=3), min_size=1
)


def few(real, synthetic, share=0.5):
    return Caveat(FEW, real=real, synthetic=synthetic, share=share)


def test_a_caveat_is_its_sentence():
    assert few(3, 4) == "3 real and 4 synthetic volumes are few for 50%."
    assert isinstance(few(3, 4), str)
    assert Caveat("Braces {stay} without values.") == "Braces {stay} without values."
    assert template(few(3, 4)) == FEW
    assert template("A plain sentence.") == "A plain sentence."


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_copy_knows_its_values_whatever_is_in_them(copied):
    caveat = Caveat("{name} and {n}", name="{}{n}", n=3)
    again = copied(caveat)
    assert again == caveat == "{}{n} and 3"
    assert (again.template, again.values) == (caveat.template, caveat.values)


def test_numbers_are_joined_as_a_range_and_texts_as_a_list():
    assert joined([few(13, 15), few(48, 48, 0.504), few(20, 13)]) == (
        "13 to 48 real and 13 to 48 synthetic volumes are few for 50%."
    )
    assert joined([few(3, 4)]) == few(3, 4)
    names = [Caveat("{who} was padded {n} times.", who=w, n=2) for w in ("a", "b", "a", "c")]
    assert joined(names) == "a, b and c was padded 2 times."
    assert joined(["Plain.", "Plain."]) == "Plain."


@given(VALUES, st.lists(st.integers(-9, 9), min_size=1, max_size=5))
def test_a_joined_sentence_of_equal_caveats_is_that_of_one(values, numbers):
    caveat = Caveat(" ".join(f"{{{name}}}" for name in values), **values)
    assert joined([caveat] * 3) == caveat
    spread = joined([Caveat("{x}", x=x) for x in numbers])
    low, high = min(numbers), max(numbers)
    assert spread == (str(low) if low == high else f"{low} to {high}")


def grouped(*warnings):
    """Return the estimates of two cohorts overall and in two groups, each with its warning."""
    base = example("gan", "vae").estimates
    everything = [
        dataclasses.replace(e, group=g, warnings=()) for g in ("", "sex=F", "sex=M") for e in base
    ]
    return [
        dataclasses.replace(e, warnings=tuple(w(e) for w in warnings if w(e))) for e in everything
    ]


def test_what_a_caveat_holds_for_is_said_unless_it_is_everything():
    found = grouped()

    def of(**wanted):
        some = [e for e in found if all(getattr(e, k) in v for k, v in wanted.items())]
        return scope(some, found)

    assert of(name=["kid", "mmd_rbf"]) == "mmd_rbf on radiomics"
    assert of(synthetic=["vae"], name=["ms_ssim"]) == "ms_ssim on voxels of vae"
    assert of(group=["sex=F", "sex=M"], name=["ms_ssim"]) == "ms_ssim on voxels in every group"
    assert of(group=["sex=F"], name=["ms_ssim"]) == "ms_ssim on voxels in sex=F"
    assert of(group=["", "sex=F"], name=["ms_ssim"]) == (
        "ms_ssim on voxels in all volumes together and sex=F"
    )
    assert of() == "frechet_distance, mmd_rbf and ms_ssim on radiomics and voxels"
    four = [dataclasses.replace(found[0], name=f"q{i}") for i in range(4)]
    assert scope(four, four) == "q0 and 3 other numbers on radiomics"


def test_ten_that_say_one_thing_are_one_note():
    sizes = {"": 40, "sex=F": 9, "sex=M": 31}
    found = grouped(lambda e: few(sizes[e.group], sizes[e.group]), lambda e: e.group and "Odd.")
    notes = Notes.of(found)
    assert notes.sentences() == [
        (
            "[1] frechet_distance, mmd_rbf and ms_ssim on radiomics and voxels: "
            "9 to 40 real and 9 to 40 synthetic volumes are few for 50%."
        ),
        "[2] frechet_distance, mmd_rbf and ms_ssim on radiomics and voxels in every group: Odd.",
    ]
    assert notes.marks(found[0].warnings) == "[1]"
    assert notes.marks(found[-1].warnings) == "[1, 2]"
    assert notes.marks(()) == ""


def test_results_keep_the_values_and_read_those_without():
    evaluation = example("gan")
    warned = (dataclasses.replace(evaluation.estimates[0], warnings=(few(3, 4), "Plain {n}.")),)
    real = dataclasses.replace(evaluation.real, warnings=(Caveat("{n} odd.", n=2),))
    evaluation = dataclasses.replace(evaluation, estimates=warned, real=real)
    record = json.loads(json.dumps(results.to_json(evaluation)))
    assert record["estimates"][0]["warnings"] == [str(few(3, 4)), "Plain {n}."]
    read = results.from_json(record)
    assert read == evaluation
    assert [template(w) for w in read.estimates[0].warnings] == [FEW, "Plain {n}."]
    assert joined([*read.real.warnings, Caveat("{n} odd.", n=7)]) == "2 to 7 odd."
    del record["schema"]
    for old in (record["real"], *record["synthetic"], *record["estimates"]):
        del old["caveats"]  # as results were before caveats had values
    assert results.from_json(record) == evaluation
