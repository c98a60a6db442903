"""What a program asks of the machine that loads it, read from the program itself (ELF, 64 bits, little endian)."""

import struct

SECTION_NEEDED_VERSIONS = 0x6FFFFFFE  # SHT_GNU_verneed
MACHINES = {0x3E: "x86_64", 0xB7: "arm64"}


class NoProgram(ValueError):
    """The bytes are not a program of the form that Lambda runs."""


def _sections(program: bytes) -> list[tuple[int, int, int, int]]:
    """Type, offset, size and linked section of each section."""
    if program[:6] != b"\x7fELF\x02\x01":
        raise NoProgram("not an ELF program of 64 bits")
    (table,) = struct.unpack_from("<Q", program, 0x28)
    entry_size, count = struct.unpack_from("<HH", program, 0x3A)
    found = []
    for number in range(count):
        at = table + number * entry_size
        (kind,) = struct.unpack_from("<I", program, at + 4)
        offset, size, link = struct.unpack_from("<QQI", program, at + 0x18)
        found.append((kind, offset, size, link))
    return found


def machine(program: bytes) -> str:
    """`x86_64` or `arm64`."""
    _sections(program)
    (code,) = struct.unpack_from("<H", program, 0x12)
    return MACHINES.get(code, f"machine {code:#x}")


def needed_versions(program: bytes) -> set[str]:
    """The versions of libraries that the program needs, such as `GLIBC_2.34`."""
    sections = _sections(program)
    versions = set()
    for kind, offset, _, link in sections:
        if kind != SECTION_NEEDED_VERSIONS:
            continue
        names = sections[link][1]
        at = offset
        while True:
            _, count, _, aux, following = struct.unpack_from("<HHIII", program, at)
            entry = at + aux
            for _ in range(count):
                _, _, _, name, further = struct.unpack_from("<IHHII", program, entry)
                start = names + name
                versions.add(program[start:program.index(b"\0", start)].decode())
                entry += further
            if not following:
                break
            at += following
    return versions


def glibc(program: bytes) -> tuple[int, ...]:
    """The newest GLIBC that the program needs; empty when it needs none."""
    prefix = "GLIBC_"
    numbers = [version.removeprefix(prefix) for version in needed_versions(program) if version.startswith(prefix)]
    return max((tuple(map(int, number.split("."))) for number in numbers if number[0].isdigit()), default=())
