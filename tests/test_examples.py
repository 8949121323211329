"""Hypothesis draws the same examples in every `make test`, however busy the machine is."""

import sys
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CONSTANTS = "\n".join(f"NUMBERS_{i} = {1000 + i}, {i}.5, 'text {i}'" for i in range(300))


def drawn():
    examples = []

    @given(st.lists(st.integers() | st.floats() | st.text()))
    def note(values):
        examples.append(repr(values))

    note()
    return examples


@pytest.mark.skipif(not settings.default.derandomize, reason="make fuzz draws others every time")
def test_examples_are_the_same_whatever_ran_or_was_imported_before(tmp_path, monkeypatch):
    before = drawn()
    (tmp_path / "numbers.py").write_text(CONSTANTS)
    module = ModuleType("another")
    module.__file__ = str(tmp_path / "numbers.py")
    monkeypatch.setitem(sys.modules, "another", module)
    assert drawn() == before


def test_no_test_looks_at_the_clock_or_draws_on_its_own(request):
    found = {
        item.nodeid: item.obj._hypothesis_internal_use_settings
        for item in request.session.items
        if hasattr(getattr(item, "obj", None), "_hypothesis_internal_use_settings")
    }
    for name, own in {"default": settings.default, **found}.items():
        assert own.deadline is None, name
        assert HealthCheck.too_slow in own.suppress_health_check, name
        assert own.derandomize == settings.default.derandomize, name
