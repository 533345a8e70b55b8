"""Work done before it is asked for: in order, bounded, and never later than it must be; and how many cores do it."""

import math
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from affekt import cores
from affekt.cores import Budget, cgroup_quota, core_count, leave_at_interrupt, prefetch


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


def test_no_more_bytes_than_most_are_under_way():
    gate, taken = threading.Event(), []

    def items():
        for number in range(5):
            taken.append(number)
            if number == 2:
                gate.set()
            yield number

    with ThreadPoolExecutor(1) as pool:
        stream = prefetch(pool, lambda number: gate.wait(10), items(), most=9, size=lambda number: 40, most_bytes=100)
        assert next(stream) is True
        assert taken == [0, 1, 2]
        assert len(list(stream)) == 4


def test_a_budget_is_never_overdrawn_and_what_exceeds_it_comes_alone():
    budget, lock, used, most = Budget(100), threading.Lock(), [0], []

    def work(amount):
        with budget.share() as take:
            take(amount)
            take(amount)  # a second attempt at the same picture takes nothing more
            with lock:
                used[0] += amount
                most.append(used[0])
            time.sleep(0.002)
            with lock:
                used[0] -= amount

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [30, 40, 250, 50, 60] * 8))
    assert {total for total in most if total > 100} == {250}
    assert budget._used == 0


CGROUPS = {
    "v2": ({"proc/self/cgroup": "0::/job\n", "sys/fs/cgroup/job/cpu.max": "150000 100000\n"}, 1.5),
    "v2, of a group above": (
        {
            "proc/self/cgroup": "0::/job/step\n",
            "sys/fs/cgroup/job/step/cpu.max": "max 100000\n",
            "sys/fs/cgroup/job/cpu.max": "200000 100000\n",
        },
        2,
    ),
    "v2, in a container": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4),
    "v1": (
        {
            "proc/self/cgroup": "7:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us": "100000\n",
        },
        3,
    ),
    "v1, no limit": (
        {
            "proc/self/cgroup": "1:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        math.inf,
    ),
    "another system": ({}, math.inf),
}


@pytest.mark.parametrize(("files", "quota"), CGROUPS.values(), ids=CGROUPS)
def test_a_container_may_use_what_its_quota_says(tmp_path, monkeypatch, files, quota):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert cgroup_quota(tmp_path) == quota
    monkeypatch.setattr(cores, "cgroup_quota", lambda: quota)
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: range(64), raising=False)
    assert core_count() == (64 if quota == math.inf else math.ceil(quota))


def test_what_a_shell_runs_in_its_background_goes_on_at_ctrl_c():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        leave_at_interrupt("stopped", 130)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
