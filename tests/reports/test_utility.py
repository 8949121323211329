"""The chapter on usefulness says what its tables say, and claims no gain that was not found."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.result import tabulated
from evalsuite.utility.analysis import compare, summarise
from evalsuite.utility.results import write_results
from reports.build import build, write_report
from reports.document import Notice, Picture, Table, Text
from reports.readers.shown import SPACE
from reports.utility import utility_findings, utility_sections
from tests.reports.conftest import visible
from tests.utility.made_up import BY_SEED, example

OLD = Path(__file__).parents[1] / "old/utility"
UNLABELLED = ("scratch", "synthetic-pretraining", "real-pretraining")


@pytest.fixture
def written(tmp_path):
    def write(results):
        folder = tmp_path / "experiment"
        write_results(results, {}, folder)
        return folder

    return write


@cache  # the figure takes a second to draw
def chapter(folder):
    (section,) = utility_sections(folder)
    return section


def blocks(folder, kind):
    return [block for block in chapter(folder).blocks if isinstance(block, kind)]


def table(folder, name):
    return next(block for block in blocks(folder, Table) if block.name == name)


def rescored(results, change):
    cases = change(results.cases.copy())
    return replace(
        results,
        cases=cases,
        summary=tabulated(summarise(cases)),
        comparisons=tabulated(compare(cases)),
    )


def test_the_chapter_has_question_curves_tables_and_methods(written):
    folder = written(example())
    section = chapter(folder)
    assert (section.name, section.title) == (
        "utility",
        "Are the synthetic volumes useful for training?",
    )
    question, *_ = blocks(folder, Text)[0].paragraphs
    assert question == (
        "If few real volumes (clinic) have labels, do synthetic volumes (diffusion) help? "
        "Networks that segment were trained with the labels of 5, 20 and 100 subjects, with and "
        "without synthetic volumes, and tested on the real volumes of 6 subjects that no training "
        "had seen."
    )
    assert [block.name for block in blocks(folder, Picture)] == ["utility-learning-curves"]
    assert [block.name for block in blocks(folder, Table)] == [
        "utility-scores",
        "utility-comparisons",
        "utility-comparisons-by-structure",
        "utility-trainings",
    ]
    assert blocks(folder, Notice) == [Notice(tuple(map(str, BY_SEED)))]


def test_cells_are_the_numbers_of_the_summary(written):
    results = example()
    shown = table(written(results), "utility-scores")
    assert list(shown.frame.columns) == [
        "score", "arm", "labelled subjects", "structure 1", "structure 2", "mean",
    ]  # fmt: skip
    # 2 metrics x (4 arms x 3 shares + synthetic volumes only).
    assert len(shown.frame) == 2 * 13
    assert list(dict.fromkeys(shown.frame["score"])) == [
        "Dice (1 is best)",
        "95 % Hausdorff distance, mm (0 is best)",
    ]
    own = results.summary.query("arm == 'real-pretraining' and share == 20 and structure == 'mean'")
    rows = shown.frame[
        (shown.frame["arm"] == "pre-trained on real unlabelled volumes")
        & (shown.frame["labelled subjects"] == "20 (20 %)")
    ]
    for (_, expected), cell, places in zip(own.iterrows(), rows["mean"], (3, 2), strict=True):
        value, low, high = (f"{expected[key]:.{places}f}" for key in ("value", "low", "high"))
        assert cell.replace(SPACE, " ") == f"{value} ({low} to {high})"
    assert "none" in set(shown.frame["labelled subjects"])
    assert len(shown.data) == len(results.summary)


def test_comparisons_have_their_sign_and_both_p_values(written):
    results = example(UNLABELLED)
    shown = table(written(results), "utility-comparisons").frame
    own = results.comparisons.query("structure == 'mean' and quantity == 'dice'")
    assert len(shown) == 2 * len(own) == 2 * 9
    for row, (_, expected) in zip(shown.head(9).to_dict("records"), own.iterrows(), strict=True):
        number = f"{expected['value']:+.3f}".replace("-", "\N{MINUS SIGN}")
        assert row["difference"].startswith(f"{number} (")
        assert row["p, corrected"] == f"{expected['p_holm']:.3f}"


@pytest.mark.parametrize(
    ("gain", "word"), [(0.2, "it is higher: +0."), (-0.2, "it is lower: \N{MINUS SIGN}0.")]
)
def test_a_clear_difference_is_told_with_its_direction(written, gain, word):
    verdict, told, against_real = utility_findings(
        written(example(UNLABELLED, repeats=4, gain=gain))
    )
    assert verdict == (
        f"Dice is {word.split()[2].rstrip(':')} beyond chance than without synthetic volumes for "
        "networks pre-trained on synthetic volumes (with 5, 20 and 100 labelled subjects)."
    )
    assert told.startswith("Dice, pre-trained on synthetic volumes against no pre-training: with 5")
    assert told.count(word) == 3
    # Each arm differs from the one before, so real pre-training from synthetic the other way.
    assert against_real.startswith(
        "Dice, pre-trained on synthetic volumes against pre-trained on real unlabelled volumes: "
    )
    assert against_real.count("it is lower" if gain > 0 else "it is higher") == 3


def test_no_difference_is_not_told_as_one(written):
    results = example(UNLABELLED)
    comparisons = results.comparisons.assign(p_holm=0.05)
    told = utility_findings(written(replace(results, comparisons=comparisons)))
    assert all("it is" not in sentence for sentence in told)
    assert told[0] == (
        "No use of the synthetic volumes was found: at no number of labelled subjects does the "
        "Dice with them differ beyond chance from that without."
    )
    assert told[1].count("no difference was found") == 3
    assert told[-1] == (
        "Each arm was trained only twice: a small gain or loss cannot be told from chance."
    )


def test_arms_with_synthetic_labels_have_their_sentences(written):
    told = " ".join(utility_findings(written(example(repeats=3))))
    assert "Dice, trained on synthetic volumes only against no pre-training: with 5" in told
    assert "Dice, trained on real and synthetic volumes against no pre-training: with 5" in told
    assert "trained only" not in told


def test_undefined_scores_are_counted_where_they_are(written):
    def lost(cases):
        gone = (cases["arm"] == "scratch") & (cases["share"] == 5) & (cases["case"] == "v0")
        gone &= (cases["structure"] == "1") & (cases["repeat"] == 1)
        return cases.assign(hd95=cases["hd95"].mask(gone))

    folder = written(rescored(example(UNLABELLED), lost))
    frame = table(folder, "utility-scores").frame
    marked = [cell for cell in frame["structure 1"] if "undefined" in cell]
    assert len(marked) == 1
    assert marked[0].endswith("), 1 undefined")
    (notice,) = blocks(folder, Notice)
    assert notice.sentences[-1] == (
        "1 of 216 Hausdorff distances are undefined, as the prediction or the label map lacks the "
        "structure, and are left out: this flatters an arm that misses a structure altogether, "
        "which its Dice does show (0)."
    )


def test_a_structure_that_is_never_found_is_not_defined(written):
    def never(cases):
        return cases.assign(hd95=cases["hd95"].mask(cases["structure"] == "1"))

    folder = written(rescored(example(UNLABELLED), never))
    distances = table(folder, "utility-scores").frame.query("score.str.startswith('95')")
    assert set(distances["structure 1"]) == {"not defined, 12 undefined"}


def test_one_repeat_and_one_structure(written):
    folder = written(example(UNLABELLED, (100.0,), ("1",), 1, warnings=()))
    assert [block.name for block in blocks(folder, Table)] == [
        "utility-scores",
        "utility-comparisons",
        "utility-trainings",
    ]
    one = "Of one training each: the interval tells of other subjects, not of other trainings."
    assert table(folder, "utility-scores").notes == (one,)
    (notice,) = blocks(folder, Notice)
    assert notice.sentences[0].startswith("Each arm was trained once: the intervals speak of other")
    paper = blocks(folder, Text)[-1].paragraphs
    assert paper[-1].startswith("Intervals are Student's t over held-out subjects")


def test_the_methods_tell_the_design(written):
    (paper,) = (block for block in blocks(written(example()), Text) if block.quoted)
    design, networks, scores, statistics = paper.paragraphs
    assert design.startswith(
        "Of the 26 subjects (26 labelled real volumes) 6 were held out to test with, drawn at "
        "random; no volume of theirs was trained on by any arm. The other 20 were put in a random "
        "order for each of 2 repeats, and the first of them trained on: 5 % (5), 20 % (20), "
        "100 % (100). A network was trained on these labels from random weights, after "
        "pre-training on 9 synthetic volumes, and after pre-training on the volumes of all real "
        "training subjects, without their labels."
    )
    assert design.endswith("on real and synthetic ones, half of every batch each.")
    for part in ("MONAI 1.6.1", "8, 16 channels", "32 x 48 x 32 voxels at 1 x 1 x 1.5 mm"):
        assert part in networks
    assert "in mm" in scores
    assert "corrected after Holm" in statistics


def test_the_report_holds_the_chapter(written, tmp_path):
    made = build(None, [], utilities=[written(example(UNLABELLED))])
    page = visible(write_report(made, tmp_path / "report").read_text(encoding="utf-8"))
    assert "Are the synthetic volumes useful for training?" in page
    assert "no difference was found" in page or "it is higher" in page
    values = np.loadtxt(
        tmp_path / "report/tables/utility-scores.csv", delimiter=",", skiprows=1, usecols=4
    )
    assert np.isfinite(values).all()


def test_a_folder_without_an_experiment_is_told(tmp_path):
    with pytest.raises(EvalsuiteError) as caught:
        utility_sections(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds no results.json. Name a folder that `evalsuite utility segmentation` "
        "has finished."
    )


def test_an_experiment_of_before_is_told_as_it_was():
    """Written when a comparison had the columns metric, difference, repeats and subjects."""
    _, gain, _ = utility_findings(OLD)
    assert "it is higher: +0.312 (0.062\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}0.563), p" in gain
    (section,) = utility_sections(OLD)
    table = next(b for b in section.blocks if isinstance(b, Table) and b.name == "utility-scores")
    assert table.data["value"].notna().all()
