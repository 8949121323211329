"""Signs of careless reading: declared rules, told of every reader and never applied.

A sign is a reason to ask, not a proof: who is sure at a glance reads fast, and who finds all cases
alike answers alike. Whoever leaves a reader out decides and says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evalsuite.records import Caveat
from evalsuite.statistics.behaviour import DESCRIBED, PLANES, first_readings
from evalsuite.statistics.result import NAN, Result

RAISED, NO, NOT_JUDGED = "raised", "no", "not judged"
ORDERED = ("ordinal", "interval")  # scales on which answers lie apart
REMARKS = "remarks"  # the analysis of answers in a reader's own words
SECONDS = 2.0
SLICES, OF_PLANE = 3, 0.5
FEWEST_CASES, FEWEST_REPEATS = 10, 4
LEAST = 3  # readings or repeated answers, without which nothing is raised
OTHERS_TOO = 0.5


@dataclass(frozen=True, slots=True)
class Rule:
    """One sign.

    Args:
        name: of it.
        limit: the share from which it is raised.
        fewest: readings, or repeated answers, without which it is not judged.
        rule: what is counted, and where the limit comes from.
        told: the sentence on a reader with `k` of `n`.
        reference: where such a rule was published.
    """

    name: str
    limit: float
    fewest: int
    rule: str
    told: str
    reference: str = ""


FAST = Rule(
    "too fast",
    0.1,
    FEWEST_CASES,
    f"a tenth of the cases or more with less than {SECONDS:g} s of active time; the limit of a "
    "tenth is that of response time effort, 2 s a question is a usual limit in surveys",
    f"{{k}} of {{n}} cases took less than {SECONDS:g} s of active time",
    "Wise and Kong 2005; Huang et al. 2012",
)
SAME = Rule(
    "one answer",
    0.95,
    FEWEST_CASES,
    "the same answers to all questions in 95 % of the cases or more, which the other readers gave "
    "in less than half; the limits are ours",
    "{k} of {n} cases got the same answers",
    "Meade and Craig 2012",
)
CONTRADICTED = Rule(
    "repeats contradicted",
    0.4,
    FEWEST_REPEATS,
    "two fifths or more of the answers to hidden repeats at least half of the scale away from the "
    "first ones; the limits are ours",
    "{k} of {n} answers to repeated cases lie half of the scale or more from the first ones",
    "Meade and Craig 2012",
)
UNSEEN = Rule(
    "slices not seen",
    0.5,
    FEWEST_CASES,
    f"half of the cases or more with at most {SLICES} slices seen in every plane, and less than "
    "half of each plane; the limits are ours",
    f"of {{k}} of {{n}} cases no more than {SLICES} slices were seen in any plane",
)
RULES = {rule.name: rule for rule in (FAST, SAME, CONTRADICTED, UNSEEN)}

ALIKE = Caveat(
    "answers-of-others-alike", "Not raised: the other readers gave these answers about as often."
)
TOO_FEW = Caveat(
    "too-few-to-judge",
    "Not judged: that needs {fewest} readings with a record, or repeated answers, and there are "
    "{n}.",
)


@dataclass(frozen=True, slots=True)
class Count:
    """How many readings were found of how many judged, and whether there is an excuse for them."""

    found: int = 0
    judged: int = 0
    excused: bool = False


Counts = dict[str, Count]  # by reader


def careless(table: pd.DataFrame, points: Mapping[str, int] | None = None) -> list[Result]:
    """Return for each reader and rule the share of readings that it counts, and what follows.

    Training is left out; times and slices are those of the first submission, answers those of the
    last. Fewer than 3 raise nothing. `where["sign"]` is `raised`, `no` or `not judged`, for which a
    warning says why.

    In simulations (`benchmarks/careless.py`) a sign was raised for 2 of 1,620 honest readers and
    for 6 of 405 in a hurry, who glance at three cases in ten. Who clicks through, gives one answer
    or sees one slice was always noticed, random answers in 13 to 73 %: where nobody can tell the
    cases apart they look like honest ones.

    Args:
        table: the long table of one study, with or without the truth; columns on behaviour may be
            missing.
        points: by question, how many options it offers; else the largest answer that occurs.

    References:
        Wise and Kong, Applied Measurement in Education 18 (2005) 163-183. Huang et al., Journal of
        Business and Psychology 27 (2012) 99-114. Meade and Craig, Psychological Methods 17 (2012)
        437-455.
    """
    read = table[table["phase"] == "reading"]
    if read.empty:
        return []
    first = first_readings(table)
    counted: dict[Rule, Counts] = {
        FAST: _shares(first, _fast),
        SAME: _same(read),
        CONTRADICTED: _contradicted(read, points or {}),
        UNSEEN: _shares(first, _unseen),
    }
    readers = sorted(read["reader"].astype(str).unique())
    return [
        _result(reader, rule, counts.get(reader, Count()))
        for reader in readers
        for rule, counts in counted.items()
    ]


def raised(results: list[Result]) -> list[Result]:
    """Return the signs that were raised."""
    return [result for result in results if result.where["sign"] == RAISED]


def told(sign: Result) -> str:
    """Return who it is about and what was found, without a full stop."""
    found = RULES[sign.quantity].told.format(k=sign.counts["found"], n=sign.counts["judged"])
    return f"{sign.at('reader')}, {sign.quantity}: {found}"


def _result(reader: str, rule: Rule, count: Count) -> Result:
    share = count.found / count.judged if count.judged else NAN
    enough = count.judged >= rule.fewest
    over = share >= rule.limit and count.found >= LEAST
    few = TOO_FEW(fewest=rule.fewest, n=count.judged)
    return Result(
        where={
            "reader": reader,
            "sign": NOT_JUDGED if not enough else RAISED if over and not count.excused else NO,
        },
        quantity=rule.name,
        value=share,
        counts={"found": count.found, "judged": count.judged},
        parts={"limit": rule.limit},
        method=rule.rule,
        reference=rule.reference,
        warnings=(few,) if not enough else (ALIKE,) if over and count.excused else (DESCRIBED,),
    )


def _shares(first: pd.DataFrame, count: Callable[[pd.DataFrame], "pd.Series[float]"]) -> Counts:
    """Return by reader how many readings `count` says 1 of, and of how many it says 0 or 1."""
    said = count(first).groupby(first["reader"])
    return {str(reader): Count(int(of.sum()), int(of.count())) for reader, of in said}


def _fast(first: pd.DataFrame) -> "pd.Series[float]":
    seconds = first["active_seconds"]
    return (seconds < SECONDS).astype(float).where(seconds.notna())


def _unseen(first: pd.DataFrame) -> "pd.Series[float]":
    seen = first[[f"{plane}_slices" for plane in PLANES]].to_numpy()
    there = first[[f"{plane}_there" for plane in PLANES]].fillna(np.inf).to_numpy()
    few = ((seen <= SLICES) & (seen < OF_PLANE * there)).all(axis=1)
    return pd.Series(few.astype(float), first.index).where(~np.isnan(seen).any(axis=1))


def _same(read: pd.DataFrame) -> Counts:
    """Count the readings with a reader's most frequent answers."""
    last = read[read["analysis"] != REMARKS].sort_values("revision", kind="stable")
    last = last.drop_duplicates(["reader", "position", "question"], keep="last")
    texts = last.assign(answer=last["answer"].astype(str), reader=last["reader"].astype(str))
    wide = texts.pivot_table(
        index=["reader", "position"], columns="question", values="answer", aggfunc="first"
    )
    given = pd.Series(list(map(tuple, wide.fillna("").to_numpy())), wide.index, dtype=object)
    shares = {
        str(reader): of.value_counts() for reader, of in given.groupby(level="reader", sort=False)
    }
    return {reader: _usual(reader, shares) for reader in shares}


def _usual(reader: str, shares: Mapping[str, "pd.Series[int]"]) -> Count:
    counts = shares[reader]
    usual = counts.index[0]
    others = [of.get(usual, 0) / of.sum() for name, of in shares.items() if name != reader]
    alike = bool(others) and float(np.mean(others)) >= OTHERS_TOO
    return Count(int(counts.iloc[0]), int(counts.sum()), alike)


def _contradicted(read: pd.DataFrame, points: Mapping[str, int]) -> Counts:
    """Count the answers to repeats that lie half of the scale or more from the first ones."""
    rated = read[read["scale"].isin(ORDERED)].sort_values("revision", kind="stable")
    last = rated.drop_duplicates(["reader", "position", "question"], keep="last")
    last = last.assign(
        reader=last["reader"].astype(str),
        score=pd.to_numeric(last["answer"], errors="coerce").astype(float),
        repeat_of=pd.to_numeric(last["repeat_of"]).astype(float),
    )
    halves = {
        question: _width(own, points.get(str(question))) / 2
        for question, own in last.groupby("question")
    }
    pairs = last[last["repeat_of"].notna()].merge(
        last[["reader", "question", "position", "score"]],
        left_on=["reader", "question", "repeat_of"],
        right_on=["reader", "question", "position"],
    )
    apart = (pairs["score_x"] - pairs["score_y"]).abs()
    half = pairs["question"].map(halves).astype(float)
    far = (apart >= half).astype(float).where(apart.notna())
    return {
        str(reader): Count(int(of.sum()), int(of.count()))
        for reader, of in far.groupby(pairs["reader"])
    }


def _width(own: pd.DataFrame, points: int | None) -> float:
    """Return how far the ends of a question's scale lie apart."""
    if own["scale"].iloc[0] == "interval":
        return float(own["highest"].iloc[0]) - float(own["lowest"].iloc[0])
    return (points or max(2.0, own["score"].max())) - 1.0
