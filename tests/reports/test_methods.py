"""The methods section: every fact of the record is in it, and nothing else."""

import hashlib
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.extractors.slices import Slices
from evalsuite.volumes.intensity import (
    MinMaxIntensity,
    NoIntensity,
    PercentileIntensity,
    WindowIntensity,
    ZScoreIntensity,
)
from evalsuite.volumes.preprocessing import Preprocessing
from reports.document import Table
from reports.glossary import metrics
from reports.methods import methods_paragraphs
from reports.methods.citations import REFERENCES, WORKS, cite, numbered
from reports.methods.citations import cited as cited_works
from reports.readers import StudyResults, study_sections
from tests.reports.conftest import STUDIES
from tests.reports.evaluations.made_up import cohort, estimate, evaluated

FORBIDDEN = re.compile(
    r"None|\bnan\b|\[\s*\]|\(\s*\)|  |\x02|\x03|[,;:]\.|\( | \)|, ,|unknown|absent|{}"
)
words = st.text("abcdefgh", min_size=3, max_size=8)
numbers = st.integers(2, 10_000)


def digests(of):
    """Return digests that no other part of a record has."""
    return st.integers(0, 9).map(lambda i: hashlib.sha256(f"{of}{i}".encode()).hexdigest())


@st.composite
def records(draw):
    """Return a whole record by its facts, and these as they should be read."""
    marks = ("weights", "real", "gan", "training")
    weights, real, gan, training = (draw(digests(of)) for of in marks)
    facts = {
        "real": draw(words) + "_real",
        "gan": draw(words) + "_gan",
        "n_real": draw(st.integers(2, 99)),
        "n_gan": draw(st.integers(2, 99)),
        "k": draw(numbers),
        "permutations": draw(numbers),
        "bootstrap": draw(numbers),
        "pairs": draw(numbers),
        "rate": draw(st.sampled_from((0.01, 0.05, 0.1))),
        "seed": draw(numbers),
        "by": draw(words) + "_column",
        "spacing": draw(st.tuples(*[st.sampled_from((0.5, 1.0, 2.25))] * 3)),
        "shape": draw(st.tuples(*[st.integers(8, 512)] * 3)),
        "level": draw(st.sampled_from((0.9, 0.95, 0.99))),
        "how": draw(words) + " intervals",
        "version": draw(st.from_regex(r"[0-9]\.[0-9]\.[0-9]", fullmatch=True)),
        "torch": draw(st.from_regex(r"2\.[0-9]{2}\.[0-9]", fullmatch=True)),
        "python": draw(st.from_regex(r"3\.[0-9]{2}\.[0-9]", fullmatch=True)),
        "commit": draw(digests("commit"))[:40],
        "config": draw(digests("config")),
        "hash": draw(digests("hash")),
    }
    return facts | {"weights": weights, "real_mark": real, "gan_mark": gan, "training": training}


def recorded(facts):
    """Return an evaluation with these facts."""
    own = estimate("kid", 1.0, facts["gan"], low=0, high=2, level=facts["level"], how=facts["how"])
    return evaluated(
        own,
        real=cohort(facts["real"], "real", n=facts["n_real"], fingerprint=facts["real_mark"]),
        cohorts=(cohort(facts["gan"], n=facts["n_gan"], fingerprint=facts["gan_mark"]),),
        config={
            "cohorts": {"training": facts["training"]},
            "preprocessing": {
                "orientation": "RAS",
                "spacing": list(facts["spacing"]),
                "shape": list(facts["shape"]),
                "fit": "crop-pad",
                "intensity": {"kind": "percentile", "low": 0.5, "high": 99.5},
                "hash": facts["hash"],
            },
            "extractors": {"medicalnet-resnet10": {"weights_sha256": facts["weights"]}},
            "metrics": {
                "frechet": {"bootstrap": facts["bootstrap"], "level": 0.95, "seed": 1},
                "mmd": {"permutations": facts["permutations"], "bandwidth": None},
                "precision_recall": {"k": facts["k"]},
                "ms_ssim": {"pairs": facts["pairs"], "scales": None},
                "slices": {"false_positive_rate": facts["rate"]},
            },
            "by": facts["by"],
            "seed": facts["seed"],
        },
        environment={
            "python": facts["python"],
            "packages": {"evalsuite": facts["version"], "torch": facts["torch"], "monai": "absent"},
            "evalsuite_commit": facts["commit"],
        },
        config_hash=facts["config"],
    )


def read(facts):
    """Return how each fact is read in the text."""
    return {
        "real": f"real volumes ({facts['real']})",
        "n_real": f"{facts['n_real']} real volumes",
        "gan": facts["gan"],
        "n_gan": f"(n = {facts['n_gan']})",
        "k": f"(k {facts['k']})",
        "permutations": f"(permutations {facts['permutations']})",
        "bootstrap": f"(bootstrap {facts['bootstrap']})",
        "pairs": f"(pairs {facts['pairs']})",
        "rate": f"(false positive rate {facts['rate']})",
        "seed": f"random seed {facts['seed']}",
        "by": f"groups by {facts['by']}",
        "spacing": " x ".join(f"{v:g}" for v in facts["spacing"]) + " mm",
        "shape": " x ".join(map(str, facts["shape"])) + " voxels",
        "level": f"intervals at {100 * facts['level']:g} %",
        "how": facts["how"],
        "version": f"evalsuite {facts['version']}",
        "torch": f"torch {facts['torch']}",
        "python": f"Python {facts['python']}",
        "commit": facts["commit"],
        **{n: facts[n][:12] for n in ("config", "hash", "weights", "real_mark", "gan_mark",
                                      "training")},
    }  # fmt: skip


@given(records(), records(), st.data())
def test_every_fact_is_told_and_changes_with_the_record(facts, others, data):
    text = methods_paragraphs([recorded(facts)], None)[0]
    for name, told in read(facts).items():
        assert told in text, name
    for name in ("config", "hash", "weights", "real_mark"):
        assert facts[name][:13] not in text
    name = data.draw(st.sampled_from(sorted(facts)))
    changed = methods_paragraphs([recorded(facts | {name: others[name]})], None)[0]
    assert (changed != text) == (read(facts)[name] != read(facts | {name: others[name]})[name])


@given(records(), st.data())
def test_what_the_record_lacks_leaves_no_trace(facts, data):
    made = recorded(facts)
    evaluation = made.evaluation
    lacking = data.draw(st.sets(st.sampled_from([*evaluation.config, "python", "packages",
                                                 "evalsuite_commit", "interval"])))  # fmt: skip
    config = {
        k: data.draw(st.sampled_from((None, {}))) if k in lacking else v
        for k, v in evaluation.config.items()
        if k not in lacking or data.draw(st.booleans())
    }
    if isinstance(config.get("seed"), dict):
        config["seed"] = None
    if isinstance(config.get("by"), dict):
        config["by"] = None
    environment = {k: v for k, v in evaluation.environment.items() if k not in lacking}
    estimates = evaluation.estimates
    if "interval" in lacking:
        estimates = tuple(replace(e, interval=None) for e in estimates)
    poor = replace(evaluation, config=config, environment=environment, estimates=estimates)
    for paragraph in methods_paragraphs([replace(made, evaluation=poor)], None):
        assert not FORBIDDEN.search(paragraph), FORBIDDEN.search(paragraph)
        assert paragraph.strip() == paragraph


def sentences(paragraph):
    return re.split(r"(?<=[a-z\])0-9])\. (?=[A-Z])", paragraph)


def of_cohorts():
    """Return the metrics that one evaluation may have together; those of pairs are of other data."""
    return [name for name, metric in metrics().items() if "pairs" not in metric.needs]


def test_with_every_metric_it_is_as_long_as_a_methods_section():
    config = {
        "preprocessing": {"orientation": "RAS", "spacing": [1, 1, 1], "shape": [32, 32, 32]},
        "extractors": {"radiomics": {"version": 1}},
        "metrics": {name: {"k": 3} for name in of_cohorts()},
        "seed": 0,
    }
    (text, *_) = methods_paragraphs([evaluated(estimate("kid", 1.0), config=config)], None)
    assert 8 <= len(sentences(text)) <= 16
    few = config | {"metrics": {n: {} for n in ("frechet", "mmd", "precision_recall", "ms_ssim")}}
    (text, *_) = methods_paragraphs([evaluated(estimate("kid", 1.0), config=few)], None)
    assert 8 <= len(sentences(text)) <= 16
    assert "how kid is made" not in text


def test_references_are_listed_once_in_the_order_of_the_text():
    config = {"metrics": {name: {} for name in of_cohorts()}, "extractors": {"radiomics": {}}}
    text, *works = methods_paragraphs([evaluated(config=config)], None)
    cited = [int(n) for group in re.findall(r"\[([\d, ]+)\]", text) for n in group.split(",")]
    assert list(dict.fromkeys(cited)) == list(range(1, len(works) + 1))
    assert len(cited) > len(set(cited))  # one work is cited twice and listed once
    assert [work.split("]")[0] + "]" for work in works] == [f"[{i}]" for i in range(1, 16)]
    assert works[0] == f"[1] {WORKS['ibsi']}"


def test_the_features_of_frd_are_those_of_pyradiomics():
    config = {"metrics": {}, "extractors": {"radiomics-frd-v1": {}}}
    _, work = methods_paragraphs([evaluated(config=config)], None)
    assert work == f"[1] {WORKS['pyradiomics']}"


def test_a_work_that_is_not_known_cannot_be_cited():
    with pytest.raises(KeyError):
        cite("nobody")
    assert numbered(
        [f"A {cite('holm', 'Own et al. 2026.')}.", f"B {cite('Own et al. 2026.')} [x]."]
    ) == (
        "A [1, 2].",
        "B [2] [x].",
        f"[1] {WORKS['holm']}",
        "[2] Own et al. 2026.",
    )


def test_a_plugin_metric_is_named_with_its_settings():
    config = {"metrics": {"own": {"alpha": 2, "sides": [1, 2], "empty": None, "seed": 3}}}
    text = methods_paragraphs([evaluated(config=config)], None)[0]
    assert "The metric own was computed (alpha 2, sides 1 x 2)." in text


def test_evaluations_done_alike_share_a_paragraph_and_others_do_not():
    config = {"metrics": {"mmd": {"seed": 0}}, "seed": 0}
    one = evaluated(config=config)
    two = evaluated(
        cohorts=("vae",),
        folder="two",
        config={"metrics": {"mmd": {"seed": 4}, "realism": {"k": 3}}, "seed": 4},
        config_hash="beef" * 16,
    )
    (text, *_) = methods_paragraphs([one, two], None)
    assert "gan (n = 30) and vae (n = 30)" in text
    assert "random seed 0 and 4" in text
    assert "SHA-256 c0ffee000000 and beefbeefbeef" in text
    assert "realism score" in text
    other = evaluated(folder="three", config={"metrics": {"mmd": {"permutations": 5}}})
    texts = methods_paragraphs([one, other], None)
    assert [t.startswith("Synthetic volumes of gan") for t in texts[:3]] == [True, True, False]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"kind": "percentile", "low": 1, "high": 99.5}, "the percentiles 1 and 99.5 were mapped"),
        ({"kind": "window", "low": -1000, "high": 400}, "intensities from -1000 to 400 were"),
        ({"kind": "zscore"}, "standardised by mean and standard deviation of the non-zero voxels"),
    ],
)
def test_intensities_are_told_by_their_rule(rule, told):
    config = {"preprocessing": {"spacing": "native", "shape": [8, 8, 8], "fit": "resize",
                                "intensity": rule}}  # fmt: skip
    text = methods_paragraphs([evaluated(config=config)], None)[0]
    assert told in text
    assert "8 x 8 x 8 voxels by resizing" in text
    assert "native" not in text


def prepared_text(extractors=None, **preprocessing):
    config = {"preprocessing": preprocessing, "extractors": extractors or {}}
    return methods_paragraphs([evaluated(config=config)], None)[0]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (
            Preprocessing(spacing=(1, 1, 1.5), shape=(8, 9, 10)),
            (
                "All volumes were brought to RAS orientation, a spacing of 1 x 1 x 1.5 mm by linear "
                "interpolation, after a Gaussian where voxels became larger and 8 x 9 x 10 voxels by "
                "cropping and padding with zeros; the percentiles 0.5 and 99.5 were mapped to 0 and 1"
            ),
        ),
        (
            Preprocessing(
                orientation="native",
                spacing="native",
                shape=(8, 8, 8),
                fit="resize",
                axes="zyx",
                intensity_first=True,
                trim=True,
                padding=-1,
                intensity=WindowIntensity(low=-1024, high=600, range=(-1, 1)),
            ),
            (
                "All volumes were brought to 8 x 8 x 8 voxels by resizing, "
                "without blank axial slices, their axes in the order z, y, x; before that intensities "
                "from -1024 to 600 were mapped to -1 and 1"
            ),
        ),
        (
            Preprocessing(
                spacing=(2, 2, 2),
                interpolation="b-spline",
                shape=(4, 4, 4),
                fit="pad-crop",
                padding=-1000,
                intensity=WindowIntensity(range=None),
            ),
            (
                "a spacing of 2 x 2 x 2 mm by B-splines of third order and 4 x 4 x 4 voxels by "
                "cropping and padding with -1000; intensities were clipped at -1000 and 1000"
            ),
        ),
        (Preprocessing(intensity=ZScoreIntensity(over="all")), "standard deviation of all voxels"),
        (
            Preprocessing(intensity=PercentileIntensity(over="nonzero")),
            "the percentiles 0.5 and 99.5 of the non-zero voxels were mapped to 0 and 1",
        ),
        (Preprocessing(intensity=NoIntensity()), "; intensities were left as they are"),
        (
            Preprocessing(intensity=PercentileIntensity(range=None)),
            "; intensities were clipped at the percentiles 0.5 and 99.5",
        ),
        (Preprocessing(intensity=MinMaxIntensity()), "minimum and maximum were mapped to 0 and 1"),
    ],
)
def test_every_step_is_told(steps, told):
    assert told in prepared_text(**steps.model_dump(mode="json"))


def test_each_extractor_is_told_with_what_it_saw():
    own = Preprocessing(spacing=(1, 1, 1), shape=(8, 8, 8)).model_dump(mode="json")
    other = own | {"spacing": [2, 2, 2], "hash": "f00d" * 16}
    slices = Slices(
        share=0.4, step=4, size=224, intensity={"per": "slice", "low": 1}, mean=(1, 0, 0)
    )
    text = prepared_text(
        {
            "alike": {"preprocessing": own},
            "of old": {"weights_sha256": "0" * 64},
            "other": {
                "preprocessing": other,
                "preprocessing_synthetic": other | {"intensity": {"kind": "none"}},
                "overridden": {"spacing": [3, 3, 3]},
                "slices": slices.model_dump(mode="json"),
            },
        },
        **own,
    )
    assert "For alike" not in text
    assert "For of old" not in text
    assert "For other volumes were brought to RAS orientation, a spacing of 2 x 2 x 2 mm" in text
    assert "(preprocessing f00df00df00d)." in text
    assert "other is made for spacing 3, 3, 3." in text
    assert (
        "Of synthetic volumes for other it was otherwise: intensities were left as they are."
    ) in text
    assert (
        "other saw the central 40 %, one in 4, of the axial, sagittal and coronal slices of a "
        "volume one by one, with the percentiles 1 and 100 of each slice mapped to 0 and 1, "
        "resized to 224 x 224 pixels (bilinear) and the channels' means 1, 0, 0 subtracted and "
        "divided by 1, 1, 1."
    ) in text


def test_volumes_that_were_left_out_are_told():
    left = cohort("gan", skipped=("a: empty",))
    text = methods_paragraphs([evaluated(cohorts=(left,))], None)[0]
    assert "Unreadable volumes were left out: 1 of gan." in text


def told_of(study):
    """Return the paragraphs of a report on the study."""
    return methods_paragraphs([], study, study_sections(StudyResults(study, 50)))


def test_a_study_is_told_from_its_record(make_study):
    study = make_study(
        cases=6, repeats=3, templates=("turing", "paper", "analogue", "text"), seed=0,
        margins={"appearance": 0.5}, training=2, revisable=False,
        cohorts=[{"name": "real", "role": "real", "cases": 6}],
    )  # fmt: skip
    study = replace(
        study,
        design=study.design | {"seed": 17},
        design_hash="abcdef" * 10,
        audit={"leaks": True, "classifier": {"auc": 0.612, "low": 0.4, "high": 0.789}},
    )
    paragraphs = told_of(study)
    design, statistics, *_ = paragraphs
    given = int(study.table["answer"].notna().sum())
    for told in (
        "3 readers read 18 cases", "6 real (real)", "(seed 17)", "3 of each reader's",
        "2 cases per cohort", "could not be changed", "0.61 (0.40 to 0.79)",
        "“Is this volume real or synthetic?” (6 options)", "(a line from 0 to 100)",
        "(free text)", f"{given} answers were recorded; the study is closed",
        "abcdefabcdef)", "one case at a time",
    ):  # fmt: skip
        assert told in design
    for told in ("appearance 0.5", "Obuchowski and Rockette", "Holm", "kappa", "two one-sided"):
        assert told in statistics
    for paragraph in paragraphs:
        assert not FORBIDDEN.search(paragraph), FORBIDDEN.search(paragraph)
    assert 8 <= len(sentences(design)) + len(sentences(statistics)) <= 29


# How the text names what a row of a table calls by the name on the left.
NAMED = {
    "mean": "by means", "median": "medians", "geometric mean": "geometric means",
    "difference in means": "difference of mean answers",
    "probability of superiority": "that a real case is rated higher",
    "cumulative odds ratio": "odds ratio", "AUC": "AUC", "sensitivity": "sensitivity",
    "specificity": "specificity", "accuracy": "accuracy", "2AFC accuracy": "share of right ones",
    "equivalence": "two one-sided tests", "non-inferiority": "non-inferiority",
    "quadratic weighted kappa": "weighted kappa", "Cohen kappa": "Cohen's kappa",
    "Fleiss kappa": "Fleiss", "Gwet AC1": "AC1", "Gwet AC2": "AC2",
    "Krippendorff alpha (nominal)": "nominal alpha",
    "Krippendorff alpha (ordinal)": "ordinal alpha",
    "Krippendorff alpha (interval)": "interval alpha",
    "ICC(1,1)": "ICC(1,1)", "ICC(2,1)": "ICC(2,1)", "ICC(3,1)": "ICC(3,1)",
    "ICC(1,k)": "ICC(1,k)", "ICC(2,k)": "ICC(2,k)", "ICC(3,k)": "ICC(3,k)",
    "Lin concordance": "Lin's", "exact agreement": "exact agreement",
    "repeatability coefficient": "repeatability", "trend": "linear trends",
    "share": "share of each option", "first fifth": "first fifth", "last fifth": "last fifth",
    "after a real case": "after a real and a synthetic case",
    "active seconds": "active seconds", "axial slices": "axial slices",
    "coronal slices": "coronal slices", "sagittal slices": "sagittal slices",
    "changes of the window": "changes of the window", "too fast": "less than 2 s",
    "one answer": "the same answers to nearly all", "slices not seen": "hardly a slice",
    "repeats contradicted": "contradict the first",
}  # fmt: skip
DRAWN = {"cases": "bootstrap over cases", "cases and readers": "bootstrap over cases and readers"}


def computed_by(sections):
    """Return what has a value in any table of the report, and the rows."""
    tables = [b.data for s in sections for b in s.everything if isinstance(b, Table)]
    rows = [data[data["value"].notna()] for data in tables if data is not None]
    rows = [own for own in rows if "random" in own and len(own)]
    return {name for own in rows for name in own["quantity"]}, rows


@pytest.mark.parametrize("name", STUDIES)
def test_the_text_names_what_was_computed_and_nothing_else(name, computed_study):
    study, sections = computed_study(name)
    names, rows = computed_by(sections)
    paragraphs = methods_paragraphs([], study, sections)
    statistics = paragraphs[1] if names else ""
    assert names <= set(NAMED)
    assert {n for n, words in NAMED.items() if words in statistics} == names
    # What the intervals of agreement draw, from the methods of the rows themselves.
    for over, words in DRAWN.items():
        drawn = any(
            own.loc[own["low"].notna(), "method"].str.contains(f"draws of {over}(?! and)").any()
            for own in rows if own["interval"].any()
        )  # fmt: skip
        assert bool(re.search(f"{words}(?! and)", statistics)) == drawn, over
    corrected = any("p_holm" in own and (own["p_holm"] > own["p"]).any() for own in rows)
    assert ("Holm" in statistics) == corrected
    cited = {
        work
        for own in rows for text in own["reference"] for work in text.split("; ")
        if work and not ("reader" in own and own["reader"].ne("all").all() and "treatment" not in own)
    }  # fmt: skip
    assert cited <= set(REFERENCES)
    assert {f"{WORKS[REFERENCES[work]]}" for work in cited} <= {
        text.split("] ", 1)[1] for text in paragraphs if text.startswith("[")
    }


def test_a_work_that_the_list_lacks_is_told_as_it_is():
    assert cited_works(["Hillis 2014; Nobody 1900", "Hillis 2014"]) == (
        f" {cite('marginal')} (Nobody 1900)"
    )


def test_before_the_truth_is_told_nothing_is_compared(make_study, make_pairs):
    blind = told_of(make_study(state="open"))
    assert "is open" in blind[0]
    assert "in pairs of a real and a synthetic case" in told_of(make_pairs())[0]


def test_a_study_without_answers_has_a_design_only(make_study):
    study = make_study(keep=lambda row: False)
    (design,) = methods_paragraphs([], study)
    assert "0 readers read 0 cases" in design
    assert not FORBIDDEN.search(design)


def test_without_anything_there_is_nothing_to_tell():
    assert methods_paragraphs([], None) == ()


def test_tests_and_subjects_are_those_of_the_numbers():
    config = {"metrics": {"mmd": {}}}
    told = {}
    for test, people in (("permutation", None), ("wild bootstrap", 20), ("", None)):
        p_value = estimate("kid_p_value", 0.2, test=test, subjects_real=people)
        real = replace(cohort("real", "real", n=40), subjects=people)
        paragraphs = methods_paragraphs([evaluated(p_value, real=real, config=config)], None)
        told[test] = " ".join(paragraphs)
    assert "was tested by permutation [" in told["permutation"]
    assert "wild bootstrap" not in told["permutation"]
    assert "independent" not in told["permutation"]
    assert "was tested by a wild bootstrap over subjects, which differ" in told["wild bootstrap"]
    assert "compared with 40 real volumes of 20 subjects (real)" in told["wild bootstrap"]
    assert "Subjects and not volumes were taken for independent." in told["wild bootstrap"]
    assert "tested" not in told[""]
