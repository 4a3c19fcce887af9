# SPDX-License-Identifier: Apache-2.0
"""threadpoolctl, by which scikit-learn, joblib and Dask limit the threads of libraries."""

import lior
import only_for_clients  # noqa: F401
import pytest
from threadpoolctl import threadpool_info, threadpool_limits


def shown():
    return [info["num_threads"] for info in threadpool_info() if info["internal_api"] == "lior"]


@pytest.mark.parametrize("api", [None, "openmp"])
def test_its_limits_hold_here(api):
    before = lior.threads()
    lior.set_threads(3)
    try:
        assert shown() == [3]
        with threadpool_limits(2, user_api=api):
            assert lior.threads() == 2 and shown() == [2]
        assert lior.threads() == 3
        with threadpool_limits(1, user_api="blas"):
            assert lior.threads() == 3
    finally:
        lior.set_threads(before)
