"""Work done before it is asked for: in order, bounded, and never later than it must be."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from affekt.cores import prefetch


def test_results_come_in_order():
    waits = [threading.Event() for _ in range(3)]

    def work(number):
        # The first is done last.
        if number:
            waits[number - 1].set()
        if number < 2:
            waits[number].wait(10)
        return number * 10

    with ThreadPoolExecutor(3) as pool:
        assert list(prefetch(pool, work, range(3), most=3)) == [0, 10, 20]


def test_no_more_than_most_are_under_way():
    gate, taken = threading.Event(), []

    def items():
        for number in range(10):
            taken.append(number)
            if number == 3:
                gate.set()
            yield number

    with ThreadPoolExecutor(1) as pool:
        stream = prefetch(pool, lambda number: gate.wait(10), items(), most=4)
        assert next(stream) is True
        assert taken == [0, 1, 2, 3]
        assert len(list(stream)) == 9


def test_a_result_does_not_wait_for_items_to_come():
    def items():
        for number in range(3):
            done.clear()
            yield number
            # A camera's next frame comes after the last one was answered.
            assert done.wait(10)

    done = threading.Event()

    class AtOnce(ThreadPoolExecutor):
        def submit(self, function, *arguments):
            future = super().submit(function, *arguments)
            future.result()
            return future

    with AtOnce(1) as pool:
        for place, result in enumerate(prefetch(pool, str, items(), most=9)):
            assert result == str(place)
            done.set()


def test_an_error_comes_where_its_result_would_and_the_rest_is_dropped():
    with ThreadPoolExecutor(1) as pool:
        stream = prefetch(pool, lambda number: 1 // number, [1, 0, 1], most=2)
        assert next(stream) == 1
        with pytest.raises(ZeroDivisionError):
            next(stream)
        with pytest.raises(StopIteration):
            next(stream)
