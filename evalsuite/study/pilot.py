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
    """Return estimates of the variances of ratings, whoever rated which cases.

    They are those of the model of `evalsuite.study.protocol.power`, without bias but for negative
    ones, which are 0, and where every reader rated every case those of the analysis of variance.
    Each is an average over readers, or over pairs of readers j and l, of T cohorts i:

        2 reader_case = var(y_j - y_l) over the cases that both rated, within cohorts,
        case + reader_case = var(y_j) within cohorts,
        4 reader_cohort = E(d_j - d_l)^2 - sum_i noise_i,  d: difference of the means of two cohorts,
        2 reader + 2 reader_cohort / T = E(m_j - m_l)^2 - sum_i noise_i / T^2,  m: mean over cohorts,
        noise_i = (case + reader_case) (1 / n_j + 1 / n_l) - 2 case n_jl / (n_j n_l),

    with n_j cases of the cohort rated by j and n_jl by both.

    Raises:
        EvalsuiteError: with fewer than 2 readers, cohorts, or cases in one that two of them rated.

    References:
        Henderson, Biometrics 9 (1953) 226-252, for moments of unbalanced data.
    """
    parts = list(rated.scores.values())
    everywhere = np.all([(~np.isnan(part)).any(axis=0) for part in parts], axis=0)
    parts = [part[:, everywhere] for part in parts]
    first, second = np.triu_indices(int(everywhere.sum()), k=1)
    differences = [part[:, first] - part[:, second] for part in parts]
    if len(parts) < 2 or not len(first) or not any(_freedom(part).any() for part in differences):
        raise EvalsuiteError(
            "Variances need real and synthetic cohorts with at least 2 readers of both and 2 cases "
            "of one that two of them rated. Export the study with the truth."
        )
    of_both = _pooled(differences) / 2
    of_case = max(_pooled(parts) - of_both, 0.0)
    means = np.array([np.nanmean(part, axis=0) for part in parts])
    noise = np.array([_noise(part, of_case, of_both)[first, second] for part in parts])
    changes = [
        np.mean((apart[first] - apart[second]) ** 2 - noise[a] - noise[b])
        for a, b in combinations(range(len(parts)), 2)
        for apart in [means[a] - means[b]]
    ]
    of_cohort = max(float(np.mean(changes)) / 4, 0.0)
    overall = means.mean(axis=0)
    apart = (overall[first] - overall[second]) ** 2 - noise.sum(axis=0) / len(parts) ** 2
    return Components(
        reader=max(float(apart.mean()) / 2 - of_cohort / len(parts), 0.0),
        reader_cohort=of_cohort,
        case=of_case,
        reader_case=of_both,
    )


def _freedom(part: Float[np.ndarray, "c n"]) -> Float[np.ndarray, " n"]:
    return np.asarray(np.maximum((~np.isnan(part)).sum(axis=0) - 1.0, 0))


def _pooled(parts: list[Float[np.ndarray, "c n"]]) -> float:
    """Return the variance within columns, over all of them."""
    squares = 0.0
    for part in parts:
        known = part[:, (~np.isnan(part)).any(axis=0)]
        squares += float(np.nansum((known - np.nanmean(known, axis=0)) ** 2))
    return squares / float(sum(_freedom(part).sum() for part in parts))


def _noise(
    part: Float[np.ndarray, "c r"], of_case: float, of_both: float
) -> Float[np.ndarray, "r r"]:
    """Return the variance of the difference of two readers' means that comes from the cases."""
    given = (~np.isnan(part)).astype(float)
    share = 1 / given.sum(axis=0)
    own = share[:, None] + share
    common = given.T @ given * np.outer(share, share)
    return np.asarray((of_case + of_both) * own - 2 * of_case * common)
