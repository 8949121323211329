"""The certificate in Python."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from evalsuite import extras
from evalsuite.caches import feature_cache
from evalsuite.certificate import CERTIFICATE, Certificate, write_certificate
from evalsuite.given import declared, refuse_imported, source
from evalsuite.progress import bars, silent
from evalsuite.volumes.cohort import Cohort

NOTHING: Mapping[str, Any] = MappingProxyType({})


def certify(
    real: Any,
    *,
    protocol: str | None = None,
    metrics: str | Sequence[str] | Mapping[str, Any] | None = None,
    extractors: str | Sequence[str] | None = None,
    by: str | None = None,
    volumes: int | None = None,
    splits: int | None = None,
    planted: int | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] = NOTHING,
    config: str | Path | None = None,
    output: str | Path | None = None,
    cache: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    offline: bool = False,
    progress: bool = False,
) -> Certificate:
    """Plant faults in real volumes and return which of them metrics see, as `evalsuite certify`.

    Args:
        real: as for `compute_metrics`.
        protocol, metrics, extractors, by, seed, settings, config: likewise; `by` names a column
            each value of which is left out as one fault.
        volumes: the most that are drawn, by subject.
        splits: random halvings by subject that tell what chance does.
        planted: in how many of them faults are planted.
        output: new folder for the page and `certificate.json`; None: neither is written.
        cache, device, workers, offline, progress: as for `compute_metrics`.

    Raises:
        EvalsuiteError: for too few subjects, no metric of features, and anything that is wrong
            with settings or volumes.
    """
    refuse_imported("certify")
    extras.require("metrics", purpose="certify")
    from evalsuite.certification.certify import USUAL, Design
    from evalsuite.certification.certify import certify as certified
    from evalsuite.resources import Resources
    from evalsuite.writable import refuse_to_overwrite

    if output is not None:
        refuse_to_overwrite(Path(output))
    with tempfile.TemporaryDirectory(prefix="evalsuite-") as folder:
        held: dict[str, Cohort] = {}
        named = source(real, "real", Path(folder), held)
        given = {
            "real": named,
            "synthetic": [{**named, "name": "none"}],  # is not looked at
            "protocol": protocol,
            "metrics": [metrics] if isinstance(metrics, str) else metrics,
            "extractors": [extractors] if isinstance(extractors, str) else extractors,
            "by": by,
            "seed": seed,
        }
        asked = declared(given, settings, config)
        resources = Resources(
            feature_cache() if cache is None else Path(cache),
            device,
            workers=workers,
            offline=offline,
            progress=bars if progress else silent,
        )
        design = Design(volumes or USUAL.volumes, splits or USUAL.splits, planted or USUAL.planted)
        certificate = certified(asked, resources, design, held)
    if output is not None:
        write(certificate, Path(output))
    return certificate


def write(certificate: Certificate, folder: Path) -> Path:
    """Write the page of a certificate, and the certificate, into a new folder; return the page.

    Raises:
        EvalsuiteError: if the folder holds something or cannot be written.
    """
    from reports.build import write_report
    from reports.certificate import certificate_report

    page = write_report(certificate_report(certificate), folder)
    write_certificate(certificate, folder / CERTIFICATE)
    return page
