"""Volumes tell which weights made them by the sidecars beside them."""

import pytest

from evalsuite.volumes.provenance import weights_of


@pytest.mark.parametrize(
    ("sidecars", "weights"),
    [
        ({"a": '{"WeightsSHA256": "ab"}', "b": '{"WeightsSHA256": "ab"}'}, "ab"),
        ({"a": '{"WeightsSHA256": "ab"}', "b": '{"WeightsSHA256": "cd"}'}, ""),
        ({"a": '{"WeightsSHA256": "ab"}'}, ""),  # the other may be anyone's
        ({"a": '{"EchoTime": 1}', "b": "[1]"}, ""),
        ({"a": "{", "b": "{"}, ""),
    ],
)
def test_all_volumes_must_be_of_the_same_weights(tmp_path, sidecars, weights):
    for name, text in sidecars.items():
        (tmp_path / f"{name}.json").write_text(text)
    assert weights_of([tmp_path / "a.nii.gz", tmp_path / "b.nii"]) == weights


def test_no_volume_is_of_no_weights():
    assert weights_of([]) == ""
