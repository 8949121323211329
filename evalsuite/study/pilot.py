"""What a pilot study tells of the study to come: how its ratings vary."""

from itertools import combinations
from pathlib import Path

import numpy as np
import yaml
from jaxtyping import Float

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.rated import Rated, rated_by_question
from evalsuite.study.export import read_csv, with_numbers, with_scales
from evalsuite.study.protocol.power import Components
from evalsuite.study.protocol.questions import parse_questions


def pilot_components(path: Path, question: str | None) -> tuple[str, Components]:
    """Return the question of an exported study that was rated, and the variances of its ratings.

    Args:
        path: CSV of `evalsuite study export` with the truth; its design lies beside it.
        question: its name; None if there is but one that is rated.

    Raises:
        EvalsuiteError: for another file, a question that is not in it, and too few ratings.
    """
    design = path.with_suffix(".design.yaml")
    try:
        table = with_numbers(read_csv(path))
        about = yaml.safe_load(design.read_text(encoding="utf-8"))
        questions = parse_questions(about["design"]["questions"])
        table = with_scales(table, questions)
    except OSError as error:
        raise EvalsuiteError(f"{error.filename}: it cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise EvalsuiteError(
            f"{path}: it is no table of `evalsuite study export` with its design beside it "
            f"({type(error).__name__})."
        ) from None
    rated = {r.question: r for r in rated_by_question(table) if r.analysis != "options"}
    if question is None and len(rated) == 1:
        (question,) = rated
    if question not in rated:
        raise EvalsuiteError(
            f"{path}: name the question by --question, one of {', '.join(rated) or 'none'}."
        )
    try:
        return question, components(rated[question])
    except EvalsuiteError as error:
        raise EvalsuiteError(f"{path}, question {question}: {error}") from None


def components(rated: Rated) -> Components:
    """Return estimates of the variances of ratings from the cases that every reader rated.

    They are those of the analysis of variance of the model of `evalsuite.study.protocol.power`,
    without bias but for negative ones, which are 0. With mean squares of J readers and K_i cases
    of cohort i, pooled over T cohorts,

        reader_case = MS_RC,  case = (MS_C - MS_RC) / J,
        2 reader_cohort = var_j(mean_1j - mean_2j) - reader_case (1 / K_1 + 1 / K_2),
        reader = var_j(mean_j) - reader_cohort / T - reader_case sum_i(1 / K_i) / T^2,

    the third averaged over pairs of cohorts.

    Raises:
        EvalsuiteError: with fewer than 2 readers, cohorts, or cases in one that all of them rated.
    """
    scores = [part[~np.isnan(part).any(axis=1)] for part in rated.scores.values()]
    if len(scores) < 2 or len(rated.readers) < 2 or min(map(len, scores)) < 2:
        raise EvalsuiteError(
            "Variances need real and synthetic cohorts with at least 2 readers and 2 cases of each "
            "that all of them rated. Export the study with the truth."
        )
    within, between = _pooled(scores)
    each = np.array([1 / len(part) for part in scores])
    means = np.array([part.mean(axis=0) for part in scores])
    changes = [
        (means[a] - means[b]).var(ddof=1) - within * (each[a] + each[b])
        for a, b in combinations(range(len(scores)), 2)
    ]
    of_cohort = max(float(np.mean(changes)) / 2, 0.0)
    noise = of_cohort / len(scores) + within * each.sum() / len(scores) ** 2
    return Components(
        reader=max(float(means.mean(axis=0).var(ddof=1) - noise), 0.0),
        reader_cohort=of_cohort,
        case=max((between - within) / len(rated.readers), 0.0),
        reader_case=within,
    )


def _pooled(scores: list[Float[np.ndarray, "c r"]]) -> tuple[float, float]:
    """Return the mean squares of reader x case and of cases within cohorts."""
    rest, cases, freedom = 0.0, 0.0, 0
    for part in scores:
        of_case = part.mean(axis=1, keepdims=True)
        residual = part - of_case - part.mean(axis=0) + part.mean()
        rest += float((residual**2).sum())
        cases += float(part.shape[1] * ((of_case - part.mean()) ** 2).sum())
        freedom += len(part) - 1
    return rest / (freedom * (scores[0].shape[1] - 1)), cases / freedom
