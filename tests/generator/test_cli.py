import pytest

from evalsuite import extras


def test_presets_are_listed_with_their_memory(cli):
    status, out, _ = cli("generator", "presets")
    assert status == 0
    for name in ("tiny", "small", "paper-brain", "paper-knee", "paper-breast", "paper-chest"):
        assert name in out
    assert "GiB" in out


def test_a_missing_extra_is_told(cli, monkeypatch, tmp_path):
    monkeypatch.setattr(extras, "_installed", lambda name: name != "einops")
    status, _, err = cli("generator", "sample", tmp_path, "--output", tmp_path / "out")
    assert status == 1
    assert err.strip() == (
        "The generator needs einops. Install it with: pip install 'evalsuite[generator]'."
    )


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--preset", "huge"), 1, 'Unknown preset "huge". Known presets: paper-brain'),
        (
            ("--set", "vqgan.chanels=3"),
            1,
            'the setting "vqgan.chanels" is unknown (did you mean "channels"?)',
        ),
        (("--set", "seed"), 2, "expected KEY=VALUE"),
        (("--set", "diffusion.groups=7"), 1, "48 channels do not divide into 7 groups"),
        ((), 1, "it does not exist."),
    ],
)
def test_mistakes_are_told_without_a_traceback(cli, tmp_path, arguments, status, message):
    found, _, err = cli("generator", "train", "nowhere", "--output", tmp_path / "out", *arguments)
    assert found == status
    assert message in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err


def test_every_preset_is_a_valid_configuration():
    from generator.config import load_config
    from generator.presets import PRESETS

    for name in PRESETS:
        config = load_config(None, {"preset": name})
        assert config.preprocessing.shape == "auto" or all(
            side % config.multiple == 0 for side in config.preprocessing.shape
        )
    knee = load_config(None, {"preset": "paper-knee"})
    assert [side // knee.vqgan.factor for side in knee.preprocessing.shape] == [32, 32, 4]
    assert (knee.vqgan.codes, knee.vqgan.code_dimension, knee.diffusion.timesteps) == (
        16384,
        8,
        300,
    )
