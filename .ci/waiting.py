"""What tests of all stages wait with."""

import time


def eventually(condition, seconds: float = 30, what: str = "the condition"):
    """The first true value of `condition`, which is asked again and again."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not hold within {seconds} s"
        time.sleep(0.02)
