"""Protocols as data: every choice is there, lies under the user's settings, and changes are told."""

import json
from dataclasses import fields, replace
from importlib.metadata import EntryPoint

import pytest

from evalsuite import plugins
from evalsuite.config import load_config
from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.frd.extraction import AS_ON_DISK
from evalsuite.extractors.slices import Slices
from evalsuite.metrics.metric import Metric
from evalsuite.protocols.changes import modifications, recorded
from evalsuite.protocols.protocol import Protocol, load_protocol
from evalsuite.records import Evaluation

BOTH = {"real": "a", "synthetic": ["b"]}
NAMES = list(plugins.available("protocols"))


def changed(name, **settings):
    config = load_config(None, {**BOTH, "protocol": name, **settings})
    return modifications(load_protocol(name), config.model_dump(mode="json"))


def test_those_that_were_promised_are_there():
    assert set(NAMES) >= {
        "maisi-2.5d", "vlm3d-mr-2.5d", "ha-gan", "wdm-3d", "medmetric", "frd-v0", "frd-v1",
        "medical-diffusion",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_choice_is_possible_and_frozen(name):
    protocol = load_protocol(name)
    assert protocol.name == name
    config = load_config(None, {**BOTH, "protocol": name})
    assert config.steps() == protocol.preprocessing
    assert set(config.metrics) == set(protocol.metrics)
    if protocol.extractors:
        assert config.extractors == protocol.extractors
    if protocol.slices:
        # Nothing is left to what the network declares.
        assert set(protocol.slices) == set(Slices.model_fields)
        assert Slices(**protocol.slices).model_dump(mode="json") == config.slices
    for metric, options in protocol.metrics.items():
        if metric in plugins.available("metrics"):
            loaded = plugins.load("metrics", metric)
            assert isinstance(loaded, Metric)
            loaded.judged(options)
    frozen = protocol.settings()
    for key in protocol.free:
        value = frozen
        for part in key.split("."):
            value = value[part]
    assert protocol.paper
    assert protocol.source.licence


@pytest.mark.parametrize("name", NAMES)
def test_an_unmodified_protocol_is_unmodified_whatever_the_preset(name):
    assert changed(name) == ()
    assert changed(name, preset="ct", seed=7) == ()


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("maisi-2.5d", {"preprocessing.shape": [64, 64, 64]}, ("shape 64 x 64 x 64",)),
        ("maisi-2.5d", {"preprocessing.intensity.low": -500}, ("intensity low -500",)),
        # Of another kind all settings are others, and only the kind is told.
        ("maisi-2.5d", {"preprocessing.intensity": "zscore"}, ("intensity zscore",)),
        ("maisi-2.5d", {"preprocessing.intensity": {"kind": "none"}}, ("intensity none",)),
        (
            "maisi-2.5d",
            {"slices.share": 1.0, "slices.size": 224},
            ("slices share 1.0", "slices size 224"),
        ),
        ("maisi-2.5d", {"slices.intensity": None}, ("slices intensity none",)),
        ("maisi-2.5d", {"extractors": ["radiomics"]}, ("extractors radiomics",)),
        ("maisi-2.5d", {"precision": "bfloat16"}, ("precision bfloat16",)),
        ("maisi-2.5d", {"metrics": ["frechet", "mmd"]}, ("mmd added",)),
        ("maisi-2.5d", {"metrics": ["mmd"]}, ("mmd added", "frechet left out")),
        # What the protocol says nothing of is free.
        ("maisi-2.5d", {"metrics.frechet.level": 0.9}, ()),
        ("medical-diffusion", {"metrics.ms_ssim.pairs": 5}, ("metrics ms ssim pairs 5",)),
        ("medical-diffusion", {"metrics.ms_ssim.sigma": 2.0}, ("metrics ms ssim sigma 2.0",)),
        ("medmetric", {"preprocessing.shape": [64, 64, 64]}, ()),
        ("wdm-3d", {"preprocessing_synthetic.pool": 2}, ("preprocessing synthetic pool 2",)),
        ("wdm-3d", {"preprocessing_synthetic.trim": True}, ("preprocessing synthetic trim True",)),
    ],
)
def test_what_is_changed_is_told(name, settings, told):
    assert set(changed(name, **settings)) == set(told)


def test_settings_lie_under_each_other_preset_wants_protocol_user():
    wants = {"orientation": "LPS", "padding": 3.0, "fit": "resize", "border": "nearest"}
    config = load_config(None, {**BOTH, "preset": "ct", "preprocessing.padding": 5.0})
    steps = config.steps(wants)
    assert (steps.padding, steps.fit, steps.intensity.kind) == (5.0, "resize", "window")
    under = {**BOTH, "protocol": "maisi-2.5d"}
    steps = load_config(None, {**under, "preprocessing.padding": 5.0}).steps(wants)
    assert (steps.orientation, steps.fit, steps.padding) == ("RAS", "pad-crop", 5.0)


def test_frd_s_steps_are_those_that_its_extractors_want():
    for name in ("frd-v0", "frd-v1"):
        assert load_config(None, BOTH).steps(AS_ON_DISK) == load_protocol(name).preprocessing


def test_a_file_may_name_the_protocol_and_keeps_its_own_options(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(
        "real: r\nsynthetic: s\nprotocol: medical-diffusion\n"
        "metrics: {ms_ssim: {sigma: 2.0}, frechet: {level: 0.9}}\n"
    )
    config = load_config(file, {})
    assert config.metrics == {
        "ms_ssim": {**load_protocol("medical-diffusion").metrics["ms_ssim"], "sigma": 2.0},
        "frechet": {"level": 0.9},
    }
    assert load_config(file, {"metrics": ["frechet"]}).metrics == {"frechet": {"level": 0.9}}
    # A rerun of what was recorded is the same.
    again = tmp_path / "again.json.yaml"
    again.write_text(json.dumps(config.model_dump(mode="json", exclude_defaults=True)))
    assert load_config(again, {}) == config


def test_without_a_protocol_nothing_changes():
    assert load_config(None, BOTH).protocol is None
    assert recorded(load_config(None, BOTH).model_dump(mode="json")) is None


def test_an_unknown_one_is_told_with_the_nearest():
    with pytest.raises(EvalsuiteError, match='Did you mean "maisi-2.5d"'):
        load_config(None, {**BOTH, "protocol": "maisi-2d"})


def evaluation(config):
    values = dict.fromkeys((f.name for f in fields(Evaluation)), ())
    return Evaluation(**{**values, "config": config})


def test_how_an_evaluation_is_called():
    none = evaluation({})
    assert none.protocol == ""
    assert none.standing.startswith("No protocol: these numbers stand beside no published table")
    record = recorded(
        load_config(
            None, {**BOTH, "protocol": "maisi-2.5d", "preprocessing.shape": [64, 64, 64]}
        ).model_dump(mode="json"),
        ["weights seeded.pth"],
    )
    some = evaluation({"protocol": record})
    assert some.protocol == "maisi-2.5d, modified: shape 64 x 64 x 64, weights seeded.pth"
    assert "do not stand beside the published ones" in some.standing
    plain = replace(some, config={"protocol": {**record, "modified": []}})
    assert plain.protocol == "maisi-2.5d"
    assert plain.standing == (
        "Protocol maisi-2.5d, as in NVIDIA-Medtech/NV-Generate-CTMR at commit da438fe."
    )


def test_a_protocol_of_another_package_is_one_of_them(monkeypatch, cli):
    theirs = load_protocol("maisi-2.5d").model_copy(update={"name": "ours", "slices": {}})
    monkeypatch.setattr(theirs.__class__, "THEIRS", theirs, raising=False)
    known = plugins.available("protocols")
    point = EntryPoint("ours", f"{Protocol.__module__}:Protocol.THEIRS", "evalsuite.protocols")
    real = plugins.available

    def available(group):
        return {**known, "ours": point} if group == "protocols" else real(group)

    monkeypatch.setattr(plugins, "available", available)
    assert load_config(None, {**BOTH, "protocol": "ours"}).extractors == ("radimagenet-resnet50",)
    _, out, _ = cli("protocols", "--json")
    assert {row["name"] for row in json.loads(out)} == {*known, "ours"}


def test_list_and_show(cli):
    status, out, _ = cli("protocols")
    assert status == 0
    assert all(name in out for name in NAMES)
    status, out, _ = cli("protocols", "show", "maisi-2.5d")
    assert status == 0
    for text in (
        "NVIDIA-Medtech/NV-Generate-CTMR at commit da438fe",
        "arXiv 2409.11169",
        "shape: 512 x 512 x 512",
        "share: 0.4",
        "padding: -1000",
        "terms of their own",
        (
            "autoPET 2023, 512 x 512 x 512 voxels of 1 mm; MAISI (rflow-ct); FID, mean of the planes: "
            "5.124 (NV-Generate-CTMR, docs/evaluation.md, table 1)"
        ),
        "--protocol maisi-2.5d",
    ):
        assert text in out
    _, out, _ = cli("protocols", "show", "maisi-2.5d", "--json")
    assert Protocol.model_validate_json(out) == load_protocol("maisi-2.5d")
    status, _, err = cli("protocols", "show", "masi")
    assert (status, err.count("\n")) == (1, 1)


def test_published_means_are_the_means_of_the_planes():
    """As printed, to the last digit: (18.524 + 23.696 + 25.604) / 3 = 22.608."""
    values = {(p.method, p.number): p.value for p in load_protocol("maisi-2.5d").published}
    for method in {method for method, _ in values}:
        *planes, mean = (v for (m, _), v in values.items() if m == method)
        assert sum(planes) / 3 == pytest.approx(mean, abs=6e-4)
