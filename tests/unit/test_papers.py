"""The papers are true where a machine can tell: what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
PAPERS = sorted([*TREE.glob("*.md"), *TREE.glob("docs/*.md")])


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_files_that_a_paper_names_are_there(paper: Path) -> None:
    """Links within the tree, and paths of tests, scripts and code."""
    text = paper.read_text(encoding="utf-8")
    links = [paper.parent / link for link in re.findall(r"\]\(([^)#:]+)\)", text)]
    named = re.findall(r"`((?:tests|docs|script|quiltctl|completions)/[\w./*-]+)`", text)
    missing = [str(link) for link in links if not link.exists()]
    missing += [path for path in named if not list(TREE.glob(path.rstrip("/")))]
    assert missing == []
