"""One setting changed is one setting changed, in every configuration there is."""

import pytest
import typer
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.config import load_config as load_evaluation
from evalsuite.errors import EvalsuiteError
from evalsuite.settings import assigned, assignment, laid_over, nested, read_settings
from evalsuite.study.protocol.design import load_design
from evalsuite.study.workflow import overrides
from generator.config import load_config as load_generator

KEYS = st.text("abc", min_size=1, max_size=2)
TABLES = st.recursive(
    st.dictionaries(KEYS, st.integers(), max_size=3),
    lambda inner: st.dictionaries(KEYS, inner | st.integers(), max_size=3),
    max_leaves=12,
)


def leaves(table, above=()):
    """Return the values of nested tables by their path; an empty table is a value."""
    found = {}
    for key, value in table.items():
        deeper = leaves(value, (*above, key)) if isinstance(value, dict) and value else None
        found |= {(*above, key): value} if deeper is None else deeper
    return found


@given(TABLES, st.lists(KEYS, min_size=1, max_size=4), st.integers())
def test_what_is_not_named_stays_as_it_was(base, path, value):
    before = leaves(base)
    after = leaves(laid_over(base, nested(".".join(path), value)))
    assert after[tuple(path)] == value
    below_or_above = {p for p in before if p[: len(path)] == tuple(path)[: len(p)]}
    kept = {p: v for p, v in before.items() if p not in below_or_above}
    assert {p: v for p, v in after.items() if p != tuple(path)} == kept


@given(TABLES, TABLES)
def test_the_upper_settings_win_and_the_lower_ones_are_not_touched(base, over):
    copy = yaml.safe_load(yaml.safe_dump(base))
    result = leaves(laid_over(base, over))
    assert base == copy
    assert {p: v for p, v in leaves(over).items() if v != {}}.items() <= result.items()


def test_a_table_of_another_kind_replaces_and_one_of_the_same_kind_is_laid_over():
    window = {"intensity": {"kind": "window", "low": -1000, "high": 1000}}
    assert laid_over(window, {"intensity": {"high": 400}})["intensity"] == {
        "kind": "window",
        "low": -1000,
        "high": 400,
    }
    assert laid_over(window, {"intensity": "window"}) == window
    assert laid_over(window, {"intensity": "zscore"}) == {"intensity": {"kind": "zscore"}}
    other = {"intensity": {"kind": "percentile", "low": 1}}
    assert laid_over(window, other) == other


@pytest.mark.parametrize("text", ["seed", "=3", "a..b=1", ".a=1", "a=[1", "a={"])
def test_what_is_no_assignment_is_wrong_usage(text):
    with pytest.raises(typer.BadParameter, match="--set"):
        assigned([text])


def test_values_are_yaml():
    assert assigned(["a.b=null", "a.c=[1, x]", "d=yes", "e=1e-4"]) == {
        "a": {"b": None, "c": [1, "x"]},
        "d": True,
        "e": 0.0001,
    }


def test_a_setting_given_twice_is_refused():
    with pytest.raises(typer.BadParameter, match=r"--set a\.b=2: a\.b is set twice"):
        assigned(["a.b=1", "c=3", "a.b=2"])


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("s.yaml", "a: 1\nb: 2\na: 3\n", 'YAML: line 3: the key "a" stands in line 1 already.'),
        ("s.yaml", "{b: {c: 1, c: 2}}", 'YAML: line 1: the key "c" stands in line 1 already.'),
        ("s.yaml", "x:\n  - y: 1\n    z: 2\n    y: 3\n", 'line 4: the key "y" stands in line 2'),
        ("s.yaml", "a: [\n", "YAML: line 2: expected the node content"),
        ("s.toml", "a = 1\n[b]\nx = 1\n[b]\n", "twice (at line 4, column 3): [b]."),
    ],
)
def test_a_key_that_stands_twice_is_told_with_its_line(tmp_path, name, text, fault):
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(EvalsuiteError) as caught:
        read_settings(file)
    assert str(caught.value).startswith(f"{file}: not valid ")
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_merged_into_another_may_be_overruled(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: *a, y: 4}\n")
    assert read_settings(file)["b"] == {"x": 1, "y": 3}
    assert read_settings(file)["c"] == {"x": 1, "y": 4}


FILES = {
    "evaluation": {
        "real": "r",
        "synthetic": ["s"],
        "preset": "ct",
        "preprocessing": {
            "fit": "resize",
            "spacing": [1, 2, 3],
            "intensity": {"kind": "window", "low": -100, "high": 300},
        },
        "metrics": {"mmd": {"permutations": 7}, "frechet": {"level": 0.9}},
    },
    "study": {
        "name": "birds",
        "title": "Birds",
        "cohorts": [{"name": n, "path": n, "role": n, "cases": 2} for n in ("real", "synthetic")],
        "readers": ["Ada"],
        "template": ["paper", "analogue"],
        "margins": {"appearance": 0.5, "anatomy": 0.25, "realism": 4},
        "preset": "ct",
        "preparation": {"fit": "resize", "intensity": {"kind": "window", "low": -100}},
    },
    "generator": {
        "preset": "small",
        "preprocessing": {"fit": "resize", "intensity": {"kind": "percentile", "low": 2.0}},
        "vqgan": {"codes": 99, "training": {"steps": 11, "warmup": 3}},
        "diffusion": {"timesteps": 20, "training": {"steps": 12}},
    },
}
LOADED = {
    "evaluation": lambda path, settings: load_evaluation(path, dict(map(assignment, settings))),
    "study": lambda path, settings: load_design(
        path, overrides(None, None, None, None, 5, None, None, None, settings)
    ),
    "generator": lambda path, settings: load_generator(path, assigned(settings)),
}


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        ("evaluation", "metrics.frechet.level=0.8"),
        ("evaluation", "preprocessing.fit=crop-pad"),
        ("evaluation", "preprocessing.intensity.high=200"),
        ("study", "margins.anatomy=0.75"),
        ("study", "preparation.fit=crop-pad"),
        ("study", "preparation.intensity.low=-200.0"),
        ("generator", "vqgan.training.warmup=4"),
        ("generator", "diffusion.timesteps=30"),
        ("generator", "preprocessing.intensity.low=1.0"),
    ],
)
def test_set_changes_one_value_of_a_file_and_no_other(tmp_path, kind, setting):
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(FILES[kind]))

    def spelled_out(settings):
        loaded = LOADED[kind](path, settings)
        steps = loaded.steps().model_dump() if kind == "evaluation" else {}
        return leaves({**loaded.model_dump(mode="json"), "steps": steps})

    key, _, value = setting.partition("=")
    before, after = spelled_out([]), spelled_out([setting])
    changed = {p for p in before if before[p] != after.get(p)}
    assert set(before) == set(after)
    place = tuple(key.split("."))
    assert place in changed
    assert str(after[place]) == value
    # The steps of an evaluation are what its `preprocessing` comes to.
    assert {p for p in changed if p[0] != "steps"} == {place}
    assert len(changed) <= 2


@pytest.mark.parametrize("file", [None, "small"])
def test_the_preset_of_the_command_line_wins_whole(tmp_path, file):
    path = tmp_path / "settings.yaml"
    path.write_text(f"preset: {file}\nseed: 3\n")
    plain = load_generator(None, {"preset": "paper-knee"})
    found = load_generator(path if file else None, {"preset": "paper-knee"})
    assert found == plain.model_copy(update={"seed": 3 if file else 0})
    assert load_generator(path if file else None).preset == (file or "tiny")


def test_every_loader_reads_toml_and_tells_files_that_hold_no_table(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("[a]\nb = 1\n")
    assert read_settings(path) == {"a": {"b": 1}}
    for text, message in (("a = [", "not valid TOML"), ("", "expected a table")):
        path.with_suffix(".yaml" if not text else ".toml").write_text(text)
        for load in LOADED.values():
            with pytest.raises(EvalsuiteError, match=message):
                load(path.with_suffix(".yaml" if not text else ".toml"), [])
