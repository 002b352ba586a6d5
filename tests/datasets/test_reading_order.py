"""Every record once per pass, in an order that depends on seed and position alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grasp_datasets import reading_order
from grasp_datasets.reading_order import ReadingOrder

COUNTS = st.lists(st.integers(0, 9), min_size=1, max_size=40).filter(any)


@given(counts=COUNTS, seed=st.integers(0, 2**31), number=st.integers(0, 5))
def test_each_pass_holds_each_record_once(counts: list[int], seed: int, number: int) -> None:
    order = ReadingOrder(counts, seed)
    size = len(order)
    found = [order(position) for position in range(number * size, (number + 1) * size)]
    assert sorted(found) == [(file, record) for file, count in enumerate(counts) for record in range(count)]


@given(counts=COUNTS, seed=st.integers(0, 2**31), positions=st.lists(st.integers(0, 2**40), max_size=20))
def test_a_position_means_the_same_whatever_was_read_before(counts: list[int], seed: int, positions: list[int]) -> None:
    used = ReadingOrder(counts, seed)
    for position in positions:
        assert used(position) == ReadingOrder(counts, seed)(position)
        assert used(position)[0] in used.files(position)


def test_passes_and_seeds_differ() -> None:
    first, second = ([ReadingOrder([40] * 3, seed)(position) for position in range(240)] for seed in (0, 1))
    assert len({tuple(half) for found in (first, second) for half in (found[:120], found[120:])}) == 4


def test_records_of_many_files_are_mixed_but_few_files_are_open_at_a_time() -> None:
    order = ReadingOrder([50] * 64, seed=3)
    files = np.array([order(position)[0] for position in range(len(order))])
    group = 50 * reading_order.MIXED_FILES
    for start in range(0, len(files), group):
        assert len(set(files[start : start + group].tolist())) == reading_order.MIXED_FILES
    assert (np.diff(files) == 0).mean() < 3 / reading_order.MIXED_FILES
