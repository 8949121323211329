"""What a generator leaves out, pads and refuses, before it trains."""

import json

import numpy as np
import pytest
import torch

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from generator.config import load_config
from generator.data import TrainingData
from generator.fitting import cut_back, fitting, left_out, sides_seen, widened
from generator.memory import disk, training_needs
from generator.model import load
from generator.run import train
from generator.summary import summary
from tests.generator.conftest import MICRO, micro

UNRESOLVED = {"preprocessing": {"shape": "auto", "intensity": {"kind": "minmax"}}}
QUICK = {"resume": False, "device": "cpu", "experiment": None, "skip_invalid": False}


def cohort_of(folder, volumes, affine=None):
    """Return a checked cohort of arrays."""
    folder.mkdir(exist_ok=True)
    for i, voxels in enumerate(volumes):
        kind = np.eye(4) if affine is None else affine[i]
        write_nifti(Volume(voxels.astype(np.float32), kind), folder / f"v{i}.nii.gz")
    return check_cohort(read_cohort(str(folder), name="training", role="real"))


def boxes(shape=(30, 31, 29), n=3):
    """Return bright boxes that reach from the top face to 5 voxels above the lowest one."""
    voxels = np.zeros((n, *shape))
    voxels[:, 10:20, 10:20, 5:] = 1
    for i in range(n):
        voxels[i, 0, 0, 0] = 0.01 * i  # no volume is a copy of another
    return voxels


def test_the_share_and_the_faces_that_a_crop_leaves_out_are_those_counted_by_hand(tmp_path):
    """29 voxels along z become 24: 3 go below, where nothing is, and 2 of 24 bright ones above."""
    cohort = cohort_of(tmp_path / "boxes", boxes())
    config = micro(**UNRESOLVED, fit="crop")
    steps = fitting(config, cohort)
    assert steps.shape == (24, 24, 24)
    lost = left_out(cohort, steps)
    assert lost.share == lost.most == pytest.approx(2 / 24)
    assert {name for name, share in lost.faces.items() if share} == {"top"}
    assert lost.faces["top"] == pytest.approx(2 / 24)
    assert (lost.whole, lost.looked_at) == ((30, 31, 29), 3)
    assert "8.3% of the foreground of 3 volumes" in str(lost)


def test_a_volume_turned_on_disk_loses_at_the_same_face_of_the_patient(tmp_path):
    """Stored from left to right and from head to feet, the top is still the top."""
    turned = np.diag([-1.0, 1.0, -1.0, 1.0])
    cohort = cohort_of(tmp_path / "t", boxes()[:, ::-1, :, ::-1], [turned] * 3)
    lost = left_out(cohort, fitting(micro(**UNRESOLVED, fit="crop"), cohort))
    assert {name for name, share in lost.faces.items() if share} == {"top"}


def test_padding_leaves_nothing_out_by_default(tmp_path):
    cohort = cohort_of(tmp_path / "boxes", boxes())
    config = micro(**UNRESOLVED)
    data = TrainingData(cohort, config)
    assert data.preprocessing.shape == (30, 31, 29)
    assert data.sides == (32, 32, 32)
    lost = left_out(cohort, data.preprocessing)
    assert (lost.share, lost.most) == (0, 0)
    assert str(lost) == "nothing of the foreground of 3 volumes looked at"
    seen = data.volumes([1])
    assert seen.shape == (1, 1, 32, 32, 32)
    own = data.preprocessing.apply(cohort.entries[1].read()).voxels
    np.testing.assert_array_equal(cut_back(seen, (30, 31, 29))[0, 0], own)
    # The margin repeats the outermost voxels: no frame is there to be learnt.
    assert torch.equal(seen[..., -1], seen[..., -2])


def test_widening_and_cutting_back_are_inverse():
    volumes = torch.rand(2, 5, 6, 7)
    wide = widened(volumes, (8, 8, 8))
    assert torch.equal(cut_back(wide, (5, 6, 7)), volumes)
    assert torch.equal(widened(volumes, (5, 6, 7)), volumes)


def test_sides_that_networks_see_are_the_next_multiples():
    assert micro().multiple == 8
    assert sides_seen(micro(), (8, 9, 16)) == (8, 16, 16)


def test_large_volumes_of_a_mixed_cohort_are_told_beside_the_shape_that_holds_all(tmp_path):
    small, large = np.ones((2, 16, 16, 16)), np.ones((1, 20, 16, 16))
    small[:, 0], large[:, 0] = 0, 0
    small[1, 0, 0, 0] = 0.5
    cohort = cohort_of(tmp_path / "m", [*small, *large])
    steps = fitting(micro(**UNRESOLVED), cohort)
    assert steps.shape == (16, 16, 16)
    lost = left_out(cohort, steps)
    assert lost.whole == (20, 16, 16)
    # Of 19 bright slabs of the large one 16 stay, from 2 to 18; 1 goes left and 2 go right.
    assert lost.most == pytest.approx(3 / 19)
    assert lost.most_of == "v2.nii.gz"
    assert lost.faces["left"] * 3 == pytest.approx(1 / 19)
    assert lost.faces["right"] * 3 == pytest.approx(2 / 19)


def test_of_a_large_cohort_volumes_at_equal_distances_are_looked_at(cohort, monkeypatch):
    monkeypatch.setattr("generator.fitting.LOOKED_AT", 3)
    assert left_out(cohort, fitting(micro(), cohort)).looked_at == 3


@pytest.mark.parametrize(
    ("shape", "preprocessing", "message"),
    [
        ((6, 6, 6), {"shape": "auto"}, "need at least 8 along each axis. Use fit: pad"),
        ((9, 17, 10), {"shape": [9, 8, 8]}, "multiples of 8, such as 8 x 8 x 8. Or use fit: pad"),
    ],
)
def test_a_crop_that_is_not_possible_names_what_is(make_cohort, shape, preprocessing, message):
    folder = make_cohort("small", 4, shape=shape)
    cohort = check_cohort(read_cohort(str(folder), name="training", role="real"))
    with pytest.raises(EvalsuiteError, match=message):
        fitting(micro(preprocessing=preprocessing, fit="crop"), cohort)
    TrainingData(cohort, micro(preprocessing=preprocessing))


def test_mixed_spacing_is_refused_where_volumes_keep_their_own(tmp_path):
    affines = [np.diag([side, 1, 1, 1]) for side in (1.0, 1.0, 1.5)]
    cohort = cohort_of(tmp_path / "m", boxes(), affines)
    with pytest.raises(EvalsuiteError, match=r"spacing differs .* leave preprocessing.spacing out"):
        fitting(micro(preprocessing={"spacing": "native"}), cohort)
    common = fitting(micro(preprocessing={"shape": [8, 16, 8], "spacing": "auto"}), cohort)
    assert common.spacing == (1, 1, 1)


def test_axes_that_are_left_as_stored_must_be_those_of_samples(tmp_path):
    turned = np.diag([-1.0, -1.0, 1.0, 1.0])
    cohort = cohort_of(tmp_path / "t", boxes(), [turned] * 3)
    with pytest.raises(EvalsuiteError, match=r"v0.nii.gz does not run along RAS"):
        fitting(micro(preprocessing={"orientation": "native"}), cohort)


def test_native_spacing_is_that_of_the_axes_of_samples(tmp_path):
    """Stored with the axes front, head, right: the spacing is told in the order of RAS."""
    affine = np.zeros((4, 4))
    affine[1, 0], affine[2, 1], affine[0, 2], affine[3, 3] = 2, 3, 1, 1
    cohort = cohort_of(tmp_path / "t", boxes(), [affine] * 3)
    data = TrainingData(cohort, micro(preprocessing={"spacing": "native"}))
    assert data.spacing == [1, 2, 3]


def test_samples_of_an_odd_shape_have_it_and_the_summary_tells_before(
    make_cohort, tmp_path, capsys
):
    make_cohort("training", 8, shape=(9, 17, 10))
    (tmp_path / "cases.csv").write_text(
        "path,subject\n" + "\n".join(f"training/v{i:02d}.nii.gz,s{i // 2}" for i in range(8))
    )
    once = MICRO["vqgan"]["training"] | {"steps": 1}
    config = micro(
        preprocessing={"shape": "auto"},
        vqgan=MICRO["vqgan"] | {"training": once},
        diffusion=MICRO["diffusion"] | {"training": MICRO["diffusion"]["training"] | {"steps": 1}},
    )
    train(str(tmp_path / "cases.csv"), tmp_path / "run", config, **QUICK)
    told = capsys.readouterr().err
    generator = load(tmp_path / "run")
    card = generator.card
    networks = generator.autoencoder, generator.denoiser
    weights = [sum(p.numel() for p in network.parameters()) for network in networks]
    for line in (
        "Volumes   8 of 4 subjects; 6 to train on, 2 held out",
        "Shape     9 x 17 x 10 voxels, shown to the networks as 16 x 24 x 16",
        "Left out  nothing of the foreground",
        "Spacing   1 x 1 x 1 mm",
        "Told      nothing",
        "Latents   4 x 4 x 6 x 4",
        f"Weights   {weights[0]:,} of the VQ-GAN, {weights[1]:,} of the denoiser",
    ):
        assert line in told
    assert card["latent_shape"] == [4, 4, 6, 4]
    assert Preprocessing.model_validate(card["preprocessing"]).shape == (9, 17, 10)
    assert card["left_out"]["share"] == 0
    sample = generator.sample(1, steps=5)[0]
    assert sample.shape == (9, 17, 10)
    # The middle of the grid stays at the origin, whatever was cut off.
    np.testing.assert_allclose(sample.affine @ [4, 8, 4.5, 1], [0, 0, 0, 1])
    json.dumps(card)


def test_what_is_to_be_doubted_is_told_below_with_its_mend(tmp_path, monkeypatch):
    cohort = cohort_of(tmp_path / "boxes", boxes())
    config = micro(**UNRESOLVED, fit="crop")
    data = TrainingData(cohort, config)
    monkeypatch.setattr("generator.summary._memory", lambda device: 1 << 20)
    *_, crop, memory = summary(
        data, config, left_out(cohort, data.preprocessing), tmp_path, torch.device("cpu")
    ).splitlines()
    assert crop == (
        "The shape 24 x 24 x 24 leaves 8.3% of the foreground out. With fit=pad and "
        "preprocessing.shape=[30,31,29] (see --set) every volume is whole."
    )
    assert memory.endswith(
        "but cpu has 1 MiB. Use a smaller batch_size with accumulate, or checkpointing: true."
    )


def test_a_shape_that_pads_many_volumes_is_told_with_one_that_pads_few(tmp_path):
    """Of 21 volumes 11 are 18 voxels long, and one each of 8 to 17: the second shortest sets it."""
    random = np.random.default_rng(0)
    lengths = [18] * 11 + list(range(8, 18))
    cohort = cohort_of(tmp_path / "v", [random.random((n, 16, 16)) for n in lengths])
    config = micro(**UNRESOLVED)
    data = TrainingData(cohort, config)
    lost = left_out(cohort, data.preprocessing)
    assert (lost.padded, lost.snug, lost.padded_then) == (10 / 21, (9, 16, 16), 1 / 21)
    told = summary(data, config, lost, tmp_path, torch.device("cpu")).splitlines()
    assert told[-1] == (
        "48% of the volumes are shorter than 18 x 16 x 16 and padded, for which samples come out "
        "coarser and darker than real ones. With preprocessing.shape=[9,16,16] 5% are padded."
    )
    stretched = data.preprocessing.model_copy(update={"fit": "resize"})
    assert left_out(cohort, stretched).padded == 0


def test_needs_grow_with_volumes_and_fall_with_processes():
    config = micro()
    first, second = training_needs(config, (16, 16, 16))
    wide, _ = training_needs(config, (32, 16, 16))
    weights = 16 * 1.5 * (first.checkpoint / 12)
    assert wide.memory - weights == pytest.approx(2 * (first.memory - weights), rel=0.05)
    halved, _ = training_needs(config, (16, 16, 16), processes=2)
    assert halved.memory - weights == pytest.approx((first.memory - weights) / 2, rel=0.05)
    # Two checkpoints, one in the making, and the best weights in the place of another.
    assert disk([first, second]) > 4 * (first.checkpoint + second.checkpoint)


def test_every_preset_has_networks_that_fit_together():
    from generator.presets import PRESETS

    for name in PRESETS:
        config = load_config(None, {"preset": name})
        shape = config.preprocessing.shape
        sides = sides_seen(config, (32, 32, 32) if shape == "auto" else shape)
        first, second = training_needs(config, sides)
        assert min(first.memory, second.memory) > 0
