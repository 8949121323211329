import contextlib
import gzip
import json
import struct
from dataclasses import asdict

import numpy as np
import pytest
from scipy import fft, ndimage
from scipy.stats import binom

from evalsuite.errors import EvalsuiteError
from evalsuite.study.blinding.advice import ADVICE, advice
from evalsuite.study.blinding.audit import MARK, _against_others, _audit, audit
from evalsuite.study.blinding.axes import AXES, TOWARDS
from evalsuite.study.blinding.cases import decode, encode, prepare, resolve
from evalsuite.study.blinding.cues import SAMENESS, read_case
from evalsuite.volumes.check import check_volume
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.volume import Volume

SHAPE = (18, 19, 17)
STEPS = Preprocessing(shape=SHAPE, spacing=(1.0, 1.0, 1.0))


def scan(seed):
    """Return smooth tissue with noise and an arbitrary scale of intensities, as floats."""
    random = np.random.default_rng([7, seed])
    tissue = ndimage.gaussian_filter(random.normal(size=SHAPE), 2)
    voxels = np.exp(tissue / tissue.std() / 2) + random.normal(0, 0.05, SHAPE)
    return Volume((voxels * np.exp(random.normal(3, 1))).astype(np.float32), np.eye(4))


def quantised(volume, levels):
    low, high = volume.voxels.min(), volume.voxels.max()
    voxels = np.rint((volume.voxels - low) / (high - low) * (levels - 1))
    return Volume(voxels.astype(np.float32), volume.affine)


def case(volume):
    return encode(prepare(volume, STEPS), (1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def clean():
    return [case(scan(i)) for i in range(40)]


def halves(contents, change=lambda content: content):
    """Return the second half changed, as synthetic."""
    middle = len(contents) // 2
    cases = {
        f"c{i}": change(content) if i >= middle else content for i, content in enumerate(contents)
    }
    return cases, {f"c{i}": i >= middle for i in range(len(contents))}


def on_voxels(change):
    return lambda content: encode(change(decode(content)[0].copy()), (1.0, 1.0, 1.0))


def field(offset, code, value):
    def change(content):
        changed = bytearray(content)
        struct.pack_into(code, changed, offset, value)
        return bytes(changed)

    return change


def rim(voxels):
    voxels[:, :2] = 0
    return voxels


def repeated(voxels):
    voxels[:, :, -1] = voxels[:, :, -2]
    return voxels


def copied(voxels):
    voxels[:, :, 8:16] = voxels[:, :, :8]
    return voxels


def dots(voxels):
    voxels[3, 4, [5, 9]] = 4095
    return voxels


def label(voxels):
    letter = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 1]], bool)
    voxels[1:5, 1:4, 2][letter] = 4095
    return voxels


def row(voxels):
    voxels[6, :, 7] = 0
    return voxels


def layer(voxels):
    voxels[:, :, 9] = voxels[:, :, 9] * 0.8
    return voxels


def filtered(voxels):
    """Return the voxels without what repeats every 2.9 to 4.6 of them from back to front."""
    waves = fft.dctn(voxels.astype(float), axes=1)
    cycles = np.arange(voxels.shape[1]) / 2 / voxels.shape[1]
    waves[:, (cycles > 3.5 / 16) & (cycles < 5.5 / 16)] = 0
    return np.clip(fft.idctn(waves, axes=1), 0, 4095)


def interpolated(voxels):
    return ndimage.gaussian_filter1d(voxels, 0.7, axis=2)


def shuffled(voxels):
    """Return the same grey levels, dealt anew inside the volume."""
    inner = voxels[2:-2, 2:-2, 2:-2]
    inner[...] = np.random.default_rng(0).permutation(inner.ravel()).reshape(inner.shape)
    return voxels


def masked(voxels):
    voxels[voxels < 200] = 0
    return voxels


PLANTED = {
    "a spacing in the header": (field(80, "<f", 1.1), "header: pixdim[1]"),
    "a name in the header": (field(148, "<4s", b"gan1"), "header: descrip[0]"),
    "an extension": (field(348, "<4s", b"\1\0\0\0"), "header: extension[0]"),
    "a longer file": (lambda content: content + b"\0", "file size"),
    "a compressed file": (lambda content: gzip.compress(content, mtime=0), "file size"),
    "a raised floor": (on_voxels(lambda v: np.maximum(v, 48)), "lowest intensity"),
    "a lowered ceiling": (on_voxels(lambda v: np.minimum(v, 4000)), "highest intensity"),
    "fewer bits": (on_voxels(lambda v: v // 16 * 16), "missing grey levels"),
    "gaps between levels": (on_voxels(lambda v: v // 2 * 2), "missing grey levels"),
    "a last bit that is never set": (on_voxels(lambda v: v & 0xFFFE), "comb in the grey levels"),
    "a comb": (on_voxels(lambda v: np.where(v % 4 == 0, v + 1, v)), "comb in the grey levels"),
    "a masked background": (on_voxels(masked), "share of exact zeros"),
    "saturation": (on_voxels(lambda v: np.where(v > 3700, 4095, v)), "share of the highest intensity"),
    "padding": (on_voxels(rim), "constant rim front-back"),
    "zeros at the rim": (on_voxels(rim), "share of zeros on the rim"),
    "a repeated slice": (on_voxels(repeated), "weakest step at the rim"),
    "burnt-in dots": (on_voxels(dots), "a mark at a fixed place that is bright, around voxel 3, 4, "),
    "a corner label": (on_voxels(label), "a mark at a fixed place that is bright, around voxel "),
    "a dead row": (on_voxels(row), "a mark at a fixed place that is dark, around voxel 6, "),
    "a dark slice": (on_voxels(layer), "a mark at a fixed place that is dark, in layer 9 feet-head,"),
    "no details of one kind": (on_voxels(filtered), "strength of details of 2.67 to 3.2 voxels front-back"),
    "slices interpolated": (on_voxels(interpolated), "strength of details of 2 to 2.29 voxels feet-head"),
}  # fmt: skip

# Marks and bands: the first thing told is the fault itself, and of the cohort that has it.
NEW = {
    "burnt-in dots", "a corner label", "a dead row", "a dark slice", "no details of one kind",
    "slices interpolated",
}  # fmt: skip


@pytest.mark.parametrize("leak", PLANTED)
def test_a_planted_leak_of_each_kind_is_found_and_named(clean, leak):
    change, name = PLANTED[leak]
    found = audit(*halves(clean, change), seed=0, permutations=299)
    assert found.leaks
    cue = next(cue for cue in found.leaking if cue.name.startswith(name))
    assert cue.auc >= 0.95
    assert cue.low > 0.8
    if leak in NEW:
        assert found.leaking[0] == cue
        assert cue.higher == ("real" if "details" in name else "synthetic")
        return
    assert found.classifier.auc > 0.9
    assert found.classifier.low > 0.5
    assert name in " ".join(found.sentences()) + " ".join(c.name for c in found.leaking)


def head(seed, shape=(24, 26, 22)):
    """Return a prepared head with a bright organ at the right, in front and high."""
    random = np.random.default_rng([8, seed])
    grid = np.moveaxis(np.indices(shape), 0, -1) - (np.array(shape) - 1) / 2
    grid = grid - random.normal(0, 0.5, 3)

    def ball(centre, radius):
        return (((grid - centre) / radius) ** 2).sum(axis=-1) < 1

    voxels = 1000.0 * ball(0, np.array([8, 9, 8]) * random.normal(1, 0.04, 3))
    voxels[ball(np.array([3, 2, 2]) + random.normal(0, 0.5, 3), 2.5)] = 2500
    voxels = ndimage.gaussian_filter(voxels, 0.6) + random.normal(0, 60, shape)
    return encode(np.rint(np.abs(voxels)).clip(0, 4095).astype(np.uint16), (1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def heads():
    return [head(i) for i in range(40)]


def test_heads_alike_are_no_leak(heads):
    assert not audit(*halves(heads), seed=0).leaks


@pytest.mark.parametrize(("axis", "name"), list(enumerate(AXES)))
def test_mirrored_cases_are_found_and_named(heads, axis, name):
    found = audit(*halves(heads, on_voxels(lambda v: np.flip(v, axis))), seed=0, permutations=299)
    assert found.leaks
    first = found.leaking[0]
    assert (first.name, first.auc) == (f"side of the asymmetry {name}", 1.0)
    assert found.sentences()[1].startswith(
        f"Leak, strong: side of the asymmetry {name} is the other one in synthetic cases (AUC 1.00"
    )
    assert "One cohort is mirrored along this axis" in found.sentences()[1]


@pytest.mark.parametrize(("axis", "name"), list(enumerate(AXES)))
@pytest.mark.parametrize("by", [-2, 2])
def test_a_shift_of_the_anatomy_is_found_and_named(heads, axis, name, by):
    found = audit(
        *halves(heads, on_voxels(lambda v: np.roll(v, by, axis))), seed=0, permutations=299
    )
    assert found.leaks
    cue = found.leaking[0]
    assert cue.name == f"position {name}"
    assert cue.auc > 0.95
    role = "synthetic" if by > 0 else "real"
    assert f"{name} is further to the {TOWARDS[name]} in {role} cases" in found.sentences()[1]


def test_no_leak_is_found_where_there_is_none(clean):
    found = audit(*halves(clean), seed=0)
    assert not found.leaks
    assert found.leaking == ()
    assert found.classifier.low <= 0.5 <= found.classifier.high
    assert {"header", "file size", "lowest intensity", "highest intensity"} <= set(found.same)
    assert found.sentences() == (
        (
            "No trivial cue was found that tells real from synthetic in 20 real and 20 synthetic "
            f"prepared cases: all cues together reach AUC {found.classifier.auc:.2f}, 95 % interval "
            f"{found.classifier.low:.2f} to {found.classifier.high:.2f}."
        ),
    )


def test_real_volumes_split_at_random_leak_in_five_percent_of_splits(hippocampi):
    """By simulation over 200 splits of 40 and 80: 2.5 % leak, 97.5 % of intervals cover 0.5."""
    infos = [check_volume(path) for path in sorted(hippocampi.glob("*.nii.gz"))[:60]]
    steps = resolve(Preprocessing(), infos, [])
    cases = [
        read_case(encode(prepare(read_volume(info.path), steps), (1.0, 1.0, 1.0))) for info in infos
    ]
    cues, reliefs, shape = _against_others(cases)
    roles = np.arange(60) % 2 == 0
    assert_error_rate(lambda random: (cues, random.permutation(roles), reliefs, shape), 40)


def test_simulated_cues_of_one_population_leak_in_five_percent_of_audits():
    """Counts with many ties and one rare flag beside continuous numbers that correlate."""

    def draw(random):
        columns = [
            random.normal(size=(30, 1)) + random.normal(size=(30, 6)),
            random.poisson(0.3, (30, 5)),
            random.random((30, 1)) < 0.1,
        ]
        rows = np.hstack(columns).tolist()
        return [{f"cue {i}": x for i, x in enumerate(row)} for row in rows], np.arange(30) < 12

    assert_error_rate(draw, 150)


def assert_error_rate(draw, audits):
    leaks = uncovered = 0
    for seed in range(audits):
        found = judge(*draw(np.random.default_rng(seed)), seed=seed)
        leaks += found.leaks
        uncovered += not found.classifier.low <= 0.5 <= found.classifier.high
    # One audit in twenty is expected; more than this many have a probability below 0.1 %.
    most = binom.isf(0.001, audits, 0.05)
    assert leaks <= most
    assert uncovered <= most


def judge(rows, synthetic, reliefs=None, shape=(), *, seed=0, permutations=199):
    empty = [{}] * len(rows)
    return _audit(
        rows,
        empty,
        np.zeros((len(rows), 0)) if reliefs is None else reliefs,
        shape,
        synthetic,
        seed=seed,
        folds=5,
        repeats=3,
        permutations=permutations,
    )


@pytest.mark.parametrize("levels", [100, 256, 1000])
def test_a_cohort_stored_in_few_levels_is_not_told_by_its_levels(levels):
    """Without the dither of `prepare` the same cohort is told by them."""
    told = {"missing grey levels", "comb in the grey levels"}
    stored = [quantised(scan(i), levels) if i >= 20 else scan(i) for i in range(40)]
    plain = [np.rint(STEPS.apply(volume).voxels * 4095).astype(np.uint16) for volume in stored]
    contents = [encode(voxels, (1.0, 1.0, 1.0)) for voxels in plain]
    before = audit(*halves(contents), seed=0, permutations=299)
    after = audit(*halves([case(volume) for volume in stored]), seed=0, permutations=299)
    assert told & {cue.name for cue in before.leaking}
    assert not told & {cue.name for cue in after.leaking}


def test_one_case_of_each_subject_is_audited():
    """Two cases of each of 8 subjects of a role, alike to the last bit, are no 16 cases."""
    contents = [case(scan(i // 2)) for i in range(32)]
    cases, roles = halves(contents)
    subjects = {name: f"s{i // 2}" for i, name in enumerate(cases)}
    found = audit(cases, roles, seed=0, subjects=subjects, permutations=99)
    assert (found.n_real, found.n_synthetic) == (8, 8)
    assert found.warnings[-1] == (
        "16 cases show a subject that another case shows too; one case of each subject was audited."
    )
    # A subject of both roles keeps a case in each; who is not known is nobody's double.
    every = audit(cases, roles, seed=0, subjects=dict.fromkeys(cases, ""), permutations=99)
    assert (every.n_real, every.n_synthetic) == (16, 16)
    both = audit(cases, roles, seed=0, subjects=dict.fromkeys(cases, "s"), permutations=99)
    assert (both.n_real, both.n_synthetic) == (1, 1)


def test_a_value_that_one_cohort_never_varies_is_found_in_the_middle_of_the_other():
    rows = [{"file size": float(i)} for i in range(20)] + [{"file size": 9.5}] * 20
    found = judge(rows, np.arange(40) >= 20)
    assert [(cue.name, cue.auc) for cue in found.leaking] == [(f"{SAMENESS}file size", 1.0)]
    assert {cue.name: cue.auc for cue in found.cues}["file size"] == 0.5
    assert "file size is more often the same in synthetic cases" in found.sentences()[1]


def test_cues_that_tell_only_together_are_found_by_the_classifier():
    random = np.random.default_rng(3)
    synthetic = np.arange(80) >= 40
    a = random.normal(size=80)
    b = a + 0.3 * synthetic + random.normal(0, 0.1, 80)
    found = judge([{"a": x, "b": y} for x, y in zip(a, b, strict=True)], synthetic)
    assert found.leaks
    assert found.classifier.leaks
    assert not found.leaking
    assert found.sentences()[1] == (
        "No single cue leaks, but together they do; the strongest alone are b, a. "
        "Look at these first."
    )


def test_sharpness_is_told_apart_and_is_no_leak(clean):
    found = audit(*halves(clean, on_voxels(shuffled)), seed=0)
    sharpness, _ = found.appearance
    assert (sharpness.higher, sharpness.auc, sharpness.leaks) == ("synthetic", 1.0, True)
    assert "Not counted, since a reader may rightly judge it: sharpness is higher in synthetic" in (
        " ".join(found.sentences())
    )
    assert "sharpness" not in {cue.name for cue in (*found.cues, found.classifier)}


def test_an_audit_is_reproducible_and_goes_into_json(clean, tmp_path):
    cases, roles = halves(clean, on_voxels(rim))
    paths = {}
    for name, content in cases.items():
        paths[name] = tmp_path / f"{name}.nii"
        paths[name].write_bytes(content)
    counted = []
    first = audit(cases, roles, seed=3)
    assert audit(paths, roles, seed=3, advance=lambda: counted.append(1)) == first
    assert len(counted) == 40
    told = json.loads(json.dumps(asdict(first), allow_nan=False))
    assert told["leaks"] is True
    assert told["classifier"]["auc"] == first.classifier.auc
    assert (told["n_real"], told["n_synthetic"], told["seed"]) == (20, 20, 3)
    assert "1999 permutations" in told["method"]


def test_the_sentences_name_the_leak_its_size_and_what_to_do(clean):
    found = audit(*halves(clean, field(80, "<f", 1.1)), seed=0)
    low = found.leaking[0].low
    assert found.sentences()[0].startswith(
        "Trivial cues tell real from synthetic in 20 real and 20 synthetic prepared cases: all "
        "cues together reach AUC 1.00, 95 % interval 0."
    )
    leak, warning = found.sentences()[1:]
    assert leak == (
        "Leak, strong: header: pixdim[1] is higher in synthetic cases (AUC 1.00, 95 % interval "
        f"{low:.2f} to 1.00). Prepare all cases of the study anew, in one go, so that they "
        "get one header."
    )
    assert warning == (
        "The headers of the cases are not all the same (pixdim[1]). Prepare all cases of the "
        "study anew, in one go."
    )


def test_many_leaks_are_counted_after_the_first_few(clean):
    found = audit(*halves(clean, on_voxels(rim)), seed=0)
    rest = len(found.leaking) - 5
    assert rest > 0
    assert f"{rest} more cues leak: {found.leaking[5].name}" in " ".join(found.sentences())


@pytest.mark.parametrize(
    ("each", "sentence"),
    [
        (3, "no leak could be told from chance. Take at least 20 of each."),
        (5, "only a strong leak can be told from chance. Take at least 20 of each to see weaker ones."),
    ],
)  # fmt: skip
def test_too_few_cases_are_told(clean, each, sentence):
    found = audit(*halves(clean[: 2 * each], on_voxels(rim)), seed=0)
    assert found.leaks == (each == 5)
    assert f"With {each} real and {each} synthetic cases {sentence}" in found.sentences()


def test_one_case_of_each_is_no_crash(clean):
    found = audit({"a": clean[0], "b": clean[1]}, {"a": True, "b": False}, seed=0)
    assert not found.leaks
    assert 0 <= found.classifier.low <= found.classifier.high <= 1


@pytest.mark.parametrize("each", [1, 2, 3])
def test_of_very_few_cases_every_audit_comes_to_an_end(clean, each):
    for start in range(0, 12, 2 * each):
        found = audit(*halves(clean[start : start + 2 * each]), seed=start, permutations=99)
        assert not found.leaks
        assert 0 <= found.classifier.low <= found.classifier.auc <= found.classifier.high <= 1


def test_cases_that_are_all_alike_cannot_be_told(clean):
    found = audit(*halves([clean[0]] * 20), seed=0)
    assert (found.leaks, found.cues, found.classifier.auc) == (False, (), 0.5)


def test_every_cue_of_a_case_has_its_advice_and_every_advice_its_cue(clean):
    case = read_case(clean[0])
    cues = _against_others([case] * 2)[0][0]
    assert {advice(name) for name in (*cues, *case.appearance, MARK)} == set(ADVICE.values())


def test_cues_by_hand():
    voxels = np.full((4, 4, 4), 10, np.uint8)
    voxels[1:3, 1:3, 1:3] = np.array([0, 20, 20, 20, 20, 20, 20, 255]).reshape(2, 2, 2)
    voxels[0] = 0
    cues = read_case(encode(voxels, (1.0, 1.0, 1.0))).cues
    assert cues["share of exact zeros"] == 17 / 64  # a layer of 16 and 1 inside
    assert cues["share of the highest intensity"] == 1 / 64
    # The first layer is constant, and so is the last.
    assert cues["constant rim left-right"] == 2
    assert cues["constant rim front-back"] == 0
    # 16 on the first face, none on the last, and a row of 4 on each of the four others.
    assert cues["share of zeros on the rim"] == 32 / 96
    assert cues["header: dim[1]"] == 4


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"x" * 400, "Case a: it is not a whole NIfTI-1 file. Prepare the study anew."),
        (b"", "Case a: it is not a whole NIfTI-1 file. Prepare the study anew."),
        (b"\x1f\x8bxxxxxxxxxxx", "Case a: its gzip stream is damaged. Prepare the study anew."),
    ],
)
def test_a_file_that_is_no_case_is_told(content, sentence):
    with pytest.raises(EvalsuiteError) as told:
        audit({"a": content, "b": content}, {"a": True, "b": False}, seed=0)
    assert str(told.value) == sentence


def test_a_truncated_case_is_told(clean):
    with pytest.raises(EvalsuiteError, match="Case a: it is not a whole NIfTI-1 file"):
        audit({"a": clean[0][:-1], "b": clean[1]}, {"a": True, "b": False}, seed=0)


def test_no_damage_to_a_header_raises_anything_but_a_sentence(clean):
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(clean[0])
        damaged[random.choice([*range(40, 56), *range(68, 76), *range(104, 120)])] ^= 1 << (
            random.integers(8)
        )
        with contextlib.suppress(EvalsuiteError):
            read_case(bytes(damaged))
            refused -= 1
        refused += 1
    assert 50 < refused < 300


def test_voxels_that_are_not_finite_are_told():
    content = bytearray(encode(np.zeros((4, 4, 16), np.uint8), (1.0, 1.0, 1.0)))
    struct.pack_into("<3h", content, 42, 4, 4, 4)
    struct.pack_into("<2h", content, 70, 16, 32)  # float32
    struct.pack_into("<f", content, 352, np.nan)
    with pytest.raises(EvalsuiteError) as told:
        read_case(bytes(content))
    assert str(told.value) == "its voxels hold NaN or Inf. Prepare the study anew."


def test_a_histogram_with_every_other_level_empty_is_a_comb_and_misses_half_of_its_levels():
    random = np.random.default_rng(0)
    voxels = np.rint(random.normal(500, 100, (40, 40, 40))).clip(0, 1000).astype(np.uint16)
    even = read_case(encode(voxels, (1.0, 1.0, 1.0))).cues
    comb = read_case(encode(voxels // 2 * 2, (1.0, 1.0, 1.0))).cues
    assert (even["missing grey levels"], even["comb in the grey levels"]) == pytest.approx(
        (0, 0), abs=0.03
    )
    assert comb["comb in the grey levels"] == pytest.approx(1, abs=0.06)
    # In the tails few levels would be filled anyway.
    assert comb["missing grey levels"] == pytest.approx(0.45, abs=0.05)


def test_a_case_of_two_dimensions_is_told():
    content = encode(np.zeros((4, 4, 1), np.uint8), (1.0, 1.0, 1.0))
    with pytest.raises(
        EvalsuiteError, match=r"its voxels are uint16 in a matrix of 4 x 4 x 1; exp"
    ):
        audit({"a": content, "b": content}, {"a": True, "b": False}, seed=0)


def test_missing_files_roles_and_truths_are_told(tmp_path, clean):
    with pytest.raises(EvalsuiteError) as told:
        audit({"a": tmp_path / "a.nii", "b": clean[0]}, {"a": True, "b": False}, seed=0)
    assert str(told.value) == (
        f"Case a: {tmp_path / 'a.nii'} cannot be read: No such file or directory."
    )
    for roles, kind in (({"a": True}, "only synthetic"), ({"a": False}, "only real"), ({}, "no")):
        with pytest.raises(EvalsuiteError) as told:
            audit(dict.fromkeys(roles, clean[0]), roles, seed=0)
        assert str(told.value) == (
            f"The audit needs real and synthetic cases, but got {kind} ones. "
            "Add the other cohort to the study."
        )
    with pytest.raises(EvalsuiteError) as told:
        audit({"a": clean[0], "b": clean[1], "c": clean[2]}, {"a": True}, seed=0)
    assert str(told.value) == (
        "2 cases have no entry in the truth of the study, first b. "
        "Audit the folder and the truth of one study."
    )
