"""Builds are whole or not there; programs do not outlive their time."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from golden.errors import SimulationError
from sim_harness.rtl import builds, processes


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILLOCK_CACHE", str(tmp_path / "cache"))


class _Maker:
    """Makes a file, and counts."""

    def __init__(self, text: str = "machine code") -> None:
        self.calls, self.text = 0, text

    def __call__(self, work: Path) -> None:
        self.calls += 1
        assert list(work.iterdir()) == []
        (work / "core.so").write_text(self.text)
        (work / "scratch.o").write_text("not a product")


def test_a_build_is_made_once() -> None:
    make = _Maker()
    first, second = (builds.cached("a", ["core.so"], make) for _ in range(2))
    assert first == second
    assert make.calls == 1
    assert sorted(path.name for path in first.iterdir()) == ["core.so", "manifest.json"]


def test_a_spoilt_build_is_made_anew() -> None:
    make = _Maker()
    folder = builds.cached("a", ["core.so"], make)
    for spoil in (
        lambda: (folder / "core.so").write_text("machine cod"),
        lambda: (folder / "core.so").unlink(),
        lambda: (folder / "manifest.json").write_text("{"),
        lambda: (folder / "manifest.json").unlink(),
    ):
        calls = make.calls
        spoil()
        assert (builds.cached("a", ["core.so"], make) / "core.so").read_text() == "machine code"
        assert make.calls == calls + 1


def test_a_failed_build_leaves_nothing() -> None:
    def fail(work: Path) -> None:
        (work / "core.so").write_text("half")
        raise SimulationError("Compiler must compile, not fail")

    with pytest.raises(SimulationError):
        builds.cached("a", ["core.so"], fail)
    assert list(builds.home().iterdir()) == []


def test_two_at_the_same_time_both_get_a_whole_build() -> None:
    both = threading.Barrier(2, timeout=30)

    def make(work: Path) -> None:
        (work / "core.so").write_text("machine code")
        both.wait()

    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append((builds.cached("a", ["core.so"], make) / "core.so").read_text()))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["machine code"] * 2
    assert [path.name for path in builds.home().iterdir()] == ["a"]


def test_the_key_depends_on_every_part() -> None:
    keys = {builds.key(parts) for parts in (["ab", "c"], ["a", "bc"], ["abc"], ["ab", "c", ""], [b"ab", "d"])}
    assert len(keys) == 5
    assert builds.key(["ab", "c"]) == builds.key([b"ab", "c"])


def test_a_program_has_its_exit_code_and_log(tmp_path: Path) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    log = tmp_path / "log"
    assert processes.run([sys.executable, "-c", code], what="It", cwd=tmp_path, log=log, timeout=30) == 3
    assert sorted(log.read_text().split()) == ["err", "out"]


def test_a_program_that_stands_still_is_killed_with_its_children(tmp_path: Path) -> None:
    child = f"import time; time.sleep(1.5); open({str(tmp_path / 'alive')!r}, 'w')"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    log = tmp_path / "log"
    with pytest.raises(SimulationError, match=rf"^It must get on within 0\.3 s, not stand still; see {log}$"):
        processes.run([sys.executable, "-c", code], what="It", cwd=tmp_path, log=log, timeout=0.3)
    time.sleep(2)
    assert not (tmp_path / "alive").exists()


def test_a_program_that_gets_on_may_take_longer(tmp_path: Path) -> None:
    code = "import time; time.sleep(1)"
    ticks = iter(range(10**6))
    assert (
        processes.run(
            [sys.executable, "-c", code],
            what="It",
            cwd=tmp_path,
            log=tmp_path / "log",
            timeout=0.3,
            advance=lambda: next(ticks),
        )
        == 0
    )
