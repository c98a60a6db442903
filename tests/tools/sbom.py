"""What a function is made of: an SBOM (CycloneDX 1.6) and the licence texts, from cargo's own data.

`cargo tree` resolves for one package, as the build of one function does; `cargo metadata` would join
what other members of the workspace ask for.
"""

import hashlib
import json
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
LICENCE_FILES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE")
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def cargo(*arguments: str) -> str:
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def read_packages() -> dict[tuple[str, str], dict]:
    """Every package of the lock file by name and version, as cargo describes it, with its checksum."""
    described = json.loads(cargo("metadata", "--format-version", "1", "--locked"))["packages"]
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(one["name"], one["version"]): one.get("checksum") for one in locked}
    packages = {}
    for one in described:
        key = (one["name"], one["version"])
        packages[key] = one | {"checksum": checksums.get(key)}
    return packages


def read_tree(package: str, target: str) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """What the program of a package is linked from: each package, and what that names itself."""
    lines = cargo("tree", "--locked", "--package", package, "--target", target, "--edges", "normal,no-proc-macro",
                  "--prefix", "depth", "--no-dedupe", "--format", " {p}").splitlines()
    tree, above = {}, []
    for line in lines:
        depth, name, version = line.split()[:3]
        key = (name, version.removeprefix("v"))
        del above[int(depth):]
        if above:
            tree[above[-1]].add(key)
        tree.setdefault(key, set())
        above.append(key)
    return tree


def reference(key: tuple[str, str], package: dict) -> str:
    """How a part is named: a registry's by its package URL, ours, which no registry has, plainly."""
    name, version = key
    return f"pkg:cargo/{quote(name)}@{quote(version)}" if package["source"] else f"{name}@{version}"


def component(key: tuple[str, str], package: dict, kind: str) -> dict:
    found = {"type": kind, "bom-ref": reference(key, package), "name": key[0], "version": key[1]}
    if package["description"]:
        found["description"] = " ".join(package["description"].split())
    # CycloneDX wants SPDX; the old form with a slash means "or".
    if package["license"]:
        found["licenses"] = [{"expression": package["license"].replace("/", " OR ").replace("  ", " ")}]
    if package["source"] == REGISTRY:
        found["purl"] = reference(key, package)
        found["hashes"] = [{"alg": "SHA-256", "content": package["checksum"]}]
    if package["repository"]:
        found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return found


def bill(package: str, tree: dict, packages: dict, digest: str) -> str:
    """The SBOM of the zip with this SHA-256. It names no time, so that it is the same whenever it is made."""
    (root,) = (key for key in tree if key[0] == package)
    main = component(root, packages[root], "application") | {"hashes": [{"alg": "SHA-256", "content": digest}]}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": main},
        "components": [component(key, packages[key], "library") for key in sorted(tree) if key != root],
        "dependencies": [
            {"ref": reference(key, packages[key]),
             "dependsOn": sorted(reference(one, packages[one]) for one in tree[key])}
            for key in sorted(tree)
        ],
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def licence_files(package: dict) -> list[Path]:
    folder = Path(package["manifest_path"]).parent
    return sorted(path for path in folder.iterdir()
                  if path.is_file() and path.name.upper().startswith(LICENCE_FILES))


def notices(trees: list[dict], packages: dict) -> str:
    """Who made the parts that are not ours, under which licence, and each licence text once."""
    keys = sorted({key for tree in trees for key in tree if packages[key]["source"]})
    texts: dict[str, str] = {}
    numbers: dict[str, int] = {}
    lines = ["The functions of Tidemark contain these parts, each under the licence that stands beside it.",
             "The numbers lead to the texts below.", ""]
    for key in keys:
        package = packages[key]
        marks = []
        for path in licence_files(package):
            text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").strip()
            digest = hashlib.sha256(text.encode()).hexdigest()
            texts.setdefault(digest, text)
            marks.append(numbers.setdefault(digest, len(numbers) + 1))
        shown = " ".join(f"[{mark}]" for mark in marks) or "(carries no text)"
        lines.append(f"{key[0]} {key[1]}: {package['license'] or 'see the text'} {shown}")
    for digest, number in numbers.items():
        lines += ["", "-" * 80, f"[{number}]", "", texts[digest]]
    return "\n".join(lines) + "\n"
