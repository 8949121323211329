"""Results to MLflow; the only package that imports mlflow."""

from evalsuite.tracking.evaluation import TrackedRun, log_evaluation
from evalsuite.tracking.report import log_report
from evalsuite.tracking.server import TrackingError, look
from evalsuite.tracking.study import log_study
from evalsuite.tracking.training import log_training

__all__ = [
    "TrackedRun",
    "TrackingError",
    "log_evaluation",
    "log_report",
    "log_study",
    "log_training",
    "look",
]
