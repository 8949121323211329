"""What a certificate says of metrics on a user's real volumes, as it lies on disk."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.errors import EvalsuiteError
from evalsuite.output import finite, refuse_newer
from evalsuite.places import Where, placed
from evalsuite.records import Direction
from evalsuite.writable import write_whole

if TYPE_CHECKING:
    import pandas as pd

CERTIFICATE = "certificate.json"
SCHEMA = 1  # of that file
ALPHA = 0.05  # of each one-sided test against real volumes
POWER = 0.8
SHARE = "share of "  # how the unit of a severity begins that is told in per cent


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is planted in real volumes.

    Args:
        name: kebab- or snake-case.
        title: for people.
        unit: of its severities.
        levels: the severities, from the least.
        about: what else there is to tell.
    """

    name: str
    title: str
    unit: str
    levels: tuple[float, ...]
    about: str = ""

    def told(self, level: float) -> str:
        """Return a severity as it stands in a table, such as `20 %` or `1.5`."""
        return f"{100 * level:g} %" if self.unit.startswith(SHARE) else f"{level:g}"


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a fault at one severity.

    Args:
        level: the severity.
        power: share of splits in which the metric is worse than `ALPHA` of real halves are.
        rewarded: share in which it is better than all but `ALPHA` of them.
        effect: mean change of the metric by the fault, in its unit; nan where it is undefined.
        needed: volumes a side with which it would be seen with `POWER`, about; None where it is
            seen already or does not move the metric for the worse.
    """

    level: float
    power: float
    rewarded: float
    effect: float
    needed: int | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What a metric makes of one fault.

    Args:
        fault: its name.
        n: faulty volumes against real ones, on average over splits.
        trend: mean rank correlation of severity, with 0, and how bad the metric is; 1 where every
            split gets worse with every severity.
        tried: by severity.
    """

    fault: str
    n: int
    trend: float
    tried: tuple[Tried, ...]

    @property
    def seen_from(self) -> float | None:
        """The severity from which on each is seen with `POWER`; None for none."""
        found = None
        for one in reversed(self.tried):
            if one.power < POWER:
                break
            found = one.level
        return found

    @property
    def rewarded(self) -> bool:
        """Whether some severity makes the metric better, beyond chance, with `POWER`."""
        return any(one.rewarded >= POWER for one in self.tried)

    @property
    def needed(self) -> int | None:
        """Volumes a side to see its greatest severity; None as for `Tried`."""
        return self.tried[-1].needed


@dataclass(frozen=True, slots=True)
class Judged:
    """One number of a metric, on features of one extractor.

    Args:
        metric, name, where, extractor, direction: as those of an `Estimate`.
        usual: median between halves of the real volumes.
        limit: what only `ALPHA` of these halves are worse than.
        least: the least change from the usual value that is seen with `POWER`, were its spread that
            between halves; nan where halves do not differ enough to tell.
        trials: one per fault.
    """

    metric: str
    name: str
    where: Where
    extractor: str
    direction: Direction
    usual: float
    limit: float
    least: float
    trials: tuple[Trial, ...]

    @property
    def key(self) -> str:
        """Name and place in one."""
        return placed(self.name, self.where)

    def least_at(self, sizes: tuple[float, float], own: float) -> float:
        """Return the least change that is seen between cohorts of other sizes.

        Never less than by either law that spreads between alike cohorts follow, the root of n or
        n itself.

        Args:
            sizes: of what is independent, in both cohorts.
            own: how many there are in each half of this certificate.
        """
        ratio = math.sqrt((1 / sizes[0] + 1 / sizes[1]) / (2 / own))
        return self.least * (ratio if ratio <= 1 else ratio**2)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What metrics see, and what they miss, between halves of a cohort of real volumes.

    Args:
        real: name, source, fingerprint, volumes and subjects of the cohort, and how many of them
            were drawn.
        half: mean number of volumes in a half, and of subjects in it.
        splits: how many halvings by subject set the limits.
        planted: in how many of these faults were planted.
        seed: of halvings and faults.
        faults: that were planted.
        judged: every number of every metric and extractor.
        left_out: by name of a metric, or number, why nothing is said of it.
        record: everything that decides these numbers: protocol, extractors with their fingerprints
            and preprocessing, metrics with their options.
        evalsuite: version.
        created: UTC, ISO 8601.
        seconds: wall-clock time.
    """

    real: Mapping[str, Any]
    half: tuple[float, float]
    splits: int
    planted: int
    seed: int
    faults: tuple[Fault, ...]
    judged: tuple[Judged, ...]
    left_out: Mapping[str, str]
    record: Mapping[str, Any]
    evalsuite: str
    created: str
    seconds: float
    schema: int = field(default=SCHEMA)

    def fault(self, name: str) -> Fault:
        """Return what is told of a fault."""
        return next(fault for fault in self.faults if fault.name == name)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per number, fault and severity."""
        import pandas as pd

        return pd.DataFrame(list(self.rows()))

    def rows(self) -> Iterator[dict[str, object]]:
        """Yield one flat row per number, fault and severity."""
        for judged in self.judged:
            for trial in judged.trials:
                for one in trial.tried:
                    yield {
                        "extractor": judged.extractor,
                        "name": judged.key,
                        "fault": trial.fault,
                        "severity": one.level,
                        "unit": self.fault(trial.fault).unit,
                        "power": one.power,
                        "rewarded": one.rewarded,
                        "effect": one.effect,
                        "usual": judged.usual,
                        "limit": judged.limit,
                        "least": judged.least,
                        "trend": trial.trend,
                        "seen_from": trial.seen_from,
                        "needed": one.needed,
                        "n_real": round(self.half[0]),
                        "n_faulty": trial.n,
                    }


def write_certificate(certificate: Certificate, path: Path) -> None:
    """Write a certificate as JSON, in which nan is null."""
    text = json.dumps(finite(asdict(certificate)), indent=1, allow_nan=False)
    write_whole(path, (text + "\n").encode(), "Name another folder with --output DIR.")


def read_certificate(path: Path) -> Certificate:
    """Return the certificate in a file, or in a folder that `evalsuite certify` wrote.

    Raises:
        EvalsuiteError: if there is none.
    """
    from pydantic import TypeAdapter, ValidationError

    file = path / CERTIFICATE if path.is_dir() else path
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        refuse_newer(record, SCHEMA)
        return TypeAdapter(Certificate).validate_python(_with_nan(record))
    except FileNotFoundError:
        raise EvalsuiteError(
            f"{path}: there is no certificate. Make one with `evalsuite certify`."
        ) from None
    except (ValueError, TypeError, AttributeError, KeyError, ValidationError):
        raise EvalsuiteError(
            f"{file}: not a certificate, or of a newer version of evalsuite."
        ) from None


def _with_nan(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with nan where a number is undefined."""
    for judged in record["judged"]:
        judged["least"] = math.nan if judged["least"] is None else judged["least"]
        for trial in judged["trials"]:
            trial["trend"] = math.nan if trial["trend"] is None else trial["trend"]
            for one in trial["tried"]:
                one["effect"] = math.nan if one["effect"] is None else one["effect"]
    return record
