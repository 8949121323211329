import pytest

from evalsuite.volumes import index


@pytest.fixture
def later(monkeypatch):
    """Set the index's clock an hour later than the files that tests write."""
    now = index.time.time_ns
    monkeypatch.setattr(index.time, "time_ns", lambda: now() + 3600 * 10**9)
