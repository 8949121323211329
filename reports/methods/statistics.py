"""What was computed of the answers of readers, told from the tables that hold it.

Each sentence names the quantities that have a value in a table, the works that their rows cite,
and what their intervals take as a random sample. Nothing is told of what is in no table.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from evalsuite.caveats import enumerated
from evalsuite.statistics.careless import CONTRADICTED, FAST, SAME, UNSEEN
from evalsuite.statistics.multiplicity import FAMILIES
from evalsuite.statistics.ratings.comparison import DIFFERENCE, ODDS_RATIO, SUPERIORITY
from evalsuite.statistics.ratings.sensitivity import PROPORTIONAL
from evalsuite.statistics.roc.choice import ACCURACY
from reports.document import Table
from reports.methods.citations import cite, cited


class Statement(NamedTuple):
    """How the contents of a table are told.

    Args:
        opening: of the sentence, up to the quantities.
        phrases: by quantity; its own name where there is none.
    """

    opening: str
    phrases: Mapping[str, str]


AGREEMENT = {
    "Cohen kappa": "Cohen's kappa",
    "Fleiss kappa": "Fleiss' kappa",
    "Gwet AC1": "Gwet's AC1",
    "Gwet AC2": "Gwet's AC2",
    "Krippendorff alpha (nominal)": "Krippendorff's nominal alpha",
    "Krippendorff alpha (ordinal)": "Krippendorff's ordinal alpha",
    "Krippendorff alpha (interval)": "Krippendorff's interval alpha",
    "Lin concordance": "Lin's concordance correlation",
    "ICC(1,1)": "the intraclass correlations ICC(1,1)",
    "repeatability coefficient": "the repeatability coefficient",
}
# By the name of a table, of which a question may be the end; in the order of the paragraph.
STATEMENTS = {
    "shares": Statement("Answers were summarised by", {"share": "the share of each option"}),
    "averages": Statement(
        "Answers on a scale were summarised by", {"mean": "means", "median": "medians"}
    ),
    "comparisons": Statement(
        "Ratings of real and synthetic cases were compared by",
        {
            DIFFERENCE: "the difference of mean answers",
            SUPERIORITY: "the probability that a real case is rated higher",
            ODDS_RATIO: "the cumulative odds ratio of a proportional odds model",
        },
    ),
    "turing": Statement(
        "How well readers told real from synthetic was measured by",
        {
            "AUC": "the area under the empirical ROC curve (AUC) in the analysis of variance of "
            "Obuchowski and Rockette, on the logit scale"
        },
    ),
    "turing-differences": Statement(
        "Synthetic cohorts were compared with one another by",
        {"AUC": "the difference of their AUCs"},
    ),
    "turing-readers": Statement("Each reader was described by", {"AUC": "an AUC"}),
    "turing-rates": Statement("Decisions of each reader were described by", {}),
    "choice": Statement(
        "Choices between two were compared with guessing by",
        {
            ACCURACY: "the share of right ones in the analysis of variance of Obuchowski and "
            "Rockette, on the logit scale"
        },
    ),
    "choice-readers": Statement(
        "Choices of each reader were described by", {ACCURACY: "the share of right ones"}
    ),
    "turing-variants": Statement(
        "With readers, or cases, as fixed the same was estimated by", {"AUC": "the AUC"}
    ),
    "choice-variants": Statement(
        "With readers, or cases, as fixed the same was estimated by",
        {ACCURACY: "the share of right choices"},
    ),
    "turing-equivalence": Statement(
        "Whether readers guess was tested, within a margin, by",
        {"equivalence": "two one-sided tests", "non-inferiority": "one-sided tests"},
    ),
    "choice-equivalence": Statement(
        "Whether choices are guesses was tested, within a margin, by",
        {"equivalence": "two one-sided tests", "non-inferiority": "one-sided tests"},
    ),
    "equivalence": Statement(
        "The margins that the design had stated before the first answer were tested by",
        {
            "equivalence": "two one-sided tests of equivalence",
            "non-inferiority": "one-sided tests of non-inferiority",
        },
    ),
    "sensitivity": Statement(
        "As sensitivity analyses there were estimated",
        {
            ODDS_RATIO: "the cumulative odds ratio of a mixed model with random readers and cases",
            PROPORTIONAL: "Wald's test of proportional odds, clustered by cases",
            DIFFERENCE: "the difference of mean answers with missing answers at their extremes",
        },
    ),
    "strata-apart": Statement(
        "For groups of readers and cases, without tests, it was estimated how well real was told "
        "from synthetic by",
        {"AUC": "the AUC", ACCURACY: "the share of right choices"},
    ),
    "strata-differences": Statement("Ratings of real and synthetic cases were compared in groups by", {
        DIFFERENCE: "the difference of mean answers",
    }),
    "strata-means": Statement("Answers of groups were summarised by", {"mean": "means"}),
    "agreement-all": Statement("Agreement between readers was measured by", AGREEMENT),
    "agreement-pairs": Statement(
        "Agreement of every two readers was measured by", AGREEMENT
    ),
    "agreement-within": Statement(
        "Agreement of readers with themselves on hidden repeats was measured by",
        AGREEMENT,
    ),
    "concordance-all": Statement(
        "Scores of automatic metrics were set beside mean ratings by", {}
    ),
    "generators": Statement(
        "Rankings of generators by metrics and readers were compared by", {}
    ),
    "times": Statement("Active times on a case were summarised by", {
        "geometric mean": "geometric means", "median": "medians",
    }),
    "behaviour": Statement("How each reader read was summarised by medians of", {}),
    "signs": Statement(
        "Signs of careless reading were looked for by declared rules, none of which leaves anybody "
        "out:",
        {
            FAST.name: "cases read in less than 2 s",
            SAME.name: "the same answers to nearly all cases",
            CONTRADICTED.name: "answers to hidden repeats that contradict the first ones",
            UNSEEN.name: "cases of which hardly a slice was seen",
        },
    ),
    "course": Statement(
        "Whether answers and times changed over the reading was estimated by",
        {
            "trend": "linear trends",
            "first fifth": "the difference of the first fifth",
            "last fifth": "the difference of the last fifth",
            "after a real case": "the difference between answers after a real and a synthetic case",
        },
    ),
}  # fmt: skip
# Rows of single readers tell the same of fewer.
UNTOLD = ("averages-by-reader", "comparisons-by-reader", "course-by-reader")
# By what the intervals of a table take as random; the last where that differs between its rows.
RANDOM: dict[tuple[str, ...], str] = {
    ("cases",): "cases as a random sample and the readers as fixed",
    ("readers",): "readers as a random sample",
    ("cases and readers",): "readers and cases both as random samples",
}
MIXED = "cases, and in part readers, as random samples"


def statistics_paragraph(tables: Sequence[Table]) -> list[str]:
    """Return one paragraph on the statistics of a study, or none without any.

    Args:
        tables: of the report, with or without those on other things.
    """
    known: dict[str, list[pd.DataFrame]] = {name: [] for name in STATEMENTS}
    for table in tables:
        name, data = _statement(table.name), table.data
        if name and data is not None and data["value"].notna().any():
            known[name].append(data[data["value"].notna()])
    rows = {name: pd.concat(tables) for name, tables in known.items() if tables}
    if not rows:
        return []
    random = {name: _random(own) for name, own in rows.items()}
    usual = Counter(filter(None, random.values())).most_common(1)
    sentences = [f"Intervals take {usual[0][0]}, unless another thing is told."] if usual else []
    for name, own in rows.items():
        other = random[name] if usual and random[name] != usual[0][0] else ""
        sentences.append(_sentence(STATEMENTS[name], own, other))
    sentences += _multiplicity(list(rows.values()))
    return [" ".join(sentences)]


def _statement(table: str) -> str:
    """Return the longest name of a statement that the name of the table begins with."""
    fitting = [n for n in (*STATEMENTS, *UNTOLD) if table == n or table.startswith(f"{n}-")]
    name = max(fitting, key=len, default="")
    return name if name in STATEMENTS else ""


def _sentence(statement: Statement, rows: pd.DataFrame, random: str) -> str:
    by_works: dict[str, list[str]] = {}
    for name, references in rows["reference"].groupby(rows["quantity"].to_numpy(), sort=False):
        phrase = statement.phrases.get(str(name), str(name))
        by_works.setdefault(cited(references), []).append(phrase)
    parts = [f"{', '.join(phrases)}{works}" for works, phrases in by_works.items()]
    sentence = f"{statement.opening} {enumerated(parts)}"
    if "margin" in rows and rows["margin"].notna().any():
        stated = dict(zip(rows["question"], rows["margin"], strict=True))
        sentence += f" ({', '.join(f'{k} {v:g}' for k, v in stated.items())})"
    if rows["interval"].any() and (kinds := _kinds(rows[rows["low"].notna()])):
        sentence += f" (intervals: {kinds})"
    return f"{sentence}, with {random}." if random else f"{sentence}."


def _kinds(known: pd.DataFrame) -> str:
    """Say of what kinds the intervals of a table are, and over what each is."""
    over = known.groupby("interval", sort=False)["random"].unique()
    return ", ".join(f"{kind} over {' or '.join(sorted(of))}" for kind, of in over.items())


def _random(rows: pd.DataFrame) -> str:
    """Say what the intervals of a table take as a random sample.

    Nothing without intervals, nor where each is told by its kind.
    """
    if rows["interval"].any():
        return ""
    known = rows[rows["low"].notna()]
    of = tuple(sorted(set(known["random"])))
    if of == ("cases",) and "n_readers" not in known:
        return "cases as a random sample, for each reader alone"
    if of == ("cases",) and known["n_readers"].max() == 1:
        return "cases as a random sample, for one reader"
    return RANDOM.get(of, MIXED) if of else ""


def _multiplicity(tables: Sequence[pd.DataFrame]) -> list[str]:
    """Say which p-values were corrected with which others."""
    corrected = {str(f) for t in tables for f in t.loc[t["p_holm"] > t["p"], "family"]}
    families_told = [words for family, words in FAMILIES.items() if family in corrected]
    if not families_told:
        return []
    families = "; ".join(families_told)
    return [
        (
            f"p-values were corrected by Holm's method {cite('holm')} within families, each at "
            f"5 %: {families}. Intervals are of single comparisons; verdicts follow the corrected "
            "p-values."
        )
    ]
