"""How large each function is, how long it takes from its start to its first answer, how much memory
it then holds; and the same of functions that others would have written.

A host of Lambda's runtime API, 40 lines of it, starts the program as Lambda does and hands it one
event. AWS is an empty one on this machine (tests/lambda/aws.py), so that the figures are those of the
program: on Lambda the download of the zip and the sandbox come on top. The peers do what the intake
does with a call that nobody gave a key for: read the event, hash the key, look it up, answer 404.

All of them are started in turns, one after the other, so that whatever else the machine does meets
all alike. What is told is the median.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Callable, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path += [str(ROOT / "tests" / "lambda"), str(ROOT / "tests" / "tools")]

import aws as empty_aws  # noqa: E402
import package  # noqa: E402

TOOLS = ROOT / ".tools" / "bench"
MINIMAL = "tidemark-bench-minimal"
RUST = "a minimal Rust function"
BOTO3 = "boto3==1.44.5"
NODE_SDK = "@aws-sdk/client-dynamodb@3.1164.0"
STARTS, STARTS_QUICK = 41, 7
WAIT_SECONDS = 30
# Goals of the product.
TIMES_MINIMAL, ZIP_MEGABYTES, INTAKE_MEGABYTES = 1.5, 8, 40
INTAKES = ["ews-webhook", "graph-webhook"]


class NotAnswered(ValueError):
    """A function that did not answer as it should."""


class Host(ThreadingHTTPServer):
    """Lambda's runtime API with one event. Source: AWS Lambda developer guide, "Runtime API"."""

    daemon_threads = True

    def __init__(self, event: dict):
        super().__init__(("127.0.0.1", 0), _Runtime)
        self.event, self.handed_out = json.dumps(event).encode(), False
        self.answer, self.answered, self.ended_at = None, threading.Event(), 0.0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address) -> None:
        """A program that has answered is killed, which cuts its connection off."""


class _Runtime(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.server.handed_out:
            # There is no second event: Lambda would freeze the sandbox here.
            threading.Event().wait()
        self.server.handed_out = True
        deadline = int((time.time() + WAIT_SECONDS) * 1000)
        self._send(200, self.server.event, {
            "Lambda-Runtime-Aws-Request-Id": "r1", "Lambda-Runtime-Deadline-Ms": str(deadline),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:function"})

    def do_POST(self) -> None:
        body = b""
        if self.headers["transfer-encoding"] == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
        self.server.ended_at = time.perf_counter()
        self.server.answer = (self.path.rsplit("/", 1)[-1], json.loads(body))
        self._send(202, b"")
        self.server.answered.set()

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


def resident(pid: int) -> float:
    """What a process holds at most, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise NotAnswered("the process shows no memory")


def processor(pid: int) -> float:
    """How long the threads of a process ran, in milliseconds: others on the machine do not change it."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


def start(command: list[str], event: dict, is_right) -> tuple[float, float, float]:
    """Milliseconds from the start to the first answer, those on the processor, and MB."""
    with empty_aws.EmptyAws() as aws, Host(event) as host:
        variables = empty_aws.variables(aws) | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{host.server_address[1]}"}
        began = time.perf_counter()
        with subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                if not host.answered.wait(WAIT_SECONDS):
                    raise NotAnswered(f"{command[-1]} did not answer")
                kind, answer = host.answer
                if kind != "response" or not is_right(answer):
                    raise NotAnswered(f"{command[-1]} answered {kind} {str(answer)[:120]}")
                return (host.ended_at - began) * 1000, processor(process.pid), resident(process.pid)
            finally:
                process.kill()
                host.shutdown()


class Candidate(NamedTuple):
    """A program that is started, with what it is asked and whether the answer is right."""

    name: str
    command: list[str]
    event: dict
    is_right: Callable[[object], bool]


def in_turns(candidates: list[Candidate], starts: int) -> dict[str, dict | NotAnswered]:
    """Medians of each, or why there are none. One that fails is not started again."""
    found: dict[str, list] = {one.name: [] for one in candidates}
    failed: dict[str, NotAnswered] = {}
    # After the first turn the files are in memory.
    for turn in range(starts + 1):
        for one in candidates:
            if one.name in failed:
                continue
            try:
                figures = start(one.command, one.event, one.is_right)
            except (NotAnswered, OSError) as reason:
                failed[one.name] = NotAnswered(str(reason))
                continue
            if turn:
                found[one.name].append(figures)
    return failed | {name: medians(all) for name, all in found.items() if name not in failed}


def medians(found: list[tuple[float, float, float]]) -> dict[str, float]:
    names = ("milliseconds", "processor", "megabytes")
    return {"starts": len(found)} | {
        name: statistics.median(one[column] for one in found) for column, name in enumerate(names)}


def minimal(profile: str) -> list[str]:
    """A Rust function with the same crates and nothing else, built the same way."""
    variables = os.environ | (package.reproducible(ROOT) if profile == "lambda" else {})
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--profile", profile, "--package", MINIMAL],
                   cwd=ROOT, env=variables, check=True)
    return [str(ROOT / "target" / package.FOLDERS.get(profile, profile) / MINIMAL)]


def python() -> list[str]:
    home = TOOLS / "lambda-python"
    if not (home / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    subprocess.run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", BOTO3],
                   check=True, stdout=sys.stderr)
    return [str(home / "bin" / "python"), str(HERE / "peers" / "intake_boto3.py")]


def node() -> list[str]:
    home = TOOLS / "lambda-node"
    if not (home / "node_modules" / "@aws-sdk").exists():
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), NODE_SDK],
                       check=True, stdout=sys.stderr)
    # A module looks for its packages beside itself.
    peer = home / "intake.mjs"
    peer.write_text((HERE / "peers" / "intake_aws_sdk.mjs").read_text())
    return ["node", str(peer)]


def figures(found: dict[str, float]) -> str:
    return f"{found['milliseconds']:.1f} ms ({found['processor']:.1f} on the processor), {found['megabytes']:.1f} MB"


def bench(report, profile: str = "lambda", starts: int = STARTS, packed: bool = False) -> None:
    """Adds a row for each function and each peer. `packed` says that the zips are there already."""
    if not packed:
        try:
            package.package(profile, package.FUNCTIONS)
        except package.Refused as reason:
            raise NotAnswered(str(reason)) from reason
    intake = empty_aws.FIRST["ews-webhook"]
    peers = {RUST: lambda: minimal(profile), "Node and AWS's SDK": node, "Python and boto3": python}
    candidates = []
    for name, prepare in peers.items():
        command = report.attempt(f"{name}, to be measured beside", prepare)
        if command:
            candidates.append(Candidate(name, command, *intake))
    with tempfile.TemporaryDirectory() as folder:
        for function in package.FUNCTIONS:
            candidates.append(Candidate(function, [unpacked(function, Path(folder))], *empty_aws.FIRST[function]))
        found = in_turns(candidates, starts)
    shown = {name: report.attempt(f"start of {name}", lambda: told(one)) for name, one in found.items()}
    # Goals are those of what is shipped.
    is_shipped = profile == "lambda"
    show_peers(report, shown, list(peers), starts)
    for function in package.FUNCTIONS:
        show_function(report, function, shown.get(function), shown.get(RUST), is_shipped)


def told(found: dict | NotAnswered) -> dict:
    if isinstance(found, NotAnswered):
        raise found
    return found


def unpacked(function: str, folder: Path) -> str:
    program = folder / function
    with zipfile.ZipFile(package.OUTPUT / f"{function}.zip") as archive:
        program.write_bytes(archive.read("bootstrap"))
    program.chmod(0o755)
    return str(program)


def show_peers(report, shown: dict, peers: list[str], starts: int) -> None:
    report.row("start to first answer, resident memory", f"medians of {starts} starts in turns")
    for name in peers:
        if shown.get(name):
            report.row(f"  the intake, {name}", figures(shown[name]))


def show_function(report, function: str, found: dict | None, beside: dict | None, is_shipped: bool) -> None:
    megabytes = (package.OUTPUT / f"{function}.zip").stat().st_size / 1024 / 1024

    def goal(what: str, figure: str, text: str, met: bool) -> None:
        report.row(what, figure, text, met if is_shipped else None)

    goal(f"{function}.zip", f"{megabytes:.2f} MB", f"under {ZIP_MEGABYTES} MB", megabytes < ZIP_MEGABYTES)
    if not found:
        return
    report.row("  start to first answer, memory", figures(found))
    if function not in INTAKES:
        return
    if beside:
        times = found["milliseconds"] / beside["milliseconds"]
        processor_times = found["processor"] / beside["processor"]
        goal("  times the minimal Rust function", f"{times:.2f} (on the processor {processor_times:.2f})",
             f"at most {TIMES_MINIMAL}", times <= TIMES_MINIMAL)
    goal("  memory", f"{found['megabytes']:.1f} MB", f"under {INTAKE_MEGABYTES} MB",
         found["megabytes"] < INTAKE_MEGABYTES)
