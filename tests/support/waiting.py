"""Wait for a condition until a deadline; nothing here sleeps for its own sake."""
import time

# Machines that run the sanitizers on two cores are slow: a deadline says when
# to give up, not how long a thing takes.
DEADLINE = 20.0


def until(condition, timeout=DEADLINE, what=None, interval=0.02):
    """Return CONDITION()'s first true value; fail after TIMEOUT seconds."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            text = what() if callable(what) else what
            raise AssertionError(
                f"not within {timeout} s: {text or condition.__name__}")
        time.sleep(interval)
