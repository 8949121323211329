"""Are synthetic volumes useful for training? The chapter on a utility experiment."""

from collections.abc import Iterable
from pathlib import Path

from evalsuite.caveats import enumerated
from evalsuite.utility.config import (
    ARMS,
    REAL_AND_SYNTHETIC,
    REAL_PRETRAINING,
    SCRATCH,
    SYNTHETIC_ONLY,
    SYNTHETIC_PRETRAINING,
)
from evalsuite.utility.results import UtilityResults, read_results
from reports.document import Block, Notice, Picture, Section, Text
from reports.figures.utility import learning_curves
from reports.readers.shown import counted, probability
from reports.utility.methods import utility_methods
from reports.utility.tables import of_all_structures, rows_of, signed, subjects_of, utility_tables

NAME, TITLE = "utility", "Are the synthetic volumes useful for training?"
ALPHA = 0.05
OF_SYNTHETIC = (SYNTHETIC_PRETRAINING, SYNTHETIC_ONLY, REAL_AND_SYNTHETIC)
FEW_REPEATS = 3
NOT_FOUND = (
    "No use of the synthetic volumes was found: at no number of labelled subjects does the Dice "
    "with them differ beyond chance from that without."
)
READ = (
    "A gain is useful where its interval lies clear of 0 and its size matters to who would use "
    "the network; “no difference was found” does not prove that there is none."
)


def utility_sections(folder: Path) -> list[Section]:
    """Return the chapter on one experiment.

    Args:
        folder: output of `evalsuite utility segmentation`.

    Raises:
        EvalsuiteError: if it holds no finished experiment, or a damaged one.
    """
    results = read_results(folder)
    caveats = tuple(_caveats(results))
    blocks: list[Block] = [
        Text((_question(results), *_findings(results), READ)),
        *([Notice(caveats)] if caveats else []),
        Picture(
            "utility-learning-curves",
            "Segmentation of held-out real volumes against the number of labelled subjects "
            "trained on. Every column is a structure. Lower panels: paired differences from "
            f"{SCRATCH.label}; an interval clear of the line is a difference beyond chance "
            "before correction for several comparisons.",
            learning_curves(results),
            "Learning curves of every arm and their differences; the tables below have the "
            "numbers.",
        ),
        *utility_tables(results),
        Text(utility_methods(results), quoted=True),
    ]
    return [Section(NAME, TITLE, tuple(blocks))]


def utility_findings(folder: Path) -> list[str]:
    """Return the few sentences that who reads nothing else has to read.

    Args:
        folder: output of `evalsuite utility segmentation`.

    Raises:
        EvalsuiteError: as for `utility_sections`.
    """
    return _findings(read_results(folder))


def _findings(results: UtilityResults) -> list[str]:
    sentences = _verdict(results)
    sentences += [
        sentence
        for arm in OF_SYNTHETIC
        if arm.name in results.config["arms"]
        for sentence in _gained(results, arm.name, SCRATCH.name)
    ]
    sentences += _gained(results, SYNTHETIC_PRETRAINING.name, REAL_PRETRAINING.name)
    repeats = int(results.config["repeats"])
    if repeats < FEW_REPEATS:
        sentences.append(
            f"Each arm was trained only {'once' if repeats == 1 else 'twice'}"
            f"{'.' if repeats == 1 else ': a small gain or loss cannot be told from chance.'}"
        )
    return sentences


def _verdict(results: UtilityResults) -> list[str]:
    """Say where any arm with synthetic volumes differs from the one without, beyond chance."""
    comparisons = of_all_structures(results.comparisons)
    names = [arm.name for arm in OF_SYNTHETIC]
    comparisons = comparisons[
        comparisons["quantity"].eq("dice") & comparisons["second"].eq(SCRATCH.name)
    ]
    sure = comparisons[comparisons["first"].isin(names) & (comparisons["p_holm"] < ALPHA)]
    sentences = []
    for word, rows in (
        ("higher", sure[sure["value"] > 0]),
        ("lower", sure[sure["value"] < 0]),
    ):
        where = [
            f"{ARMS[str(arm)].label} (with {_counts(results, of_arm['share'])} labelled subjects)"
            for arm, of_arm in rows.groupby("first", sort=False)
        ]
        if where:
            sentences.append(
                f"Dice is {word} beyond chance than without synthetic volumes for networks "
                f"{enumerated(where)}."
            )
    return sentences or [NOT_FOUND]


def _gained(results: UtilityResults, first: str, second: str) -> list[str]:
    """Say by how much the Dice of one arm is above that of another, share by share."""
    comparisons = of_all_structures(results.comparisons)
    comparisons = comparisons[comparisons["quantity"].eq("dice") & comparisons["first"].eq(first)]
    parts = []
    for row in rows_of(comparisons[comparisons["second"] == second]):
        verdict = "no difference was found"
        if row["p_holm"] < ALPHA:
            verdict = "it is higher" if row["value"] > 0 else "it is lower"
        n = counted(subjects_of(results, row["share"]), "labelled subject")
        p = f"p corrected {probability(row['p_holm'])}"
        parts.append(f"with {n} {verdict}: {signed(row)}, {p}")
    if not parts:
        return []
    return [f"Dice, {ARMS[first].label} against {ARMS[second].label}: {'; '.join(parts)}."]


def _question(results: UtilityResults) -> str:
    real, synthetic = _cohort(results, "real"), _cohort(results, "synthetic")
    return (
        f"If few real volumes ({real}) have labels, do synthetic volumes ({synthetic}) help? "
        "Networks that segment were trained with the labels of "
        f"{_counts(results, results.config['shares'])} subjects, with and without synthetic "
        "volumes, and tested on the real volumes of "
        f"{counted(len(results.splits['test']), 'subject')} that no training had seen."
    )


def _caveats(results: UtilityResults) -> list[str]:
    undefined = int(results.cases["hd95"].isna().sum())
    sentences = list(map(str, results.warnings))
    if undefined:
        sentences.append(
            f"{undefined} of {len(results.cases)} Hausdorff distances are undefined, as the "
            "prediction or the label map lacks the structure, and are left out: this flatters an "
            "arm that misses a structure altogether, which its Dice does show (0)."
        )
    without = int(results.cases["dice"].isna().sum())
    if without:
        sentences.append(
            f"{without} of {len(results.cases)} Dice scores are undefined and left out, as the "
            "label map lacks the structure."
        )
    if int(results.config["repeats"]) == 1:
        sentences.append(
            "Each arm was trained once: the intervals speak of other subjects, not of other "
            "trainings, and are too narrow for a comparison of methods."
        )
    return sentences


def _counts(results: UtilityResults, shares: Iterable[float]) -> str:
    return enumerated([str(subjects_of(results, share)) for share in sorted(shares)])


def _cohort(results: UtilityResults, role: str) -> str:
    """Return the first cohort of a role, which comes before the unlabelled one."""
    return next(name for name, cohort in results.cohorts.items() if cohort["role"] == role)
