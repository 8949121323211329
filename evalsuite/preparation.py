"""How the volumes of an evaluation are prepared: for metrics on voxels, and for each extractor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evalsuite.config import EvaluationConfig
from evalsuite.errors import EvalsuiteError
from evalsuite.records import Caveat
from evalsuite.volumes.cohort import Cohort
from evalsuite.volumes.preprocessing import Preprocessing

Json = dict[str, Any]
OVERRIDDEN = Caveat(
    "made-for-other-steps",
    "The extractor is made for {told}, which the settings give it: its features compare only with "
    "those of the same settings.",
    "extractor",
)
INTERPOLATED = Caveat(
    "interpolated",
    "{changed} of {n} volumes were interpolated to {spacing} mm{whom}; interpolation smooths, "
    "which moves every distance.",
    "cohort",
)
NO_HOUNSFIELD = Caveat(
    "no-hounsfield-units",
    "No volume has a value below 0, but the window of {low:g} to {high:g}{whom} is for CT in "
    "Hounsfield units. For other volumes pass --set preprocessing.intensity.kind=percentile.",
    "cohort",
)
PREPARED_OTHERWISE = Caveat(
    "prepared-otherwise",
    "They were prepared otherwise than the real ones{whom}, as configured: {told}.",
    "cohort",
)
PADDED = Caveat(
    "padded",
    "Most volumes are smaller than {shape} voxels and were padded with {value}{whom}, which moves "
    "every distance.{mend}",
    "cohort",
)


@dataclass(frozen=True, slots=True)
class Preparation:
    """The resolved steps for one who looks at the volumes.

    Args:
        real: of the real cohort, and of what the generator was trained on.
        synthetic: of synthetic cohorts; the same unless the configuration says otherwise.
        overridden: steps that an extractor wants otherwise, with what it wants.
    """

    real: Preprocessing
    synthetic: Preprocessing
    overridden: Mapping[str, Any] = field(default_factory=dict)

    def of(self, cohort: Cohort) -> Preprocessing:
        """Return the steps for the volumes of a cohort."""
        return self.real if cohort.role == "real" else self.synthetic

    @property
    def hash(self) -> str:
        """Of the steps for both kinds of cohorts."""
        return self.real.hash + self.synthetic.hash

    @property
    def others(self) -> Json:
        """The steps that are others for synthetic volumes, as JSON."""
        real, synthetic = (s.model_dump(mode="json") for s in (self.real, self.synthetic))
        return {name: value for name, value in synthetic.items() if value != real[name]}

    def record(self) -> Json:
        """Return the steps for the record of an evaluation, with their hashes and what they override."""
        told = {"preprocessing": _record(self.real)}
        if self.others:
            told["preprocessing_synthetic"] = _record(self.synthetic)
        if self.overridden:
            told["overridden"] = dict(self.overridden)
        return told

    def caveats(self) -> tuple[Caveat, ...]:
        """Return why features of an extractor that was shown something else are doubtful."""
        if not self.overridden:
            return ()
        given = self.real.model_dump(mode="json")
        told = " and ".join(
            f"{name} {_told(wanted)}, not {_told(given[name])}"
            for name, wanted in self.overridden.items()
        )
        return (OVERRIDDEN(told=told),)


def prepared(
    config: EvaluationConfig, real: Cohort, wants: Mapping[str, Any] | None = None
) -> Preparation:
    """Return the steps, resolved against the real cohort.

    Args:
        config: what the user declared.
        real: checked.
        wants: of the extractor; None for metrics on voxels, which see the patient's axes in order.

    Raises:
        EvalsuiteError: for steps that are impossible, or make volumes larger than memory.
    """
    shapes, affines = [i.shape for i in real.infos], [i.affine for i in real.infos]
    steps = config.steps(wants)
    if wants is None:
        steps = steps.along_patient()
    resolved = steps.resolve(shapes, affines)
    wanted = config.model_copy(update={"preprocessing": {}}).steps(wants).model_dump(mode="json")
    given = steps.model_dump(mode="json")
    return Preparation(
        resolved,
        config.synthetic_steps(resolved).resolve(shapes, affines),
        {name: wanted[name] for name in wants or {} if wanted[name] != given[name]},
    )


def judged(
    cohorts: Sequence[Cohort],
    own: Preparation,
    looked_at: Mapping[str, Preparation],
    *,
    mixed: bool = False,
) -> list[Cohort]:
    """Return the cohorts with the warnings, or raise the fault, that their preparation implies.

    Args:
        cohorts: checked, the real one first.
        own: of the evaluation itself; what holds for other steps is told with whose they are.
        looked_at: by name of the extractor; "" for metrics on voxels. What holds for several is
            told once.
        mixed: whether volumes of several spacings may be left so, as a protocol may want it.

    Raises:
        EvalsuiteError: for volumes that the steps leave too different to be compared.
    """
    alike: dict[str, list[str]] = {}
    for name, preparation in looked_at.items():
        alike.setdefault(preparation.hash, []).append(name)
    told = []
    for cohort in cohorts:
        warnings = list(cohort.warnings)
        if mixture := cohort.mixed_spacing():
            warnings.append(mixture)
        for steps, names in alike.items():
            whom = "" if steps == own.hash else f" for {' and '.join(names)}"
            warnings += _warnings(cohort, cohorts[0], looked_at[names[0]], whom, mixed=mixed)
        told.append(replace(cohort, warnings=tuple(warnings)))
    return told


def _warnings(
    cohort: Cohort, real: Cohort, preparation: Preparation, whom: str, *, mixed: bool
) -> list[Caveat]:
    steps = preparation.of(cohort)
    for info in {(i.shape, i.affine.tobytes()): i for i in cohort.infos}.values():
        steps.refuse_giant(info.shape, info.affine)
    mixture = cohort.mixed_spacing()
    free = mixed or steps.shape == "native"
    if mixture and steps.spacing == "native" and not free:
        raise EvalsuiteError(f"{mixture} Give a spacing to resample to, such as --spacing 1,1,1.")
    warnings = []
    changed = sum(steps.interpolates(info.affine) for info in cohort.infos)
    if changed:
        spacing = " x ".join(f"{v:g}" for v in steps.spacing if not isinstance(v, str))
        interpolated = INTERPOLATED(
            changed=changed, n=len(cohort.infos), spacing=spacing, whom=whom
        )
        warnings.append(interpolated)
    window = steps.intensity
    if window.kind == "window" and window.low < 0 <= min(i.minimum for i in cohort.infos):
        warnings.append(NO_HOUNSFIELD(low=window.low, high=window.high, whom=whom))
    if cohort.role == "real":
        return warnings
    if preparation.others:
        told = ", ".join(f"{name} {_told(value)}" for name, value in preparation.others.items())
        warnings.append(PREPARED_OTHERWISE(whom=whom, told=told))
    wanted = steps.shape
    if steps.fit == "resize" or isinstance(wanted, str):
        return warnings
    own, theirs = (
        [min(pair) for pair in zip(_median_size(c, preparation), wanted, strict=True)]
        for c in (cohort, real)
    )
    if any(a < b for a, b in zip(own, theirs, strict=True)):
        value = f"{steps.padding:g}" if steps.padding else "zeros"
        mend = (
            f" To cut all cohorts to one size, pass --shape {_told(own)}."
            if not (whom or mixed)
            else ""
        )
        shape = " x ".join(map(str, wanted))
        warnings.append(PADDED(shape=shape, value=value, whom=whom, mend=mend))
    return warnings


def _median_size(cohort: Cohort, preparation: Preparation) -> tuple[int, int, int]:
    return preparation.of(cohort).median_size(
        [info.shape for info in cohort.infos], [info.affine for info in cohort.infos]
    )


def _record(steps: Preprocessing) -> Json:
    return {**steps.model_dump(mode="json"), "hash": steps.hash}


def _told(value: object) -> str:
    """Return the value of a step in a sentence."""
    if isinstance(value, Mapping):
        kind = value.get("kind", "")
        rest = ", ".join(f"{k} {_told(v)}" for k, v in value.items() if k != "kind")
        return f"{kind} ({rest})" if rest else str(kind)
    if isinstance(value, list | tuple):
        return ",".join(map(_told, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
