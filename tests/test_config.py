import pytest

from evalsuite.config import CohortSource, load_config
from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.preprocessing import WindowIntensity

BOTH = {"real": "r", "synthetic": ["s"]}


def test_command_line_wins_over_the_file(tmp_path):
    file = tmp_path / "evaluation.yaml"
    file.write_text("real: r\nsynthetic: {path: s, name: vae}\nseed: 3\nmetrics: [mmd]\n")
    config = load_config(file, {"seed": 5, "metrics.frechet.bootstrap": 10})
    assert config.seed == 5
    assert config.metrics == {"mmd": {}, "frechet": {"bootstrap": 10}}
    assert config.synthetic == (CohortSource(path="s", name="vae"),)


def test_toml_is_read_too(tmp_path):
    file = tmp_path / "evaluation.toml"
    file.write_text('real = "r"\nsynthetic = ["a=x", "b=y"]\n[preprocessing]\nfit = "resize"\n')
    config = load_config(file, {})
    assert [s.name for s in config.synthetic] == ["a", "b"]
    assert config.steps().fit == "resize"


def test_an_option_of_one_metric_keeps_the_others():
    config = load_config(None, {**BOTH, "metrics.frechet.bootstrap": 10})
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


def test_a_folder_with_an_equals_sign_is_a_folder(tmp_path):
    folder = tmp_path / "t=100"
    folder.mkdir()
    assert CohortSource.parse(str(folder)).path == str(folder)
    assert CohortSource.parse("ddpm=some/dir") == CohortSource(path="some/dir", name="ddpm")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("real: r\nsynthetic: s\nsede: 1\n", 'In {file}, the setting "sede" is unknown.'),
        ("real: r\nsynthetic: s\nseed: x\n", "In {file}, seed: input should be a valid integer"),
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
