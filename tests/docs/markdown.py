"""Markdown: the fenced blocks of a document."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

# On the line before a block that can't be run as it stands, with the reason.
_NOT_RUN = re.compile(r"<!-- not run: (.+) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        document: Where it stands, relative to the checkout.
        line: Of its fence, counted from 1.
        language: As its fence says; a fence without one, in this project, is a shell's.
        text: What it holds.
        reason: Why it is not run; empty where it is.
    """

    document: str
    line: int
    language: str
    text: str
    reason: str = ""

    def __str__(self) -> str:
        """Return the place, for messages."""
        return f"{self.document}:{self.line}"


def blocks_of(text: str, document: str) -> list[Block]:
    """Return the fenced blocks of a document's text; a fence that is never closed is an error."""
    blocks, opened = [], None
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        fence = re.match(r"\s*```(.*)$", line)
        if fence and opened is None:
            opened = number, fence[1].strip() or "sh"
        elif fence and opened is not None:
            start, language = opened
            before = _NOT_RUN.fullmatch(lines[start - 2].strip()) if start > 1 else None
            body = "\n".join(lines[start : number - 1]) + "\n"
            blocks.append(Block(document, start, language, body, before[1] if before else ""))
            opened = None
    assert opened is None, f"{document}: the block of line {opened and opened[0]} has no end"
    return blocks


def all_blocks() -> list[Block]:
    """Return the blocks of every document."""
    return [
        block
        for path in DOCUMENTS
        for block in blocks_of(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
    ]
