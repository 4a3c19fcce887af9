# SPDX-License-Identifier: Apache-2.0
"""Numbers that flags take: read whole, in tens, and refused where they do not fit."""

import pytest


@pytest.mark.parametrize(
    "text", ["9223372036854775808", "-9223372036854775809", "1e3", "0x10", "12a", " 5", "5 "]
)
def test_a_seed_that_is_no_integer_of_64_bits_is_refused(refused, text):
    assert f"--seed = {text}" in refused("generate", "--model", "nowhere", f"--seed={text}")


@pytest.mark.parametrize("text", ["1e400", "one", "1,5", "0x1p3"])
def test_a_text_that_is_no_double_is_refused(refused, text):
    assert f"--temperature = {text}" in refused("generate", "--model", "m", f"--temperature={text}")


@pytest.mark.parametrize("text", ["3", "03", "003"])
def test_zeros_in_front_do_not_make_numbers_octal(lior, text):
    assert "\nthreads      3 of " in lior("info", "--threads", text).stdout
