import threading
import time

import pytest

from evalsuite.ahead import ahead


def test_items_come_in_their_order_from_several_threads():
    seen = set()

    def slow_first(item):
        seen.add(threading.get_ident())
        time.sleep(0.02 / (item + 1))
        return -item

    assert list(ahead(slow_first, range(9), workers=3, most=5)) == [-i for i in range(9)]
    assert len(seen) == 3
    assert threading.get_ident() not in seen
    assert list(ahead(slow_first, [], workers=3, most=5)) == []


def test_no_more_is_made_than_was_allowed():
    made = []
    found = ahead(lambda item: made.append(item) or item, iter(range(100)), workers=2, most=4)
    assert next(found) == 0
    time.sleep(0.05)
    assert len(made) == 4
    found.close()
    assert len(made) == 4


def test_a_fault_is_raised_in_its_turn_and_ends_the_work():
    made = []

    def fail(item):
        made.append(item)
        if item == 2:
            raise KeyError(item)
        return item

    found = ahead(fail, range(100), workers=1, most=3)
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(KeyError):
        next(found)
    assert len(made) < 10
