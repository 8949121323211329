"""What an audit says of a generator's memory, as it lies on disk."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.caveats import enumerated
from evalsuite.errors import EvalsuiteError
from evalsuite.output import finite, refuse_newer
from evalsuite.records import Caveat
from evalsuite.writable import write_whole

if TYPE_CHECKING:
    import pandas as pd

AUDIT = "audit.json"
SCHEMA = 1  # of that file
HALF = 0.5  # of planted copies, below which a disguise hides them; of comparisons, by chance
NOT_PLANTED = (
    "Nothing is said of copies in disguises that were not planted, of parts of a volume such as one lesion, or of "
    "what a generator gives away without copying."
)


@dataclass(frozen=True, slots=True)
class Disguised:
    """Training volumes that were planted as copies in one disguise.

    Args:
        name: what was done to them.
        planted: volumes, each of another subject.
        found: how many of them were flagged.
        low, high: the 95 % interval of the share that is, Clopper and Pearson's.
    """

    name: str
    planted: int
    found: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What was found of one synthetic volume.

    Args:
        volume: its name.
        training: the training volume that it is suspiciously like.
        space: in which space most so: `voxels`, `blends`, or an extractor.
        score: how many deviations it stands out from training volumes among each other, there;
            small is suspicious.
        p: how likely a score as small is of a new real volume.
        flagged: whether it counts as a copy.
        scores: in every space.
    """

    volume: str
    training: str
    space: str
    score: float
    p: float
    flagged: bool
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one synthetic cohort.

    Args:
        cohort: its name.
        fingerprint: of its volumes.
        copies: flagged volumes less the false alarms that are expected.
        low, high: the 95 % interval of the number of copies that are recognised.
        needed: how many flagged volumes would prove a leak.
        leak: the fewest copies, always recognised, that are found with a power of 80 %; None if no
            number is.
        leaks: the same by disguise, with the share of planted copies that were found.
        not_excluded: by disguise, the most copies that there may be, with the lower end of that
            share.
        nearer: the probability that a volume is more suspicious than a hold-out subject, 0.5 by
            chance, with its 95 % interval: memory that makes no copies.
        samples: the most suspicious first.
        caveats: reasons not to trust it.
        weights_sha256: of the weights that made all its volumes; empty where none, or several, did.
    """

    cohort: str
    fingerprint: str
    copies: float
    low: int
    high: int
    needed: int
    leak: int | None
    leaks: Mapping[str, int | None]
    not_excluded: Mapping[str, int]
    nearer: tuple[float, float, float]
    samples: tuple[Sample, ...]
    caveats: tuple[Caveat, ...]
    weights_sha256: str = ""

    @property
    def volumes(self) -> int:
        """How many there are."""
        return len(self.samples)

    @property
    def flagged(self) -> int:
        """How many volumes count as copies."""
        return sum(sample.flagged for sample in self.samples)

    @property
    def convicted(self) -> bool:
        """Whether there are more of them than false alarms explain."""
        return self.low > 0


@dataclass(frozen=True, slots=True)
class Audit:
    """What of training volumes synthetic ones give away, and what would have been found.

    Args:
        training, holdout: name, source, fingerprint, number of volumes and of subjects.
        rate: of false alarms, of new real volumes.
        asked: the rate that was asked for.
        rank: the threshold is the score of the rank-th most suspicious hold-out subject.
        spaces: in which volumes were compared.
        disguises: of planted copies.
        verdicts: one per synthetic cohort.
        held_out: the scores of the hold-out, one per subject, in rising order.
        planted: by disguise, the scores of planted copies.
        record: everything that decides these numbers.
        seed: of the planted copies.
        evalsuite: version.
        created: UTC, ISO 8601.
        seconds: wall-clock time.
    """

    training: Mapping[str, Any]
    holdout: Mapping[str, Any]
    rate: float
    asked: float
    rank: int
    spaces: tuple[str, ...]
    disguises: tuple[Disguised, ...]
    verdicts: tuple[Verdict, ...]
    held_out: tuple[float, ...]
    planted: Mapping[str, tuple[float, ...]]
    record: Mapping[str, Any]
    seed: int
    evalsuite: str
    created: str
    seconds: float
    schema: int = field(default=SCHEMA)

    @property
    def threshold(self) -> float:
        """The score below which a volume is flagged."""
        return self.held_out[self.rank - 1]

    @property
    def unseen(self) -> tuple[str, ...]:
        """The disguises in which fewer than half of the planted copies were found."""
        return tuple(d.name for d in self.disguises if d.found < HALF * d.planted)

    @property
    def statement(self) -> str:
        """What can be quoted: of each cohort, what was found, would have been, and cannot be."""
        return "\n".join(" ".join(statement(self, verdict)) for verdict in self.verdicts)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per synthetic volume, the most suspicious of each cohort first."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def rows(self) -> list[dict[str, object]]:
        """Return one flat row per synthetic volume."""
        return [
            {
                "cohort": verdict.cohort,
                **{key: value for key, value in asdict(sample).items() if key != "scores"},
                **sample.scores,
            }
            for verdict in self.verdicts
            for sample in verdict.samples
        ]

    def __str__(self) -> str:
        return self.statement


def statement(audit: Audit, verdict: Verdict) -> tuple[str, str, str]:
    """Return three sentences: what was found, what would have been, what cannot be excluded."""
    n = verdict.volumes
    found = (
        f"{verdict.cohort}: {verdict.flagged} of {n} volumes are flagged as copies of training volumes "
        f"at a false-alarm rate of {audit.rate:.2%} ({audit.holdout['subjects']} hold-out subjects), "
        f"where chance flags {n * audit.rate:.2g}: "
    )
    if verdict.convicted:
        found += f"{verdict.low} to {verdict.high} are copies (95 % interval); it has memorised."
    else:
        found += f"no copy is proven ({verdict.low} to {verdict.high}, 95 % interval)."
    value, low, high = verdict.nearer
    found += (
        f" As a whole they are {'' if low > HALF else 'not proven to be '}nearer to single training "
        f"volumes than the hold-out is: in {value:.0%} of comparisons ({low:.0%} to {high:.0%}), by "
        "chance in 50 %."
    )
    seen = [d for d in audit.disguises if d.name not in audit.unseen]
    leaks = [verdict.leaks[d.name] for d in seen]
    if verdict.leak is None:
        power = "No leak of any size would have been proven with a power of 80 %."
    else:
        power = f"A leak of {_share(verdict.leak, n)} or more would have been proven with a power of 80 %"
        worst = None if None in leaks else max((leak for leak in leaks if leak), default=None)
        if worst and worst > verdict.leak:
            power += f" if all copies are recognised, one of {_share(worst, n)}"
        elif seen:
            power += ","
        power += f" in each of {len(seen)} disguises that copies were planted in." if seen else "."
    limits = [
        f"copies {d.name} ({d.found} of {d.planted} planted ones were found)"
        for d in audit.disguises
        if d.name in audit.unseen
    ]
    if seen and not verdict.convicted:
        most = max(verdict.not_excluded[d.name] for d in seen)
        limits.append(f"up to {_share(most, n)} in the {'other ' if limits else ''}disguises")
    cannot = f"It cannot exclude {enumerated(limits)}. {NOT_PLANTED}" if limits else NOT_PLANTED
    return found, power, cannot


def _share(count: int, n: int) -> str:
    return f"{count} of {n} volumes ({count / n:.0%})"


def write_audit(audit: Audit, path: Path) -> None:
    """Write an audit as JSON."""
    text = json.dumps(finite(asdict(audit)), indent=1, allow_nan=False)
    write_whole(path, (text + "\n").encode(), "Name another folder with --output DIR.")


def read_audit(path: str | Path) -> Audit:
    """Return the audit in a file, or in a folder that `evalsuite audit` wrote.

    Raises:
        EvalsuiteError: if there is none.
    """
    from pydantic import TypeAdapter, ValidationError

    place = Path(path)
    file = place / AUDIT if place.is_dir() else place
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        refuse_newer(record, SCHEMA)
        return TypeAdapter(Audit).validate_python(record)
    except FileNotFoundError:
        raise EvalsuiteError(
            f"{place}: there is no audit. Make one with `evalsuite audit`."
        ) from None
    except (ValueError, TypeError, AttributeError, KeyError, ValidationError):
        raise EvalsuiteError(f"{file}: not an audit, or of a newer version of evalsuite.") from None
