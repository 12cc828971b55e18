# SPDX-License-Identifier: GPL-2.0-or-later
"""What the documents point at is there."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(path for folder in ("", "docs", "examples") for path in (REPOSITORY / folder).glob("*.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_somewhere(document):
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    missing = [
        target
        for target in targets
        if not target.startswith(("https://", "http://")) and not (document.parent / target).exists()
    ]
    assert not missing


def test_there_are_documents():
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md"} <= {path.name for path in DOCUMENTS}
