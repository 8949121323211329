"""Prove, or disprove, that synthetic 3D medical volumes are good."""

from importlib import import_module

TYPE_CHECKING = False  # `typing` takes longer to import than all that stands here
if TYPE_CHECKING:
    __version__: str
    from evalsuite.api import Evaluation, compare, compute_metrics, load, read_study, report
    from evalsuite.audited import Audit, read_audit
    from evalsuite.auditing.python import audit
    from evalsuite.certificate import Certificate, read_certificate
    from evalsuite.certification.python import certify
    from evalsuite.errors import EvalsuiteError
    from evalsuite.functions import estimates, frechet_distance, kid
    from evalsuite.volumes.memory import Volumes
    from evalsuite.volumes.volume import Volume

_HOMES = {  # of what is public here; nothing of it is imported before it is used
    "Audit": "evalsuite.audited",
    "Certificate": "evalsuite.certificate",
    "Evaluation": "evalsuite.api",
    "EvalsuiteError": "evalsuite.errors",
    "Volume": "evalsuite.volumes.volume",
    "Volumes": "evalsuite.volumes.memory",
    "audit": "evalsuite.auditing.python",
    "certify": "evalsuite.certification.python",
    "compare": "evalsuite.api",
    "compute_metrics": "evalsuite.api",
    "estimates": "evalsuite.functions",
    "frechet_distance": "evalsuite.functions",
    "kid": "evalsuite.functions",
    "load": "evalsuite.api",
    "read_audit": "evalsuite.audited",
    "read_certificate": "evalsuite.certificate",
    "read_study": "evalsuite.api",
    "report": "evalsuite.api",
}

__all__ = [
    "Audit",
    "Certificate",
    "EvalsuiteError",
    "Evaluation",
    "Volume",
    "Volumes",
    "audit",
    "certify",
    "compare",
    "compute_metrics",
    "estimates",
    "frechet_distance",
    "kid",
    "load",
    "read_audit",
    "read_certificate",
    "read_study",
    "report",
]


if not TYPE_CHECKING:  # which would take any name for a public one

    def __getattr__(name: str) -> object:
        """Import what is asked for."""
        if name == "__version__":
            from importlib.metadata import version

            return version("evalsuite")
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            found = getattr(import_module(_HOMES[name]), name)
        except ModuleNotFoundError as error:
            from evalsuite import extras
            from evalsuite.errors import EvalsuiteError

            sentence = extras.named(error)
            if sentence is None:
                raise
            raise EvalsuiteError(sentence) from error
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    """Return the public names and those that are imported already."""
    return sorted({*globals(), *__all__})
