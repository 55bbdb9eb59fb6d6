"""Jobs in order, whoever does them."""

import itertools
import operator
import os

import pytest

from cr_utils.workers import Here, executor, in_order


class Counting(Here):
    """Notes how many jobs were begun."""

    begun = 0

    def submit(self, function, /, *args, **kwargs):
        self.begun += 1
        return super().submit(function, *args, **kwargs)


def test_results_come_in_the_order_of_the_jobs():
    with executor(0) as pool:
        results = in_order(pool, operator.mul, ((n, n) for n in range(7)), ahead=3)
        assert list(results) == [0, 1, 4, 9, 16, 25, 36]


def test_processes_give_the_same_and_are_others():
    with executor(2) as pool:
        assert list(in_order(pool, pow, ((n, 2) for n in range(9)), ahead=4)) == [n * n for n in range(9)]
        assert pool.submit(os.getpid).result() != os.getpid()


def test_endless_jobs_are_begun_only_so_far_ahead():
    with Counting() as pool:
        results = in_order(pool, abs, ((n,) for n in itertools.count()), ahead=5)
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        results.close()
        assert pool.begun == 7


def test_an_error_of_a_job_reaches_the_caller():
    with executor(0) as pool, pytest.raises(ZeroDivisionError):
        list(in_order(pool, operator.truediv, [(1, 1), (1, 0)], ahead=1))
