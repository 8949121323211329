"""Who waits for whom, by clocks that nobody has to wait for."""

import pytest

from evalsuite.errors import EvalsuiteError
from evalsuite.processes import Processes
from evalsuite.sharing import DELAYED, FAR, PATIENCE, Part, Shares, meet, part_of, part_of_array


class Time:
    """A clock that sleeping moves, and what happens at its hours."""

    def __init__(self, events=()):
        self.now, self.events = 0.0, sorted(events, key=lambda event: event[0])

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        while self.events and self.events[0][0] <= self.now:
            self.events.pop(0)[1]()


@pytest.fixture
def shares(tmp_path):
    files = [tmp_path / f"{i}.npy" for i in range(6)]
    return [Part(rank, 2).share(files) for rank in range(2)]


ONE_MACHINE, TWO_MACHINES = Processes(0, 2, 0, 2), Processes(0, 2, 0, 1)


def waited(shares, events=(), me=ONE_MACHINE):
    """Return what rank 0 had to make itself, what it said, and how long it took."""
    time, told, made = Time(events), [], []
    waiting = Shares(shares, me, time.clock)
    for path in shares[0]:
        path.touch()
    for late in waiting.overdue(shares[0][0].parent, told.append, time.sleep):
        made += [path.name for path in late if not path.is_file()]
        for path in late:
            path.touch()
    return made, told, time.now


def test_nothing_is_waited_for_that_is_there(shares):
    for path in shares[1]:
        path.touch()
    assert waited(shares) == ([], [], 0.0)


def test_a_slow_one_is_waited_for_as_long_as_it_brings_something(shares):
    events = [(8 * (i + 1), path.touch) for i, path in enumerate(shares[1])]
    made, told, seconds = waited(shares, events)
    assert (made, seconds) == ([], 24.0)
    assert told == ["Waiting for the features of rank 1: 0 of 3."]


def test_what_one_that_died_leaves_is_made_here_from_the_back(shares):
    made, told, seconds = waited(shares, [(2, shares[1][0].touch)])
    assert (made, seconds) == (["5.npy", "3.npy"], 2 + PATIENCE)
    assert told[-1] == (
        "Rank 1 has brought no features for 10 s and lacks 2 of its 3: it has ended, hangs or is "
        "slow. Rank 0 makes them now; what rank 1 printed may say why."
    )


def test_one_on_another_machine_that_brought_something_is_taken_over_too(shares):
    made, _, seconds = waited(shares, [(2, shares[1][0].touch)], TWO_MACHINES)
    assert (made, seconds) == (["5.npy", "3.npy"], 2 + DELAYED)


def test_one_on_another_machine_that_brought_nothing_ends_the_run(shares):
    shares[1][0].touch()  # was there before, so it is no sign that the folder is the same
    with pytest.raises(EvalsuiteError) as error:
        waited(shares, me=TWO_MACHINES)
    assert str(error.value) == (
        f"{shares[0][0].parent}: rank 1 has brought none of its features in {FAR:.0f} s and lacks 2 "
        "of 3. It has not started, or its machine does not share this folder or these volumes: "
        "name a --cache that all machines share, and start again; what is made is kept."
    )


def test_processes_of_several_machines_see_by_a_sign_that_they_share_the_cache(tmp_path):
    first, second = TWO_MACHINES, Processes(1, 2, 0, 1)
    time = Time([(20, lambda: meet(tmp_path, first, "these volumes"))])
    meet(tmp_path, second, "these volumes", clock=time.clock, sleep=time.sleep)
    assert time.now == 20.0
    messages = {
        (
            "local",
            "these volumes",
        ): "rank 1 finds nothing there of rank 0 after 300 s.*--cache names",
        (".", "others"): "rank 1 sees other volumes than rank 0 after 300 s.*volumes lie on a disk",
    }
    for (folder, volumes), message in messages.items():
        time = Time()
        with pytest.raises(EvalsuiteError, match=f"{message}.*all machines share"):
            meet(tmp_path / folder, second, volumes, clock=time.clock, sleep=time.sleep)
        assert time.now == FAR


def test_on_one_machine_nothing_is_left_or_waited_for(tmp_path):
    for rank in range(2):
        meet(tmp_path / "cache", Processes(rank, 2, rank, 2), "volumes", sleep=pytest.fail)
    assert not (tmp_path / "cache").exists()


def test_parts_of_parts_are_the_whole(tmp_path):
    items = [tmp_path / str(i) for i in range(23)]
    parts = [Part(r, 2).within(Part(p, 3)) for p in range(3) for r in range(2)]
    assert sorted(path for part in parts for path in part.share(items)) == sorted(items)


@pytest.mark.parametrize(("text", "part"), [("1/1", Part()), ("3/10", Part(2, 10))])
def test_parts_are_counted_from_one(text, part):
    assert part_of(text) == part


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3"])
def test_a_part_that_is_none_is_told(text):
    with pytest.raises(EvalsuiteError, match=f"--part {text}: expected such as 3/10"):
        part_of(text)


def array(monkeypatch, **told):
    for name, value in told.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    return part_of_array()


def test_a_task_of_a_job_array_has_its_part(monkeypatch):
    assert part_of_array() == Part()
    assert array(monkeypatch, ID=3, MIN=1, MAX=10, COUNT=10, STEP=1) == Part(2, 10)
    assert array(monkeypatch, ID=8, MIN=0, MAX=12, COUNT=4, STEP=4) == Part(2, 4)


def test_an_array_with_gaps_does_not_tell_the_part(monkeypatch):
    with pytest.raises(EvalsuiteError, match="counts from 1 to 7 in 3 tasks.*--part 3/10"):
        array(monkeypatch, ID=3, MIN=1, MAX=7, COUNT=3, STEP=1)
