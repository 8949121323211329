"""Results to MLflow; the only package that imports mlflow."""

from evalsuite.tracking.record import RunRecord
from evalsuite.tracking.server import TrackedRun, TrackingError, log, look

__all__ = ["RunRecord", "TrackedRun", "TrackingError", "log", "look"]
