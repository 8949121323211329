"""Studies and evaluations that are made up, for reports on them."""

import html
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from evalsuite.study.export import with_scales
from evalsuite.study.protocol.questions import TEMPLATES
from reports.document import Text
from reports.readers import StudyResults, answers, study_sections
from reports.sources import EvaluationData, StudyData
from tests.evaluations import example

LEVELS = {"real": 0.0, "blur1": 1.0, "blur2": 2.0}
POINTS = {"confidence": 6, "choice": 4, "likert": 5}


@pytest.fixture(scope="session")
def make_study():
    """Return a study in which answers fall with the level of a cohort, or do not."""

    def make(
        *,
        levels=LEVELS,
        readers=("Reader A", "Reader B", "Reader C"),
        cases=8,
        templates=("turing",),
        repeats=0,
        effect=1.0,
        state="closed",
        seed=0,
        keep=lambda row: True,
        answer=None,
        **design,
    ):
        random = np.random.default_rng(seed)
        questions = [question for name in templates for question in TEMPLATES[name]]
        known = [(f"{c}{i}", c, level) for c, level in levels.items() for i in range(cases)]
        quality = {case: -effect * level + random.normal(0, 0.3) for case, _, level in known}
        rows = []
        for reader in readers:
            bias = random.normal(0, 0.2)
            order = [known[i] for i in random.permutation(len(known))]
            for position, (case, cohort, _) in enumerate([*order, *order[:repeats]]):
                latent = quality[case] + bias + random.normal(0, 0.3)
                rows += [
                    {
                        "study": "made-up",
                        "reader": reader,
                        "position": position,
                        "phase": "reading",
                        "presentation": f"{reader}-{position}",
                        "case": case,
                        "repeat_of": position - len(order) if position >= len(order) else None,
                        "question": question.name,
                        "kind": question.kind,
                        "answer": _answer(question, latent),
                        "revision": 0,
                        "answered_at": "2026-11-23T09:00:00+00:00",
                        "seconds": 30.0,
                        "active_seconds": float(np.exp(random.normal(3, 0.4))),
                        "cohort": cohort,
                        "role": "real" if cohort.startswith("real") else "synthetic",
                        "stratum": "",
                        "real_side": None,
                        "digest": f"sha-{case}",
                    }
                    for question in questions
                ]
        rows = [row for row in rows if keep(row)]
        if answer is not None:
            rows = [row | {"answer": answer(row)} for row in rows]
        return told(rows, questions, state=state, readers=list(readers), repeats=repeats, **design)

    return make


@pytest.fixture(scope="session")
def make_pairs():
    """Return a paired study in which readers find the real case with some probability."""

    def make(*, right=0.8, pairs=12, readers=("Reader A", "Reader B", "Reader C"), **design):
        random = np.random.default_rng(0)
        rows = []
        for reader in readers:
            for position in range(pairs):
                side = int(random.integers(1, 3))
                cases = [f"r{position}", f"s{position}"][:: 1 if side == 1 else -1]
                cohorts = ["real", "blur1"][:: 1 if side == 1 else -1]
                rows.append(
                    {
                        "study": "made-up",
                        "reader": reader,
                        "position": position,
                        "phase": "reading",
                        "presentation": f"{reader}-{position}",
                        "case": "|".join(cases),
                        "repeat_of": None,
                        "question": "real_side",
                        "kind": "forced_choice",
                        "answer": side if random.random() < right else 3 - side,
                        "revision": 0,
                        "answered_at": "2026-11-23T09:00:00+00:00",
                        "seconds": 30.0,
                        "active_seconds": float(np.exp(random.normal(3, 0.4))),
                        "cohort": "|".join(cohorts),
                        "role": "|".join("real" if c == "real" else "synthetic" for c in cohorts),
                        "stratum": "|",
                        "real_side": side,
                        "digest": "|".join(f"sha-{case}" for case in cases),
                    }
                )
        return told(rows, TEMPLATES["2afc"], readers=list(readers), paired=True, **design)

    return make


def missing(row):
    """Answer three of four, and let the last reader answer nothing but real cases."""
    if row["reader"] == "Reader E" and row["role"] == "synthetic":
        return None
    return None if row["position"] % 4 == 1 else row["answer"]


# Studies of every kind of which methods and captions have to be true.
FIVE = tuple(f"Reader {letter}" for letter in "ABCDE")
STUDIES = {
    "two readers": lambda make_study, _: make_study(readers=FIVE[:2], repeats=4),
    "five readers": lambda make_study, _: make_study(readers=FIVE, repeats=4, seed=1),
    "forced choice": lambda _, make_pairs: make_pairs(),
    "forced choice, two readers": lambda _, make_pairs: make_pairs(readers=FIVE[:2], pairs=20),
    "forced choice, one reader": lambda _, make_pairs: make_pairs(readers=FIVE[:1]),
    "ratings only": lambda make_study, _: make_study(
        templates=("paper",), margins={"appearance": 0.5}
    ),
    "a line": lambda make_study, _: make_study(templates=("analogue",), repeats=4),
    "ratings and a line": lambda make_study, _: make_study(templates=("likert", "analogue")),
    "several at once": lambda make_study, _: make_study(templates=("multiple",)),
    "free text": lambda make_study, _: make_study(templates=("text",)),
    "one reader": lambda make_study, _: make_study(readers=FIVE[:1], repeats=4),
    "no repeats": lambda make_study, _: make_study(readers=FIVE[:3]),
    "missing answers": lambda make_study, _: make_study(readers=FIVE, cases=16, answer=missing),
    "not closed": lambda make_study, _: make_study(state="open"),
    "all answers equal": lambda make_study, _: make_study(answer=lambda _: 3),
    "no answers": lambda make_study, _: make_study(answer=lambda _: None),
}


@pytest.fixture(scope="session")
def computed_study(make_study, make_pairs):
    """Return one of `STUDIES` with the chapters of a report on it."""

    @cache
    def compute(name):
        study = STUDIES[name](make_study, make_pairs)
        return study, study_sections(StudyResults(study, 50))

    return compute


@pytest.fixture(scope="session")
def make_evaluation(tmp_path_factory):
    """Return an evaluation with scores of the cases of a study that fall with the level."""
    folder = tmp_path_factory.mktemp("evaluation")

    def make(study, *, levels=LEVELS, noise=0.4, seed=1, names=("blur1", "blur2")):
        random = np.random.default_rng(seed)
        known = study.table.drop_duplicates("case")
        scores = pd.DataFrame(
            {
                "cohort": row.cohort,
                "role": row.role,
                "volume": row.case,
                "digest": row.digest,
                "against": "blur1" if row.role == "real" else "real",
                "extractor": "radiomics",
                "name": metric,
                "value": sign * (levels.get(row.cohort, 0) + random.normal(0, noise)),
                "direction": direction,
                "method": "m",
                "where": "",
                "pair": "",
                "subject": "",
            }
            for row in known.itertuples()
            for metric, sign, direction in (
                ("realism", -1, "higher is better"),
                ("nearest_real_distance", 1, "lower is better"),
            )
        )
        evaluation = example(*names)
        known = evaluation.environment | {"python": "3.11.7"}
        return EvaluationData(folder, replace(evaluation, environment=known), scores, [])

    return make


def told(rows, questions, *, state="closed", **design):
    """Return the study that an export would tell of."""
    columns = [
        "study", "reader", "position", "phase", "presentation", "case", "repeat_of", "question",
        "kind", "answer", "revision", "answered_at", "seconds", "active_seconds",
    ]  # fmt: skip
    if state == "closed":
        columns += ["cohort", "role", "stratum", "real_side", "digest"]
    shown = [question.model_dump(mode="json") for question in questions]
    about = {"name": "made-up", "title": "A made-up study", "questions": shown} | design
    table = with_scales(pd.DataFrame(rows, columns=columns), questions)
    return StudyData("made-up", state, table, about, "c0ffee")


def findings(study):
    """Return the sentences of the first page on a study."""
    return paragraphs(answers(StudyResults(study, 50)))


def paragraphs(parts):
    """Return the paragraphs of the texts of some answers."""
    texts = [b for part in parts for b in part.blocks if isinstance(b, Text)]
    return [paragraph for text in texts for paragraph in text.paragraphs]


def visible(page):
    """Return the words of a page as a reader sees them."""
    page = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


def _answer(question, latent):
    if question.kind == "analogue":
        return float(np.clip(75 + 20 * latent, 0, 100))
    if question.kind == "text":
        return "A remark." if latent < -1 else None
    if question.kind == "multiple":
        return [1] if latent > -1 else [2, 4]
    points = POINTS[question.kind]
    return int(np.clip(round(0.8 * points + latent * points / 5), 1, points))
