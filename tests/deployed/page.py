"""The commands of the pages, read from them, so that nobody follows others than these tests do."""

import re
from pathlib import Path

import tools

PAGE = tools.ROOT / "docs" / "aws.md"
CONSTRUCT = tools.ROOT / "infra" / "cdk" / "README.md"
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(heading: str, page: Path = PAGE) -> list[str]:
    """The blocks of commands below a heading of the second level, in order."""
    text = page.read_text()
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2]))
    found = FENCE.findall(sections[heading])
    if not found:
        raise AssertionError(f"{page.name} has no commands below {heading}")
    return found
