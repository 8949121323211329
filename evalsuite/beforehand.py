"""Whether all that an evaluation was given has an effect, judged before any volume is read.

An error where the numbers would not be those that were asked for; a sentence where something is
merely not needed, as a configuration may describe more than one call of it uses.
"""

import json
from collections.abc import Mapping, Sequence

from evalsuite.caveats import enumerated
from evalsuite.config import EvaluationConfig
from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.extractor import Extractor
from evalsuite.extractors.sources import expanded
from evalsuite.extractors.weights import published, sha256
from evalsuite.metrics.metric import Metric
from evalsuite.plugins import available, loaded


def needs_features(metrics: Sequence[Metric]) -> bool:
    """Tell whether any metric looks at features."""
    return any("features" in metric.needs for metric in metrics)


def refuse_strangers(metrics: Sequence[Metric], extractors: Sequence[str]) -> None:
    """Raise EvalsuiteError for a metric that takes the features of none of the extractors."""
    for metric in metrics:
        if "features" in metric.needs and not any(map(metric.takes, extractors)):
            raise EvalsuiteError(
                f"The metric {metric.name} is of the features of {' or '.join(metric.extractors)}, "
                f"not of {', '.join(extractors)}. Name one of them with --extractor."
            )


def refuse_pairs_missing(config: EvaluationConfig, metrics: Sequence[Metric]) -> None:
    """Raise EvalsuiteError for a metric of pairs where nothing says which volumes are some."""
    named = [metric.name for metric in metrics if "pairs" in metric.needs]
    if named and config.paired is None:
        raise EvalsuiteError(
            f"The metric {named[0]} is of pairs: say what names the real volume that each synthetic "
            "one stands for with --paired file, --paired subject or --paired COLUMN."
        )


def refuse_idle_weights(weights: Mapping[str, str], extractors: Sequence[Extractor]) -> None:
    """Raise EvalsuiteError if weights were named that no one extractor has in its fingerprint.

    Args:
        weights: files by name of the extractor, "" for the only one that takes any.
    """
    if not extractors:
        return
    names = ", ".join(extractor.name for extractor in extractors)
    for name, file in weights.items():
        digest = sha256(expanded(file))
        # Layers of one network take its weights together.
        takers = {
            extractor.name.partition("@")[0]
            for extractor in extractors
            if digest in json.dumps(extractor.fingerprint)
        }
        if name:
            takers &= {name}
        if not takers:
            raise EvalsuiteError(
                f"{file}: none of the extractors takes these weights{f' as {name}' if name else ''}, "
                f"{names}. Name one that does with --extractor, or leave out --weights."
            )
        if len(takers) > 1:
            raise EvalsuiteError(
                f"{file}: {' and '.join(sorted(takers))} both take these weights. Say which one is meant, "
                f"such as --weights {min(takers)}={file}."
            )


def own_weights(weights: Mapping[str, str], extractors: Sequence[Extractor]) -> list[str]:
    """Return, as `weights FILE`, the named files that are not known to be the published ones."""
    if not extractors:
        return []
    known = {file.sha256 for file in published().values()}
    used = {extractor.fingerprint.get("weights_sha256") for extractor in extractors}
    files = {expanded(file): sha256(expanded(file)) for file in weights.values()}
    return [f"weights {f.name}" for f, d in files.items() if d in used and d not in known]


def idle(
    config: EvaluationConfig, metrics: Sequence[Metric], extractors: Sequence[Extractor]
) -> list[str]:
    """Return a sentence on everything that was named and is not looked at."""
    chosen = ", ".join(metric.name for metric in metrics)
    sentences = []
    named = [name for name in ("extractors", "weights") if name in config.model_fields_set]
    if named and not needs_features(metrics):
        sentences.append(
            f"No metric of {chosen} looks at features: the {' and '.join(named)} have no effect."
        )
    if config.slices and not any(extractor.slices for extractor in extractors):
        sentences.append(
            "The settings of slices are of two-dimensional networks, and none is used."
        )
    arithmetic = [json.dumps(extractor.fingerprint) for extractor in extractors]
    if config.precision != "float32" and not any(config.precision in a for a in arithmetic):
        sentences.append(f"The precision {config.precision} is of networks, and none is used.")
    if config.engine == "openvino" and not any("OpenVINO" in a for a in arithmetic):
        sentences.append("The engine openvino is of networks, and none that it could run is used.")
    if config.training and not any("training" in metric.needs for metric in metrics):
        sentences.append(
            f"No metric of {chosen} looks at what the generator was trained on; "
            f"{_those('training')}. It is only searched for volumes "
            "of the real cohort."
        )
    labelled = any(source.labels for source in (config.real, *config.synthetic))
    if labelled and not any({"labels", "regions"}.intersection(m.needs) for m in metrics):
        sentences.append(f"No metric of {chosen} reads label maps; {_those('labels', 'regions')}.")
    if config.masks and not any({"pairs", "regions"} <= set(m.needs) for m in metrics):
        sentences.append(f"No metric of {chosen} looks into masks; paired does.")
    if config.paired and not any("pairs" in metric.needs for metric in metrics):
        sentences.append(f"No metric of {chosen} looks at pairs; {_those('pairs')}.")
    return sentences


def _those(*needs: str) -> str:
    names = [
        name
        for name, point in available("metrics").items()
        if set(needs).intersection(loaded(point).needs)
    ]
    return f"{enumerated(names)} {'does' if len(names) == 1 else 'do'}"
