"""What a certificate says of the numbers of an evaluation: how small a difference each can show."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from evalsuite.caveats import enumerated
from evalsuite.certificate import CERTIFICATE, POWER, Certificate, read_certificate
from evalsuite.errors import EvalsuiteError
from evalsuite.records import Caveat, Estimate

OF_ERRORS = {"seed", "level", "permutations", "bootstrap"}  # options that move no value
LEAST = Caveat(
    "least-visible",
    "Differences below {least:.3g} from what real volumes have among themselves cannot be seen at "
    f"{{real}} against {{synthetic}} {{unit}} ({POWER:.0%} power, certificate of {{of}}).",
)


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate that was named for an evaluation.

    Args:
        file: where it lies.
        certificate: what it says.
    """

    file: Path
    certificate: Certificate

    @classmethod
    def at(cls, path: str) -> Self:
        """Read a certificate, a file or the folder that holds it.

        Raises:
            EvalsuiteError: if there is none.
        """
        place = Path(path).expanduser()
        file = place / CERTIFICATE if place.is_dir() else place
        return cls(file, read_certificate(file))

    @property
    def record(self) -> dict[str, object]:
        """What the record of an evaluation keeps of it."""
        digest = hashlib.sha256(self.file.read_bytes()).hexdigest()
        return {"sha256": digest, "created": self.certificate.created}

    def refuse_other(self, settled: Mapping[str, Any], tell: Callable[[str], None]) -> None:
        """Raise EvalsuiteError if the certificate is of other numbers than the evaluation has.

        Args:
            settled: what decides its numbers, see `evalsuite.evaluate.settled`.
            tell: what to do with a sentence on metrics that the certificate lacks.
        """
        own, mine = self.certificate.record, json.loads(json.dumps(settled))
        names = [(record["protocol"] or {}).get("name", "none") for record in (own, mine)]
        if names[0] != names[1]:
            raise self._refusal(f"is of the protocol {names[0]}, and this is {names[1]}")
        for name, extractor in mine["extractors"].items():
            if name not in own["extractors"]:
                raise self._refusal(f"is of {enumerated(list(own['extractors']))}, not of {name}")
            if differing := _differing(own["extractors"][name], extractor):
                raise self._refusal(f"is of another {name}, which differs in {differing}")
        for name in mine["metrics"].keys() & own["metrics"].keys():
            options = [
                {
                    key: value
                    for key, value in record["metrics"][name].items()
                    if key not in OF_ERRORS
                }
                for record in (own, mine)
            ]
            if differing := _differing(*options):
                raise self._refusal(f"is of another {name}, which differs in {differing}")
        without = [name for name in mine["metrics"] if name not in own["metrics"]]
        if len(without) == len(mine["metrics"]):
            raise self._refusal(
                f"is of {enumerated(list(own['metrics']))}, not of {enumerated(without)}"
            )
        if without:
            tell(f"{self.file}: the certificate says nothing of {enumerated(without)}.")

    def told(self, estimates: Sequence[Estimate], fingerprint: str) -> list[Estimate]:
        """Return the estimates, each with the least difference that its number shows.

        Args:
            fingerprint: of the real cohort.
        """
        real = self.certificate.real
        same = real["fingerprint"] == fingerprint
        of = real["name"] if same else f"other real volumes, {real['name']}"
        least = {(j.extractor, j.name, j.where): j for j in self.certificate.judged}
        found = []
        for estimate in estimates:
            judged = least.get((estimate.extractor, estimate.name, estimate.where))
            if judged is None or math.isnan(judged.least):
                found.append(estimate)
                continue
            subjects = estimate.subjects_real, estimate.subjects_synthetic
            sizes = (subjects[0] or estimate.n_real, subjects[1] or estimate.n_synthetic)
            caveat = LEAST(
                least=judged.least_at(sizes, self.certificate.half[1]),
                real=sizes[0],
                synthetic=sizes[1],
                unit="volumes" if subjects == (None, None) else "subjects",
                of=of,
                number=estimate.key,
                extractor=estimate.extractor,
            )
            found.append(replace(estimate, warnings=(*estimate.warnings, caveat)))
        return found

    def _refusal(self, why: str) -> EvalsuiteError:
        return EvalsuiteError(
            f"{self.file}: this certificate {why}. Make one with `evalsuite certify` and the same "
            "options, or leave out --certificate."
        )


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Return the keys that two records have differently, enumerated; empty for none."""
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    return enumerated(keys) if keys else ""
