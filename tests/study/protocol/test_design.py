import pytest
import yaml

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.design import StudyDesign, load_design, read_design, write_design
from evalsuite.study.protocol.questions import TEMPLATES
from evalsuite.volumes.intensity import WindowIntensity
from evalsuite.volumes.preprocessing import PRESETS

BASE = {
    "name": "s",
    "title": "Study",
    "cohorts": [
        {"name": "real", "path": "r", "role": "real", "cases": 3},
        {"name": "gen", "path": "g", "role": "synthetic", "cases": 3},
    ],
    "readers": ["Ann", "Ben"],
}
ONE_COHORT = [{"name": "gen", "path": "g", "role": "synthetic", "cases": 4}]
UNEVEN = [BASE["cohorts"][0], *ONE_COHORT]


def test_the_questions_of_the_paper_are_the_default():
    design = read_design(BASE)
    assert design.questions == TEMPLATES["paper"]
    assert design.preparation == PRESETS["mri"]
    assert design.presentations == 6


def test_a_paired_study_asks_which_one_is_real():
    design = read_design(BASE | {"paired": True})
    assert design.questions == TEMPLATES["2afc"]
    assert design.presentations == 3


def test_templates_can_be_joined():
    design = read_design(BASE | {"template": ["turing", "text"]})
    assert design.questions == TEMPLATES["turing"] + TEMPLATES["text"]


def test_the_preparation_is_laid_over_its_preset():
    design = read_design(BASE | {"preset": "ct", "preparation": {"intensity": {"high": 400}}})
    assert design.preparation.intensity == WindowIntensity(low=-1000, high=400)
    design = read_design(BASE | {"preparation": {"intensity": "window", "spacing": [1, 1, 2]}})
    assert design.preparation.intensity == WindowIntensity()
    assert design.preparation.spacing == (1, 1, 2)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"paired": True, "repeats": 2, "margins": {"real_side": 0.1}},
        {"template": "likert", "preset": "ct", "consent": "D'accord, à vous\n- oui", "seed": 7},
        {"windows": ["darker", {"name": "narrow", "low": 40, "high": 60}]},
    ],
)
def test_a_written_design_is_read_back(tmp_path, more):
    design = read_design(BASE | more)
    write_design(design, tmp_path / "design.yaml")
    again = load_design(tmp_path / "design.yaml")
    assert again == design
    assert again.hash == design.hash


def test_the_hash_follows_every_field():
    changes = [
        {},
        {"seed": 1},
        {"readers": ["Ann"]},
        {"template": "likert"},
        {"preset": "ct"},
        {"margins": {"anatomy": 0.5}},
        {"consent": "I agree"},
        {"windows": ["darker"]},
    ]
    hashes = {read_design(BASE | change).hash for change in changes}
    assert len(hashes) == len(changes)
    # The order in which a file lists its settings does not matter.
    assert read_design(dict(reversed(BASE.items()))).hash == read_design(BASE).hash


def test_the_app_learns_nothing_that_tells_cases_apart():
    secret = BASE | {
        "seed": 987654321,
        "training": 1,
        "repeats": 2,
        "margins": {"anatomy": 0.5},
        "cohorts": [
            {"name": "xreal", "path": "xr", "role": "real", "cases": 3},
            {"name": "xgen", "path": "xg", "role": "synthetic", "cases": 3, "stratify_by": "xage"},
        ],
    }
    public = read_design(secret).public()
    assert set(public) == {
        "name",
        "title",
        "questions",
        "profile",
        "paired",
        "revisable",
        "instructions",
        "consent",
        "idle_seconds",
        "grey",
        "windows",
    }
    for word in ("xreal", "xgen", "xr", "xage", "987654321", "Ann"):
        assert word not in yaml.safe_dump(public)


def ct(low, high, **more):
    intensity = {"kind": "window", "low": low, "high": high}
    return read_design(BASE | {"preparation": {"intensity": intensity}, **more})


@pytest.mark.parametrize(
    ("low", "high", "levels"),
    [
        (-1000, 1000, 2000),  # a level for each Hounsfield unit
        (-1024, 3071, 4095),
        (-160, 240, 400),
        (0, 100, 4095),  # too few units for fine windows
        (0, 1.5, 4095),
        (-40000, 40000, 4095),  # more than 16 bits hold
    ],
)
def test_the_levels_of_computed_tomography(low, high, levels):
    grey = ct(low, high).public()["grey"]
    assert grey == {"levels": levels, "low": low, "high": high, "unit": "HU"}


def test_magnetic_resonance_has_percent_of_its_range():
    assert read_design(BASE).public()["grey"] == {
        "levels": 4095, "low": 0, "high": 100, "unit": "%"
    }  # fmt: skip
    windows = read_design(BASE).public()["windows"]
    assert windows[0] == ["full range", 0, 100]
    assert [name for name, *_ in windows[1:]] == ["brighter", "darker", "contrast"]


@pytest.mark.parametrize(
    ("low", "high", "names"),
    [
        (-1000, 1000, ["soft tissue", "lung", "bone", "brain", "liver", "full range"]),
        (-160, 240, ["soft tissue", "brain", "liver", "full range"]),
        (0, 80, ["brain", "liver", "full range"]),
    ],
)
def test_the_usual_windows_are_those_that_the_range_shows(low, high, names):
    windows = {name: tuple(ends) for name, *ends in ct(low, high).public()["windows"]}
    assert list(windows) == names
    # Level and width as on a scanner's console.
    usual = {
        "soft tissue": (-160, 240), "lung": (-1350, 150), "bone": (-500, 1300),
        "brain": (0, 80), "liver": (-45, 105), "full range": (low, high),
    }  # fmt: skip
    assert windows == {name: usual[name] for name in names}


def test_a_design_names_its_own_windows_and_which_comes_first():
    stroke = {"name": "stroke", "low": 15, "high": 55}
    design = ct(-1000, 1000, windows=["brain", stroke])
    assert design.public()["windows"] == [["brain", 0, 80], ["stroke", 15, 55]]
    assert read_design(BASE | {"windows": ["darker"]}).public()["windows"] == [["darker", 24, 100]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"windows": ["bran"]}, 'unknown window "bran". Did you mean "brain"?'),
        ({"windows": "brain"}, "windows: expected a list"),
        ({"windows": [{"name": "a", "low": 2}]}, 'the setting "windows.0.high" is missing'),
        (
            {"windows": [{"name": "a", "low": 5, "high": 5}]},
            'windows.0: the window "a" must rise, but goes from 5 to 5',
        ),
        ({"windows": ["darker", "darker"]}, 'two windows are called "darker"'),
        (
            {"windows": [{"name": "a", "low": 100, "high": 200}]},
            ('the window "a" (100 to 200 %) lies outside the range of the preparation, 0 to 100 %'),
        ),
        (
            {"windows": ["lung"]},
            (
                'the window "lung" is one in HU, but these cases are shown in %; name one of '
                "full range, brighter, darker, contrast, or give name, low and high"
            ),
        ),
        ({"sede": 1}, 'the setting "sede" is unknown'),
        (
            {"readers": []},
            "readers: expected a list of at least 1, each one line of 1 to 100 characters",
        ),
        ({"title": None}, "title: expected one line of 1 to 100 characters, but found null"),
        ({"name": "../up"}, "name: expected 1 to 63 small letters, digits, - and _"),
        ({"name": "a/b"}, "name: expected 1 to 63 small letters, digits, - and _"),
        ({"readers": ["Ann", "ann"]}, 'two readers are called "ann"'),
        ({"readers": ["A\nB"]}, "readers.0: expected one line of 1 to 100 characters"),
        ({"cohorts": [*BASE["cohorts"], BASE["cohorts"][0]]}, 'two cohorts are called "real"'),
        ({"template": ["turing", "turing"]}, 'two questions are called "real_or_synthetic"'),
        ({"template": "papr"}, 'unknown template "papr". Did you mean "paper"?'),
        ({"template": 3}, "template must be the name of a template or a list of names"),
        (
            {"template": "paper", "questions": []},
            "both template and questions are given; keep one of them",
        ),
        ({"questions": []}, "the study asks no question"),
        ({"questions": [{"kind": "likert"}]}, 'the setting "questions.0.name" is missing'),
        (
            {"template": "2afc"},
            'the question "real_side" compares two volumes; set paired: true',
        ),
        (
            {"template": "paper", "paired": True},
            "a paired study needs a question of kind forced_choice",
        ),
        (
            {"paired": True, "cohorts": UNEVEN},
            (
                "a paired study needs as many real as synthetic cases, "
                "but found 3 real and 4 synthetic"
            ),
        ),
        (
            {"paired": True, "template": ["2afc", "turing"]},
            'the question "real_or_synthetic" is about one volume, but paired shows two',
        ),
        (
            {"cohorts": ONE_COHORT, "template": "turing"},
            'the question "real_or_synthetic" needs a real and a synthetic cohort to tell apart',
        ),
        ({"repeats": 7}, "repeats is 7, but only 6 presentations can be repeated"),
        (
            {"preparation": {"spacing": "native"}},
            "preparation.spacing is native, but all cases of a study must look alike in it",
        ),
        ({"preparation": {"orientation": "native"}}, "preparation.orientation is native"),
        (
            {"preparation": {"intensity": "zscore"}},
            (
                "preparation.intensity is zscore, which has no fixed range; "
                "expected percentile or window"
            ),
        ),
        ({"preparation": {"spacings": 1}}, 'the setting "preparation.spacings" is unknown'),
        ({"preset": "pet"}, 'preset: expected mri or ct, but found "pet"'),
        (
            {"margins": {"anatomi": 1}},
            (
                'margins has "anatomi", which is no question; '
                "expected appearance, anatomy, consistency"
            ),
        ),
        (
            {"margins": {"anatomy": 3}},
            'the margin 3 of "anatomy" excludes nothing; expected less than 3',
        ),
        ({"margins": {"anatomy": 0}}, "margins.anatomy: expected a number above 0, but found 0"),
        (
            {"template": "text", "margins": {"remarks": 1}},
            'margins has "remarks", whose answers have no mean',
        ),
    ],
)
def test_faults_are_told_in_one_sentence(tmp_path, change, message):
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(BASE | change))
    with pytest.raises(EvalsuiteError) as caught:
        load_design(file)
    assert str(caught.value).startswith(f"In {file}, {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "expected a table of settings, such as `seed: 1`."),
        ("name: [\n", "not valid YAML: "),
        ("a: \udcff", "the settings cannot be read: it is not a text file."),
    ],
)
def test_files_that_hold_no_design_are_told(tmp_path, text, message):
    file = tmp_path / "study.yaml"
    file.write_text(text, errors="surrogateescape")
    with pytest.raises(EvalsuiteError) as caught:
        load_design(file)
    assert str(caught.value).startswith(f"{file}: {message}")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(EvalsuiteError, match=r"s\.yaml: the settings cannot be read: No such file"):
        load_design(tmp_path / "s.yaml")


def test_a_design_cannot_be_changed():
    design = StudyDesign(**BASE)
    with pytest.raises(ValueError, match="frozen"):
        design.seed = 3


@pytest.mark.parametrize(
    ("profile", "fault"),
    [
        ([{"name": "r", "text": "?", "kind": "confidence"}], "its kind confidence is about cases"),
        (
            [
                {"name": "r", "text": "?", "kind": "text"},
                {"name": "r", "text": "!", "kind": "text"},
            ],
            'two questions of the profile are called "r"',
        ),
    ],
)
def test_a_profile_asks_readers_of_themselves(profile, fault):
    with pytest.raises(EvalsuiteError, match=fault):
        read_design(BASE | {"profile": profile})
