"""Volumes -> rows of the feature cache, in parts that job arrays share."""

from dataclasses import replace

from evalsuite import beforehand
from evalsuite.config import EvaluationConfig
from evalsuite.errors import EvalsuiteError
from evalsuite.evaluate import load_metrics, ready
from evalsuite.feature_tables import extractions, fill_tables, loaded_extractors
from evalsuite.reference import compare
from evalsuite.reference_file import is_reference
from evalsuite.resources import Resources

Json = dict[str, object]


def fill(config: EvaluationConfig, resources: Resources) -> list[Json]:
    """Put the features of this process's part of each cohort's volumes into the cache.

    Args:
        config: as for the evaluation.

    Returns:
        A row for each extractor and cohort: how many volumes there are, how many of them are in
        this process's part and were made now, and how many the cache lacks still.

    Raises:
        EvalsuiteError: for anything that is wrong with the configuration or the volumes.
    """
    metrics = [metric for metric, _ in load_metrics(config)]
    if not beforehand.needs_features(metrics):
        names = ", ".join(metric.name for metric in metrics)
        raise EvalsuiteError(f"There are no features to extract: none are looked at by {names}.")
    if is_reference(config.real.path):
        plan = compare.planned(config, replace(resources, tell=lambda _: None))
        cohorts, extractors, preparations = plan.cohorts, plan.extractors, plan.preparations
    else:
        extractors = loaded_extractors(config, config.extractors, resources)
        found = ready(config, extractors, [], resources)
        cohorts, preparations = list(found.cohorts), dict(found.preparations)
    jobs = extractions(cohorts, extractors, preparations, resources)
    return [
        {
            "extractor": job.extractor.name,
            "cohort": job.cohort.name,
            "volumes": len(job.cohort.entries),
            "part": len(job.share(resources.part)),
            "made": made,
            "missing": job.missing(),
        }
        for job, made in zip(jobs, fill_tables(jobs, resources), strict=True)
    ]
