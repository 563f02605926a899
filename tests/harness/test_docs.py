"""The generated parts of the README are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.errors import SpecError
from sim_harness import docs


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """README, examples and a folder for the picture; the cross-check itself is not at stake."""
    for folder in ("docs", "examples"):
        (tmp_path / folder).mkdir()
    for name in ("README.md", *docs.EXAMPLES):
        (tmp_path / name).write_bytes(Path(name).read_bytes())
    monkeypatch.setattr(docs, "crosscheck", lambda *_, **__: None)
    monkeypatch.setattr(docs, "agreement_table", lambda checks: f"{len(checks)} examples\n")
    monkeypatch.setattr(docs, "picture", lambda check: "<svg/>")
    return tmp_path


def test_the_table_goes_between_the_marks(checkout: Path) -> None:
    before = (checkout / "README.md").read_text(encoding="utf-8")
    assert docs.generate(checkout) == [checkout / "README.md", checkout / docs.PICTURE]
    after = (checkout / "README.md").read_text(encoding="utf-8")
    head, rest = before.split("<!-- agreement: ")
    tail = rest.split("<!-- end of agreement -->")[1]
    assert after == f"{head}<!-- agreement: written by `make docs` -->\n3 examples\n<!-- end of agreement -->{tail}"
    assert (checkout / docs.PICTURE).read_text() == "<svg/>"


def test_a_failure_while_writing_leaves_the_readme_whole(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (checkout / "README.md").read_bytes()

    def full(path: Path, text: str, encoding: str) -> int:
        path.write_bytes(text[:100].encode(encoding))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(
        SpecError, match=r"^File .*README\.md must be writable, not refused \(no space left on device\)$"
    ):
        docs.generate(checkout)
    assert (checkout / "README.md").read_bytes() == before
