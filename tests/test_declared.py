"""Every kind of fault is told in our words, with what is allowed."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError, field_validator

from evalsuite.config import EvaluationConfig
from evalsuite.declared import Declared, allowed, faults, validated
from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.design import StudyDesign
from evalsuite.utility.config import UtilityConfig
from evalsuite.volumes.preprocessing import Preprocessing
from generator.config import GeneratorConfig


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Small(Declared):
    kind: Literal["small"] = "small"
    size: int = 1


class Large(Declared):
    kind: Literal["large"] = "large"
    size: int


class Everything(Declared):
    whole: Annotated[int, Field(gt=0, lt=10)] = 1
    share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    most: Annotated[float, Field(le=3)] = 1.0
    flag: bool = False
    colour: Colour = Colour.RED
    path: Path | None = None
    words: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    pair: tuple[int, int] = (1, 2)
    rates: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    either: Literal["auto"] | tuple[int, int] | None = "auto"
    one: Annotated[Small | Large, Field(discriminator="kind")] = Small()
    many: tuple[Large, ...] = ()
    code: Annotated[str, Field(pattern="^[a-z]$", json_schema_extra={"expected": "a letter"})] = "a"
    even: int = 2

    @field_validator("even")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError(f"Must be even, but is {value}.")
        return value


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"whole": "x"}, 'whole: expected a whole number from 1 to 9, but found "x"'),
        ({"whole": 10}, "whole: expected a whole number from 1 to 9, but found 10"),
        ({"whole": 2.5}, "whole: expected a whole number from 1 to 9, but found 2.5"),
        ({"share": 1}, "share: expected a number of at least 0 and below 1, but found 1"),
        (
            {"share": float("nan")},
            "share: expected a number of at least 0 and below 1, but found NaN",
        ),
        ({"most": 4}, "most: expected a number of at most 3, but found 4"),
        ({"flag": 7}, "flag: expected true or false, but found 7"),
        ({"colour": "pink"}, 'colour: expected red or blue, but found "pink"'),
        ({"path": 5}, "path: expected text or null, but found 5"),
        ({"words": "ab"}, 'words: expected a list, each text that is not empty, but found "ab"'),
        ({"words": ["a", ""]}, 'words.1: expected text that is not empty, but found ""'),
        ({"pair": [1]}, "pair: expected a list of 2, each a whole number, but found [1]"),
        ({"rates": [1]}, "rates: expected a table of settings, but found [1]"),
        ({"rates": {"a": 0}}, "rates.a: expected a number above 0, but found 0"),
        (
            {"either": [1, "x"]},
            'either: expected auto, a list of 2, each a whole number or null, but found [1, "x"]',
        ),
        ({"one": 3}, "one: expected a table whose kind is large or small, but found 3"),
        ({"one": {"kind": "huge"}}, 'kind is large or small, but found {"kind": "huge"}'),
        ({"one": {"kind": "large"}}, 'the setting "one.size" is missing'),
        (
            {"one": {"kind": "small", "sise": 1}},
            'the setting "one.sise" is unknown (did you mean "size"?)',
        ),
        (
            {"many": [{"size": 1}, {"size": "x"}]},
            'many.1.size: expected a whole number, but found "x"',
        ),
        ({"code": "?"}, 'code: expected a letter, but found "?"'),
        ({"even": 3}, "even: must be even, but is 3"),
        ({"wholly": 3}, 'the setting "wholly" is unknown (did you mean "whole"?)'),
        ({"zzz": 3}, 'the setting "zzz" is unknown (known: code, colour, either, even,'),
        (3, "expected a table of settings, but found 3"),
        ({"whole": 0, "flag": 7}, "found 0; flag: expected true or false, but found 7"),
    ],
)
def test_faults_say_what_is_allowed_and_what_was_found(values, told):
    with pytest.raises(EvalsuiteError) as caught:
        validated(Everything, values, "it")
    assert str(caught.value).startswith("In it, ")
    assert told in str(caught.value)


def test_what_is_given_alone_is_told_as_what_is_declared_in_a_list():
    with pytest.raises(EvalsuiteError) as caught:
        validated(EvaluationConfig, {"real": "a", "synthetic": ""})
    assert 'synthetic.path: expected text that is not empty, but found ""' in str(caught.value)


def test_a_long_value_is_cut():
    with pytest.raises(EvalsuiteError, match=r"found \"x{76}\.\.\.\.$"):
        validated(Everything, {"whole": "x" * 500})


PYDANTIC = ("nput should", "ermitted", "ield required", "alid dict", "odule", "nstance", "ype=")
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner),
    max_leaves=4,
)


@pytest.mark.parametrize(
    "model",
    [Everything, EvaluationConfig, Preprocessing, UtilityConfig, GeneratorConfig, StudyDesign],
)
@given(data=st.data())
def test_no_declaration_lets_the_words_of_pydantic_through(model, data):
    fields = st.sampled_from(sorted(model.model_fields))
    values = data.draw(st.dictionaries(fields, PLAIN, max_size=4) | PLAIN)
    try:
        model.model_validate(values)
    except ValidationError as error:
        told = faults(error, model)
        assert told
        for clause in told:
            assert not any(word in clause for word in PYDANTIC)
            assert "expected anything" not in clause
            assert "\n" not in clause


def test_a_type_without_a_description_allows_anything():
    assert allowed(TypeAdapter(object).json_schema()) == "anything"
