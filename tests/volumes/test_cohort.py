from evalsuite.volumes.cohort import enumerated


def test_a_long_list_is_cut_and_counted():
    assert enumerated(list("abcde")) == "a, b, c, d, e"
    assert enumerated(list("abcdefg")) == "a, b, c, d, e, and 2 more"
