"""What happens when a reader has answered everything: the study's MLflow runs are brought up."""

import os
import subprocess
import sys

SWITCH = "EVALSUITE_STUDY_TRACKING"


def reader_finished(study: str) -> None:
    """Log the study to MLflow in a process of its own, where that is switched on.

    The reader does not wait for it and learns nothing of it; what it says goes to the log of the
    app. `evalsuite study log` does the same at any later time.
    """
    if os.environ.get(SWITCH, "on") == "off":
        return
    subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "evalsuite", "study", "log", study], stdin=subprocess.DEVNULL
    )
