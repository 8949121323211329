"""One configuration of an experiment, whether a file, options or `--set` tell it."""

import json

import pytest
import typer

from evalsuite.errors import EvalsuiteError
from evalsuite.utility.commands import app
from evalsuite.utility.config import UtilityConfig, load_config

SOURCES = {"real": {"path": "images", "labels": "maps"}, "synthetic": "gan=generated"}


@pytest.mark.parametrize("name", ["experiment.yaml", "experiment.toml"])
def test_options_win_over_the_file_and_set_over_both(tmp_path, name):
    path = tmp_path / name
    lines = {"real": "images", "synthetic": "generated", "steps": 7, "repeats": 2}
    equals = ":" if name.endswith("yaml") else " ="
    path.write_text("".join(f"{key}{equals} {json.dumps(v)}\n" for key, v in lines.items()))
    found = load_config(path, {"steps": 8, "seed": 1}, {"seed": 2})
    expected = UtilityConfig(real="images", synthetic="generated", steps=8, repeats=2, seed=2)
    assert found == expected


def test_a_cohort_is_named_as_on_the_command_line():
    found = load_config(None, SOURCES)
    assert (found.synthetic.name, found.synthetic.path) == ("gan", "generated")
    assert found.real.labels == "maps"


def test_a_file_without_cohorts_and_an_unknown_setting_are_told(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text("stepz: 3\n")
    with pytest.raises(EvalsuiteError, match="Pass --real DIR --synthetic DIR"):
        load_config(path)
    with pytest.raises(EvalsuiteError, match=r"e\.yaml.*stepz"):
        load_config(path, SOURCES)


def test_the_help_shows_the_defaults_that_hold():
    command = typer.main.get_command(app)
    shown = {
        option.name: option.show_default
        for option in command.params
        if isinstance(getattr(option, "show_default", None), str)
    }
    assert {"shares", "steps", "learning_rate", "patch"} < set(shown)
    for name, text in shown.items():
        default = UtilityConfig.model_fields[name].default
        values = default if isinstance(default, tuple) else (default,)
        told = [type(value)(part) for value, part in zip(values, text.split(","), strict=True)]
        assert told == list(values), name
