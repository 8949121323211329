"""How volumes were prepared, from the record of an evaluation."""

from collections.abc import Mapping
from typing import Any

from evalsuite.caveats import enumerated

Steps = Mapping[str, Any]

ABBREVIATED = 12  # of 64 digits of a SHA-256
FITS = {
    "crop-pad": " by cropping and padding with {padding}",
    "pad-crop": " by cropping and padding with {padding}",
    "resize": " by resizing",
}
INTERPOLATIONS = {
    "smoothed": " by linear interpolation, after a Gaussian where voxels became larger",
    "linear": " by linear interpolation",
    "b-spline": " by B-splines of third order",
}
OVER = {"all": "all voxels", "nonzero": "the non-zero voxels"}


def preparation(config: Mapping[str, Any]) -> list[str]:
    """Return the sentences on the steps of an evaluation, and on those of single extractors.

    Args:
        config: of the evaluation; records of old know one preprocessing for all.
    """
    own = config.get("preprocessing") or {}
    told = _sentence("All volumes were", own)
    told += _synthetic("", config)
    for name, extractor in (config.get("extractors") or {}).items():
        steps = extractor.get("preprocessing") or own
        if steps != own:
            told += _sentence(f"For {name} volumes were", steps)
        if overridden := extractor.get("overridden"):
            wanted = " and ".join(f"{key} {_value(value)}" for key, value in overridden.items())
            told.append(f"{name} is made for {wanted}.")
        if extractor.get("preprocessing_synthetic") != config.get("preprocessing_synthetic"):
            told += _synthetic(f" for {name}", extractor)
        if slices := extractor.get("slices"):
            told.append(_slices(name, slices))
    return told


def _sentence(start: str, steps: Steps) -> list[str]:
    parts = [f"{start} brought to {brought}"] if (brought := _grid(steps)) else []
    if rule := steps.get("intensity"):
        before = "before that " if steps.get("intensity_first") else ""
        parts.append(before + _intensity(rule))
    mark = f" (preprocessing {steps['hash'][:ABBREVIATED]})" if steps.get("hash") else ""
    return [f"{'; '.join(parts)}{mark}."] if parts else []


def _grid(steps: Steps) -> str:
    turned = steps.get("orientation", "native")
    parts = [f"{turned} orientation"] if turned != "native" else []
    if isinstance(steps.get("spacing"), list | tuple):
        # Records of old, which do not tell it, have the interpolation that is the default now.
        how = INTERPOLATIONS[steps["interpolation"]] if "interpolation" in steps else ""
        parts.append(f"a spacing of {_by(steps['spacing'])} mm{how}")
    if isinstance(steps.get("shape"), list | tuple):
        value = steps.get("padding") or "zeros"
        fit = FITS.get(steps.get("fit", ""), "").format(padding=_value(value))
        parts.append(f"{_by(steps['shape'])} voxels{fit}")
    told = enumerated(parts)
    if steps.get("trim"):
        told += ", without blank axial slices"
    if steps.get("axes") == "zyx":
        told += ", their axes in the order z, y, x"
    return told


def _intensity(rule: Steps) -> str:
    kind, ends = rule.get("kind"), rule.get("range", (0, 1))
    onto = f"were mapped to {enumerated(map(_value, ends))}" if ends else ""
    if kind == "percentile":
        of = " of the non-zero voxels" if rule.get("over") == "nonzero" else ""
        told = f"the percentiles {rule['low']:g} and {rule['high']:g}{of}"
        return f"{told} {onto}" if onto else f"intensities were clipped at {told}"
    if kind == "window":
        low, high = f"{rule['low']:g}", f"{rule['high']:g}"
        if onto:
            return f"intensities from {low} to {high} {onto}"
        return f"intensities were clipped at {low} and {high}"
    if kind == "minmax":
        return f"minimum and maximum {onto}"
    if kind == "none":
        return "intensities were left as they are"
    over = OVER[rule.get("over", "nonzero")]
    return f"intensities were standardised by mean and standard deviation of {over}"


def _synthetic(whom: str, record: Mapping[str, Any]) -> list[str]:
    """Return what was done otherwise to synthetic volumes."""
    synthetic = record.get("preprocessing_synthetic")
    if not synthetic:
        return []
    real = record.get("preprocessing") or {}
    others = [
        _intensity(value) if key == "intensity" else f"{key.replace('_', ' ')} {_value(value)}"
        for key, value in synthetic.items()
        if key != "hash" and value != real.get(key)
    ]
    return [f"Of synthetic volumes{whom} it was otherwise: {', '.join(others)}."]


def _slices(name: str, slices: Steps) -> str:
    share, step = slices["share"], slices["step"]
    which = "all" if share == 1 else f"the central {100 * share:g} %"
    each = f", one in {step}," if step > 1 else ""
    parts = []
    if rule := slices["intensity"]:
        of = "each slice" if rule["per"] == "slice" else "the slices of a volume in one plane"
        parts.append(
            f"the percentiles {rule['low']:g} and {rule['high']:g} of {of} mapped to 0 and 1"
        )
    if slices["size"]:
        how = f"{slices['interpolation']}{', antialiased' if slices['antialias'] else ''}"
        parts.append(f"resized to {slices['size']} x {slices['size']} pixels ({how})")
    if slices["channels"] == "neighbours":
        parts.append("the neighbouring slices as further channels")
    if any(slices["mean"]) or set(slices["std"]) != {1}:
        parts.append(
            f"the channels' means {_value(slices['mean'])} subtracted and divided by "
            f"{_value(slices['std'])}"
        )
    how = f", with {enumerated(parts)}" if parts else ""
    return (
        f"{name} saw {which}{each} of the {enumerated(slices['planes'])} slices of a volume one by "
        f"one{how}."
    )


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return _intensity(value) if "kind" in value else ", ".join(map(str, value.values()))
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _by(values: Any) -> str:
    return " x ".join(map(_value, values))
