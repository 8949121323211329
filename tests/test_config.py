import pytest

from evalsuite.config import CohortSource, load_config
from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.intensity import WindowIntensity

BOTH = {"real": "r", "synthetic": ["s"]}


def test_command_line_wins_over_the_file(tmp_path):
    file = tmp_path / "evaluation.yaml"
    file.write_text("real: r\nsynthetic: {path: s, name: vae}\nseed: 3\nmetrics: [mmd]\n")
    config = load_config(file, {"seed": 5, "metrics.mmd.permutations": 10})
    assert config.seed == 5
    assert config.metrics == {"mmd": {"permutations": 10}}
    assert config.synthetic == (CohortSource(path="s", name="vae"),)


def test_toml_is_read_too(tmp_path):
    file = tmp_path / "evaluation.toml"
    file.write_text('real = "r"\nsynthetic = ["a=x", "b=y"]\n[preprocessing]\nfit = "resize"\n')
    config = load_config(file, {})
    assert [s.name for s in config.synthetic] == ["a", "b"]
    assert config.steps().fit == "resize"


def test_an_option_of_one_metric_keeps_the_others():
    config = load_config(None, {**BOTH, "metrics.frechet.level": 0.9})
    assert set(config.metrics) == {"frechet", "mmd", "ms_ssim", "precision_recall", "realism"}


@pytest.mark.parametrize(
    ("intensity", "expected"),
    [
        ({"high": 400}, WindowIntensity(low=-1000, high=400)),
        ({"kind": "window", "low": 0}, WindowIntensity(low=0)),
    ],
)
def test_preprocessing_is_laid_over_its_preset(intensity, expected):
    config = load_config(None, {**BOTH, "preset": "ct", "preprocessing": {"intensity": intensity}})
    assert config.steps().intensity == expected


def test_another_kind_of_intensity_replaces_the_preset_s():
    config = load_config(None, {**BOTH, "preprocessing.intensity": "zscore"})
    assert config.steps().intensity.kind == "zscore"


@pytest.mark.parametrize(
    ("given", "weights"),
    [
        ("a.pth", {"": "a.pth"}),
        ("resnet=a.pth", {"resnet": "a.pth"}),
        (["resnet=a.pth", "dino=b=c.pt"], {"resnet": "a.pth", "dino": "b=c.pt"}),
        ("./x=1/a.pth", {"": "./x=1/a.pth"}),
        ({"resnet": "a.pth"}, {"resnet": "a.pth"}),
    ],
)
def test_weights_are_named_where_several_extractors_take_some(given, weights):
    assert load_config(None, {**BOTH, "weights": given}).weights == weights


def test_a_weight_file_that_is_there_wins_over_a_reading_with_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run=7.pth").touch()
    assert load_config(None, {**BOTH, "weights": "run=7.pth"}).weights == {"": "run=7.pth"}


@pytest.mark.parametrize("given", [["a.pth", "b.pth"], ["x=a.pth", "x=b.pth"]])
def test_two_weight_files_for_one_extractor_are_told(given):
    with pytest.raises(EvalsuiteError, match="name each of several weight files, and each name"):
        load_config(None, {**BOTH, "weights": given})


@pytest.mark.parametrize(
    "declared",
    ["{mmd: {permutations: 20}, frechet: {level: 0.8}}", "{mmd: {permutations: 20}, frechet: }"],
)
def test_metrics_of_the_command_line_keep_the_options_of_the_file(tmp_path, declared):
    file = tmp_path / "c.yaml"
    file.write_text(f"real: r\nsynthetic: s\nmetrics: {declared}\n")
    config = load_config(file, {"metrics": ["mmd", "privacy"]})
    assert config.metrics == {"mmd": {"permutations": 20}, "privacy": {}}
    both = load_config(file, {"metrics": ["mmd"], "metrics.mmd.level": 0.9})
    assert both.metrics == {"mmd": {"permutations": 20, "level": 0.9}}


@pytest.mark.parametrize(
    ("metrics", "key", "mend"),
    [
        (["mmd"], "frechet.level", "computed, mmd. Add it with --metrics mmd,frechet."),
        (["mmd", "frechet"], "frechte.level", 'Did you mean "metrics.frechet"?'),
        (None, "privacy.false_positive_rate", "realism. Add it with --metrics frechet,"),
    ],
)
def test_options_of_a_metric_that_is_not_computed_are_refused(metrics, key, mend):
    chosen = {"metrics": metrics} if metrics else {}
    with pytest.raises(EvalsuiteError, match=f"^--set metrics.{key}: ") as caught:
        load_config(None, {**BOTH, **chosen, f"metrics.{key}": 1})
    assert mend in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"metrics": []}, "metrics: expected a list of metrics, or a table of them with their"),
        ({"metrics": {"mmd": 5}}, "metrics.mmd: expected a table of options, but found 5."),
        ({"precision": "float16"}, 'precision: expected float32 or bfloat16, but found "float16".'),
        ({"by": 5}, "by: expected text or null, but found 5."),
        ({"seed": 1.5}, "seed: expected a whole number of at least 0, but found 1.5."),
        ({"real": 5}, "real: expected a path, or a table with path, name and labels, but found 5."),
        ({"real": {"pth": "r"}}, 'the setting "real.path" is missing; the setting "real.pth" is'),
        ({"synthetic": [5]}, "synthetic.0: expected a path, or a table with path, name and labels"),
        ({"real": ""}, 'real.path: expected text that is not empty, but found ""'),
    ],
)
def test_values_that_are_not_allowed_are_told_with_what_is(settings, fault):
    with pytest.raises(EvalsuiteError) as caught:
        load_config(None, {**BOTH, **settings})
    assert str(caught.value).startswith(f"In the command line, {fault}")


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        (
            "intensity",
            5,
            "intensity: expected a table whose kind is minmax, none, percentile, window or zscore",
        ),
        ("intensity", "zscor", 'zscore, but found {"kind": "zscor"}.'),
        ("intensity.lwo", 5, 'the setting "intensity.lwo" is unknown (did you mean "low"?).'),
        ("spacing", [1, 1], "spacing: expected auto, native or a list of 3, each a number from"),
        ("spacing", [-1, 1, 1], "spacing: expected auto, native or a list of 3"),
        ("spacing", [float("inf"), 1, 1], "spacing: expected auto, native or a list of 3"),
        ("shape", [1.5, 2, 2], "each a whole number from 1 to 32767, but found [1.5, 2, 2]."),
        ("shape", [100_000, 1, 1], "each a whole number from 1 to 32767"),
        ("fit", "x", 'fit: expected crop-pad, pad-crop or resize, but found "x".'),
    ],
)
def test_steps_that_are_not_allowed_are_told_with_what_is(key, value, fault):
    config = load_config(None, {**BOTH, f"preprocessing.{key}": value})
    with pytest.raises(EvalsuiteError, match="^In the preprocessing, ") as caught:
        config.steps()
    assert fault in str(caught.value)


def test_a_folder_with_an_equals_sign_is_a_folder(tmp_path):
    folder = tmp_path / "t=100"
    folder.mkdir()
    assert CohortSource.parse(str(folder)).path == str(folder)
    assert CohortSource.parse("ddpm=some/dir") == CohortSource(path="some/dir", name="ddpm")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "real: r\nsynthetic: s\nsede: 1\n",
            'In {file}, the setting "sede" is unknown (did you mean "seed"?).',
        ),
        (
            "real: r\nsynthetic: s\nseed: x\n",
            'In {file}, seed: expected a whole number of at least 0, but found "x".',
        ),
        ("real: r\n", "An evaluation needs a real and a synthetic cohort."),
        ("- a\n", "{file}: expected a table of settings"),
        ("real: [\n", "{file}: not valid YAML"),
    ],
)
def test_faults_of_a_file_are_one_sentence(tmp_path, text, message):
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(EvalsuiteError) as caught:
        load_config(file, {})
    assert str(caught.value).startswith(message.format(file=file))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(EvalsuiteError, match=r"c\.yaml: the settings cannot be read: No such"):
        load_config(tmp_path / "c.yaml", {})


def test_impossible_steps_are_told():
    config = load_config(None, {**BOTH, "preprocessing.spacing": [1, 0, 1]})
    with pytest.raises(EvalsuiteError, match="In the preprocessing, spacing"):
        config.steps()
    with pytest.raises(EvalsuiteError, match='Unknown preset "pet"'):
        load_config(None, {**BOTH, "preset": "pet"}).steps()
