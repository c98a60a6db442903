"""The commands of docs/aws.md, read from the page, so that nobody follows others than these tests do."""

import re

import tools

PAGE = tools.ROOT / "docs" / "aws.md"
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(heading: str) -> list[str]:
    """The blocks of commands below a heading of the second level, in order."""
    text = PAGE.read_text()
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2]))
    found = FENCE.findall(sections[heading])
    if not found:
        raise AssertionError(f"{PAGE.name} has no commands below {heading}")
    return found
