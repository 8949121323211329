"""Real volumes -> reference statistics."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from evalsuite import __version__, caveats
from evalsuite.cohorts import check
from evalsuite.config import EvaluationConfig
from evalsuite.errors import EvalsuiteError
from evalsuite.feature_tables import feature_tables, loaded_extractors
from evalsuite.moments import Moments, moments
from evalsuite.preparation import judged, prepared
from evalsuite.protocols.changes import recorded
from evalsuite.records import FeatureTable
from evalsuite.reference_file import SETTINGS, WHOLE, Reference
from evalsuite.resources import Resources
from evalsuite.volumes.sources import read_cohort

FEW = 20
FEW_TOLD = (
    "Mean and covariance of {n} volumes tell much about each of them. Think twice before you share "
    "them."
)


def build(config: EvaluationConfig, resources: Resources) -> Reference:
    """Return the statistics of the features of real volumes.

    Args:
        config: whose real cohort, extractors and settings count; its synthetic ones do not.

    Raises:
        EvalsuiteError: for anything that is wrong with the configuration or the volumes.
    """
    if not config.extractors:
        raise EvalsuiteError(
            f"The protocol {config.protocol} looks at voxels and not at features, so it has no "
            "reference statistics."
        )
    extractors = loaded_extractors(config, config.extractors, resources)
    name = config.real.name or "real"
    cohort = read_cohort(config.real.path, name=name, role="real", stated=config.stated())
    cohort = check(cohort, config, resources)
    n = len(cohort.entries)
    if n < 2:
        raise EvalsuiteError(f"{config.real.path}: statistics need at least 2 volumes, not {n}.")
    if n < FEW:
        resources.tell(FEW_TOLD.format(n=n))
    preparations = {e.name: prepared(config, cohort, e.wants) for e in extractors}
    (cohort,) = judged(
        [cohort], prepared(config, cohort), preparations, mixed=bool(config.protocol)
    )
    tables = feature_tables(config, [cohort], extractors, preparations, resources)
    for doubt in dict.fromkeys(warning for table in tables.values() for warning in table.warnings):
        resources.tell(str(doubt))
    statistics = {
        (extractor, plane): found
        for (extractor, _), table in tables.items()
        for plane, found in _moments(table).items()
    }
    declared = config.model_dump(mode="json")
    named = any(entry.subject for entry in cohort.entries)
    record: dict[str, Any] = {
        "evalsuite": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "real": {
            "name": name,
            "volumes": n,
            "subjects": len(set(cohort.subjects)) if named else None,
            "fingerprint": cohort.fingerprint,
            "warnings": caveats.to_json(cohort.warnings),
        },
        "settings": {key: declared[key] for key in SETTINGS},
        "protocol": recorded(declared),
        "extractors": {e.name: e.fingerprint for e in extractors},
        "preparations": {
            name: {
                "real": preparation.real.model_dump(mode="json"),
                "synthetic": preparation.synthetic.model_dump(mode="json"),
                "overridden": dict(preparation.overridden),
            }
            for name, preparation in preparations.items()
        },
    }
    return Reference(record, statistics)


def _moments(table: FeatureTable) -> Mapping[str, Moments]:
    if table.slices is None:
        return {WHOLE: moments(table.values)}
    return {
        plane: moments(values.reshape(-1, values.shape[-1]))
        for plane, values in table.slices.items()
    }
