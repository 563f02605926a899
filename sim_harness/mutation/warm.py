"""A process that runs pytest again and again: what a run imports from elsewhere is imported once, a run is a fork.

Started as a file with the names of what to import. That must be nothing of ours: the forks import it from the tree that
they test. A line on standard input is a JSON list of the arguments of pytest and the seconds that it may take (null:
any number); the answer, on one line too, is its exit code (negative: the signal that ended it) and what it printed.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile

import pytest


def run(arguments: list[str], seconds: float | None) -> tuple[int, str]:
    """Exit code and output of one pytest; the time is over with SIGALRM."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted test would look like one that fails
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            signal.setitimer(signal.ITIMER_REAL, seconds or 0)
            code = int(pytest.main(arguments))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        try:
            _, status = os.waitpid(child, 0)
        except KeyboardInterrupt:
            os.kill(child, signal.SIGKILL)
            raise
        output.seek(0)
        return os.waitstatus_to_exitcode(status), output.read()


if __name__ == "__main__":
    for module in sys.argv[1:]:
        importlib.import_module(module)
    with contextlib.suppress(KeyboardInterrupt):
        for line in sys.stdin:
            print(json.dumps(run(*json.loads(line))), flush=True)
