"""What is measured and what it is measured beside: built and installed here, run here."""

import json
import os
import subprocess
import sys
from pathlib import Path

from stage import ROOT, TIDEMARK, NotMeasured

HERE = Path(__file__).resolve().parent
TOOLS = ROOT / ".tools" / "bench"
PYTHON = TOOLS / "python" / "bin" / "python"
NODE_MODULES = TOOLS / "node" / "node_modules"
EXCHANGELIB = "exchangelib==5.6.0"
EWS_JAVASCRIPT_API = "ews-javascript-api@0.15.3"
# The SDK is thousands of files: it is shared with the judges, who pin it.
sys.path.insert(0, str(ROOT / "tests" / "tools"))
import judges  # noqa: E402


def build() -> None:
    subprocess.run(
        ["cargo", "build", "--release", "--quiet", "-p", "tidemark-bench", "-p", "tidemark-local",
         "--bins"], cwd=ROOT, check=True,
    )


def program(name: str) -> str:
    return str(TIDEMARK.with_name(name))


def run_json(command: list[str], **variables: str):
    done = subprocess.run(command, env=os.environ | variables, check=True, capture_output=True)
    return json.loads(done.stdout)


def run_exchangelib(script: str, *arguments: str):
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", str(TOOLS / "python")], check=True)
    subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet",
                    "--disable-pip-version-check", EXCHANGELIB], check=True, stdout=sys.stderr)
    return run_json([str(PYTHON), str(HERE / "peers" / script), *arguments])


def run_ews_javascript_api(script: str, *arguments: str):
    if not (NODE_MODULES / "ews-javascript-api").exists():
        (TOOLS / "node").mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund",
                        "--prefix", str(TOOLS / "node"), EWS_JAVASCRIPT_API],
                       check=True, stdout=sys.stderr)
    return run_json(["node", str(HERE / "peers" / script), *arguments],
                    NODE_PATH=str(NODE_MODULES))


def run_msgraph_sdk(script: str, *arguments: str):
    try:
        judges.prepare_graph()
    except (judges.Skipped, judges.Wrong) as reason:
        raise NotMeasured(str(reason)) from reason
    return run_json([str(judges.GRAPH_PYTHON), str(HERE / "peers" / script), *arguments])
