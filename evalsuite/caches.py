"""Where the suite keeps what it can make or fetch again."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return `EVALSUITE_CACHE`, else the user's cache folder for evalsuite."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("EVALSUITE_CACHE")
    return Path(chosen) if chosen else user_cache_path("evalsuite")


def feature_cache() -> Path:
    """Return where features are kept unless another folder is named."""
    return cache_folder() / "features"
