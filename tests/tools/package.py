#!/usr/bin/env python3
"""`make package`: one zip for each Lambda function, and what proves it.

usage: package.py [--profile lambda|release|dev] [--twice] [FUNCTION...]

Below target/package stand, for each function:

  NAME.zip        the program, named `bootstrap` as Lambda's own runtime wants it
  NAME.cdx.json   what it is made of (CycloneDX), with the SHA-256 of the zip
  SHA256SUMS      the digests of all zips
  THIRD-PARTY.txt licences of what is not ours

The profile `lambda` is what is shipped. `dev` and `release` make the same files quicker, for tests of
a deployment. A zip depends on nothing but the source and the toolchain: not on the time, the folder or
the machine's order of files. `--twice` proves it: it builds all again in a copy elsewhere.

A zip is refused when it is larger than its budget, when its program needs a GLIBC that Amazon Linux
2023 does not have, or when an intake carries a client that it has no use for.
"""

import argparse
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import elf
import sbom

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "target" / "package"
TARGET = "x86_64-unknown-linux-gnu"
FUNCTIONS = ["api", "deliver", "ews-webhook", "graph-webhook", "sweep", "sync", "token-refresh"]
ZIP_BYTES_MAX = 8 * 1024 * 1024
# Amazon Linux 2023, on which Lambda's provided.al2023 stands.
GLIBC_MAX = (2, 34)
# What stands in a program that carries a client: requests of EWS, Microsoft's cloud, Secrets Manager.
EWS = [b"SyncFolderItems"]
CLOUD = [b"graph.microsoft.com"]
SECRETS = [b"GetSecretValue"]
NOT_CARRIED = {"deliver": EWS + CLOUD, "ews-webhook": EWS + CLOUD + SECRETS, "graph-webhook": EWS}
# The earliest moment that a zip can name.
EPOCH = (1980, 1, 1, 0, 0, 0)
# Where cargo puts a profile's programs.
FOLDERS = {"dev": "debug"}


class Refused(Exception):
    """What is wrong with a package."""


def build(root: Path, profile: str, functions: list[str]) -> None:
    """What is shipped is built one by one, since cargo joins the features of what is built together;
    for tests all at once is quicker."""
    environment, groups = os.environ.copy(), [functions]
    if profile == "lambda":
        environment |= reproducible(root)
        groups = [[function] for function in functions]
    for group in groups:
        began = time.monotonic()
        packages = [f"--package=tidemark-{function}" for function in group]
        subprocess.run(["cargo", "build", "--locked", "--quiet", "--profile", profile, "--bins", *packages],
                       cwd=root, env=environment, check=True)
        print(f"package: {', '.join(group)} built in {time.monotonic() - began:.0f} s", flush=True)


def reproducible(root: Path) -> dict[str, str]:
    """Variables that keep this machine's paths out of what the compilers write."""
    cargo_home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    places = {root: ".", cargo_home: "cargo"}
    rust = [f"--remap-path-prefix={path}={name}" for path, name in places.items()]
    c = [f"-ffile-prefix-map={path}={name}" for path, name in places.items()]
    return {"CARGO_ENCODED_RUSTFLAGS": "\x1f".join(rust), "CFLAGS": " ".join(c), "CARGO_INCREMENTAL": "0"}


def program_of(root: Path, profile: str, function: str) -> bytes:
    path = root / "target" / FOLDERS.get(profile, profile) / f"tidemark-{function}"
    if profile == "lambda":
        return path.read_bytes()
    # The other profiles leave the symbols in.
    with tempfile.TemporaryDirectory() as folder:
        stripped = Path(folder) / "bootstrap"
        subprocess.run(["strip", "--strip-all", "-o", str(stripped), str(path)], check=True)
        return stripped.read_bytes()


def zipped(program: bytes, level: int = 9) -> bytes:
    """A zip with the program alone, the same bytes for the same program."""
    entry = zipfile.ZipInfo("bootstrap", EPOCH)
    entry.create_system = 3
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, program, compresslevel=level)
    return buffer.getvalue()


def check_program(function: str, program: bytes) -> None:
    if elf.machine(program) != "x86_64":
        raise Refused(f"{function} is built for {elf.machine(program)}, not x86_64")
    needed = elf.glibc(program)
    if needed > GLIBC_MAX:
        raise Refused(f"{function} needs GLIBC {shown(needed)}; Amazon Linux 2023 has {shown(GLIBC_MAX)}")


def check_carried(function: str, program: bytes) -> None:
    """The crates of a function say what it may carry (layers.py); this is what was linked."""
    for word in NOT_CARRIED.get(function, []):
        if word in program:
            raise Refused(f"{function} carries what it has no use for: {word.decode()}")


def check_size(function: str, packed: bytes, profile: str) -> None:
    if profile == "lambda" and len(packed) > ZIP_BYTES_MAX:
        raise Refused(f"{function}.zip has {len(packed):,} bytes, more than its budget of {ZIP_BYTES_MAX:,}")


def shown(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def package(profile: str, functions: list[str]) -> None:
    build(ROOT, profile, functions)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    packages = sbom.read_packages()
    trees = []
    for function in functions:
        program = program_of(ROOT, profile, function)
        check_program(function, program)
        if profile == "lambda":
            check_carried(function, program)
        # A zip for tests is made more often than it is carried about.
        packed = zipped(program, 9 if profile == "lambda" else 1)
        check_size(function, packed, profile)
        digest = hashlib.sha256(packed).hexdigest()
        tree = sbom.read_tree(f"tidemark-{function}", TARGET)
        (OUTPUT / f"{function}.zip").write_bytes(packed)
        (OUTPUT / f"{function}.cdx.json").write_text(sbom.bill(f"tidemark-{function}", tree, packages, digest))
        trees.append(tree)
        print(f"package: {function}.zip {len(packed):,} bytes (program {len(program):,}), {len(tree)} parts, "
              f"GLIBC {shown(elf.glibc(program))}", flush=True)
    # Those that were not named this time are there from before.
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(OUTPUT.glob("*.zip"))]
    (OUTPUT / "SHA256SUMS").write_text("".join(sums))
    (OUTPUT / "THIRD-PARTY.txt").write_text(sbom.notices(trees, packages))


def prove(functions: list[str]) -> None:
    """Builds the functions from what is committed, in another folder, and compares the programs."""
    with tempfile.TemporaryDirectory(prefix="tidemark-again-") as folder:
        copy = Path(folder) / "another" / "place"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(copy)], check=True)
        build(copy, "lambda", functions)
        for function in functions:
            again = hashlib.sha256(zipped(program_of(copy, "lambda", function))).hexdigest()
            if again != hashlib.sha256((OUTPUT / f"{function}.zip").read_bytes()).hexdigest():
                shutil.copy(copy / "target" / "lambda" / f"tidemark-{function}", OUTPUT / f"{function}.again")
                raise Refused(f"{function} came out otherwise in another folder; see target/package/{function}.again")
            print(f"package: {function}.zip came out the same in another folder", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", choices=["lambda", "release", "dev"], default="lambda")
    parser.add_argument("--twice", action="store_true", help="build all again in a copy elsewhere, and compare")
    parser.add_argument("functions", nargs="*", metavar="FUNCTION", help="all, when none is named")
    options = parser.parse_args()
    functions = options.functions or FUNCTIONS
    try:
        for function in functions:
            if function not in FUNCTIONS:
                raise Refused(f"there is no function {function}: {', '.join(FUNCTIONS)}")
        package(options.profile, functions)
        if options.twice:
            prove(functions)
    except Refused as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"package: {error.cmd[0]} ended with {error.returncode}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
