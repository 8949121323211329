"""Results to MLflow; the only package that imports mlflow."""

from evalsuite.tracking.record import RunRecord
from evalsuite.tracking.runs import TrackedRun, log
from evalsuite.tracking.server import TrackingError, look

__all__ = ["RunRecord", "TrackedRun", "TrackingError", "log", "look"]
