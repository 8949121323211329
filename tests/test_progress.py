"""How work shows that it goes on where there is no terminal."""

import pytest

from evalsuite import progress


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_lines_tell_counts_and_the_time_left_at_the_pace_so_far(clock, capsys):
    with progress.bars("training", 500, 100) as advance:
        for _ in range(400):
            clock.now += 0.5
            advance()
    # 20 steps in 10 s leave 380 at 0.5 s; then one line a minute, that is every 120 steps.
    assert capsys.readouterr().err == (
        "training: 120 of 500, about 3 min left\n"
        "training: 240 of 500, about 2 min left\n"
        "training: 360 of 500, about 70 s left\n"
        "training: 480 of 500, about 10 s left\n"
        "training: 500 of 500, took 3 min\n"
    )


def test_short_work_and_work_that_fails_end_without_a_line(clock, capsys):
    with progress.bars("checking", 3) as advance:
        for _ in range(3):
            clock.now += 3
            advance()

    def fails():
        with progress.bars("checking", 30):
            clock.now += 11
            raise ValueError

    with pytest.raises(ValueError):
        fails()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "told"), [(9, "9 s"), (130, "2 min"), (7100, "118 min"), (9000, "2 h")]
)
def test_spans_are_rounded(seconds, told):
    assert progress._span(seconds) == told
