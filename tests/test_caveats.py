"""Caveats are values; their sentences are made where they are shown, each told once."""

import dataclasses
import importlib
import json
import math
import pkgutil
import re

from hypothesis import given
from hypothesis import strategies as st

import evalsuite
import reports
from evalsuite import results
from evalsuite.caveats import Notes, from_json, joined, keys, to_json
from evalsuite.records import Caveat
from tests.evaluations import example

FEW = Caveat("few", "{real} real and {synthetic} synthetic volumes are few for {share:.0%}.")
ODD = Caveat("odd", "{n} odd.", "cohort")
VALUES = st.dictionaries(
    st.sampled_from(["n", "role", "rate"]), st.integers(0, 99) | st.text(max_size=3), min_size=1
)


def few(real, synthetic, share=0.5):
    return FEW(real=real, synthetic=synthetic, share=share)


def test_the_sentence_is_made_where_it_is_shown():
    assert str(few(3, 4)) == "3 real and 4 synthetic volumes are few for 50%."
    assert few(3, 4) == few(3, 4) != few(3, 5)
    assert len({few(3, 4), few(3, 4), few(3, 5)}) == 2
    assert str(Caveat("braces", "Braces {stay} without values.")) == "Braces {stay} without values."


def test_texts_and_scope_tell_caveats_apart_and_numbers_do_not():
    padded = Caveat("padded", "Padded with {value}, {n} times.", "cohort")
    assert padded(value="zeros", n=2).key == padded(value="zeros", n=3).key
    assert padded(value="zeros", n=2).key != padded(value="ones", n=2).key
    assert padded.key != dataclasses.replace(padded, scope="extractor").key


def test_whatever_is_in_a_value_is_shown_as_it_stands():
    caveat = Caveat("strange", "{name} and {n}")(name="{}{n}", n=3)
    assert str(caveat) == joined([caveat]) == "{}{n} and 3"


def declared():
    """Return every caveat that a module of the suite declares, by where it is."""
    for package in (evalsuite, reports):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" in module.name:  # alembic alone can import them
                continue
            for name, value in vars(importlib.import_module(module.name)).items():
                for one in value.values() if isinstance(value, dict) else (value,):
                    if isinstance(one, Caveat):
                        yield f"{module.name}.{name}", one


def test_every_declaration_has_a_code_of_its_own_and_no_values():
    by_code = {}
    for place, caveat in declared():
        assert not caveat.values, place
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", caveat.code), place
        assert by_code.setdefault(caveat.code, caveat) == caveat, place
    assert len(by_code) > 100


def test_numbers_are_joined_as_a_range():
    assert joined([few(13, 15), few(48, 48, 0.504), few(20, 13)]) == (
        "13 to 48 real and 13 to 48 synthetic volumes are few for 50%."
    )
    assert joined([few(3, 4)]) == str(few(3, 4))
    plain = Caveat("plain", "Plain.")
    assert joined([plain, plain]) == "Plain."


@given(VALUES, st.lists(st.integers(-9, 9), min_size=1, max_size=5))
def test_a_joined_sentence_of_equal_caveats_is_that_of_one(values, numbers):
    caveat = Caveat("some", " ".join(f"{{{name}}}" for name in values))(**values)
    assert joined([caveat] * 3) == str(caveat)
    spread = joined([Caveat("x", "{x}")(x=x) for x in numbers])
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


def noted(estimates, *cohort_caveats):
    evaluation = example("gan", "vae")
    real = dataclasses.replace(evaluation.real, warnings=cohort_caveats)
    return Notes.of(dataclasses.replace(evaluation, real=real, estimates=tuple(estimates)))


def test_what_a_caveat_holds_for_is_said_unless_it_is_everything():
    found = grouped()

    def of(caveat=ODD, **wanted):
        chosen = [all(getattr(e, k) in v for k, v in wanted.items()) for e in found]
        told = [
            dataclasses.replace(e, warnings=(caveat,) if c else ())
            for e, c in zip(found, chosen, strict=True)
        ]
        (sentence,) = noted(told).sentences().values()
        return sentence.removeprefix("[1] ").removesuffix(f": {caveat}")

    assert of(name=["kid", "mmd_rbf"]) == "mmd_rbf on radiomics"
    assert of(synthetic=["vae"], name=["ms_ssim"]) == "ms_ssim on voxels of vae"
    assert of(group=["sex=F", "sex=M"], name=["ms_ssim"]) == "ms_ssim on voxels in every group"
    assert of(group=["sex=F"], name=["ms_ssim"]) == "ms_ssim on voxels in sex=F"
    assert of(group=["", "sex=F"], name=["ms_ssim"]) == (
        "ms_ssim on voxels in all volumes together and sex=F"
    )
    assert of() == "frechet_distance, mmd_rbf and ms_ssim on radiomics and voxels"
    untrained = Caveat("random", "Random weights.", "extractor")
    assert of(untrained, extractor=["radiomics"]) == "radiomics"
    four = [dataclasses.replace(found[0], name=f"q{i}", warnings=(ODD,)) for i in range(4)]
    assert list(noted(four).sentences().values()) == [
        "[1] q0 and 3 other numbers on radiomics: {n} odd."
    ]


def test_ten_that_say_one_thing_are_one_note():
    sizes = {"": 40, "sex=F": 9, "sex=M": 31}
    of_groups = Caveat("of-groups", "Odd.")
    found = grouped(lambda e: e.group and of_groups, lambda e: few(sizes[e.group], sizes[e.group]))
    notes = noted(found, ODD(n=3))
    assert list(notes.sentences().values()) == [
        "[1] real: 3 odd.",
        (
            "[2] frechet_distance, mmd_rbf and ms_ssim on radiomics and voxels: "
            "9 to 40 real and 9 to 40 synthetic volumes are few for 50%."
        ),
        "[3] frechet_distance, mmd_rbf and ms_ssim on radiomics and voxels in every group: Odd.",
    ]
    assert list(notes.sentences(kinds=("group",))) == [of_groups.key]
    assert notes.marks(keys(found[0].warnings)) == "[2]"
    assert notes.marks(keys(found[-1].warnings)) == "[2, 3]"
    assert notes.marks(()) == ""


def test_results_keep_codes_and_values():
    evaluation = example("gan")
    plain = Caveat("braces", "Plain {n}.")
    unknown = ODD(n=math.nan)
    warned = (dataclasses.replace(evaluation.estimates[0], warnings=(few(3, 4), plain)),)
    real = dataclasses.replace(evaluation.real, warnings=(ODD(n=2),))
    evaluation = dataclasses.replace(evaluation, estimates=warned, real=real)
    record = json.loads(json.dumps(results.to_json(evaluation)))
    assert record["estimates"][0]["warnings"] == [str(few(3, 4)), "Plain {n}."]
    assert record["estimates"][0]["caveats"][0] == {
        "code": "few",
        "scope": "estimate",
        "values": {"real": 3, "synthetic": 4, "share": 0.5},
        "template": FEW.template,
    }
    assert results.from_json(record) == evaluation
    assert str(results.from_json(record).real.warnings[0]) == "2 odd."
    written = json.loads(json.dumps(to_json([unknown]), allow_nan=False))
    assert str(from_json(written, "cohort")[0]) == "nan odd."


def test_sentences_of_results_written_before_there_were_codes_are_read():
    evaluation = example("gan")
    record = json.loads(json.dumps(results.to_json(evaluation)))
    record["real"]["warnings"] = ["2 odd."]  # beside templates and values, without codes
    first = record["estimates"][0]
    first["warnings"] = ["3 few.", "Plain {n}."]
    record["real"]["caveats"] = [{"template": "{n} odd.", "values": {"n": 2}}]
    first["caveats"] = [
        {"template": "{n} few.", "values": {"n": 3}}, {"template": "Plain {n}.", "values": {}}
    ]  # fmt: skip
    read = results.from_json(record)
    (odd,) = read.real.warnings
    assert (odd.scope, odd.values) == ("cohort", {"n": 2})
    assert joined([odd, odd(n=7)]) == "2 to 7 odd."
    assert [str(c) for c in read.estimates[0].warnings] == ["3 few.", "Plain {n}."]
    del record["schema"]
    for carrier in (record["real"], *record["synthetic"], *record["estimates"]):
        del carrier["caveats"]
    read = results.from_json(record)
    assert [str(c) for c in read.real.warnings] == ["2 odd."]
    assert [str(c) for c in read.estimates[0].warnings] == ["3 few.", "Plain {n}."]
