import threading
import time

import pytest
import torch

from affekt.training.threads import map_in_threads


def test_results_keep_the_order_of_the_items() -> None:
    def slow_if_even(number: int) -> int:
        time.sleep(0.01 if number % 2 == 0 else 0)
        return number * number

    assert map_in_threads(slow_if_even, iter(range(20)), threads=4) == [number * number for number in range(20)]


def test_operations_run_on_one_core_without_gradients_and_the_setting_is_restored() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seen = map_in_threads(lambda _: (torch.get_num_threads(), torch.is_inference_mode_enabled()), range(4), 2)
        assert set(seen) == {(1, True)}
        assert torch.get_num_threads() == 2
        made_later: list[int] = []
        later = threading.Thread(target=lambda: made_later.append(torch.get_num_threads()))
        later.start()
        later.join()
        assert made_later == [2]
    finally:
        torch.set_num_threads(before)


def test_the_first_error_is_raised_and_nothing_more_is_taken() -> None:
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    def fail(number: int) -> None:
        time.sleep(0.01)
        raise ValueError(f"item {number}")

    with pytest.raises(ValueError, match="item"):
        map_in_threads(fail, items(), threads=2)
    assert len(taken) <= 4


def test_an_error_of_the_items_is_raised() -> None:
    def items():
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        map_in_threads(lambda number: number, items(), threads=2)


def test_no_items_give_no_results() -> None:
    assert map_in_threads(lambda number: number, [], threads=2) == []
