"""How large each function is, how long it takes from its start to its first answer, how much memory
it then holds; and the same of functions that others would have written.

A host of Lambda's runtime API, 40 lines of it, starts the program as Lambda does and hands it one
event. AWS is an empty one on this machine (tests/lambda/aws.py), so that the figures are those of the
program: on Lambda the download of the zip and the sandbox come on top. The peers do what the intake
does with a call that nobody gave a key for: read the event, hash the key, look it up, answer 404.
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

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path += [str(ROOT / "tests" / "lambda"), str(ROOT / "tests" / "tools")]

import aws as empty_aws  # noqa: E402
import package  # noqa: E402

TOOLS = ROOT / ".tools" / "bench"
MINIMAL = "tidemark-bench-minimal"
BOTO3 = "boto3==1.44.5"
NODE_SDK = "@aws-sdk/client-dynamodb@3.1164.0"
STARTS = 15
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


def measure(command: list[str], event: dict, is_right) -> dict[str, float]:
    start(command, event, is_right)  # the files are in memory from here on
    found = [start(command, event, is_right) for _ in range(STARTS)]
    return {"milliseconds": statistics.median(one[0] for one in found),
            "processor": statistics.median(one[1] for one in found),
            "megabytes": statistics.median(one[2] for one in found)}


def minimal() -> tuple[list[str], int]:
    """A Rust function with the same crates and nothing else, built the same way."""
    variables = os.environ | package.reproducible(ROOT)
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--profile", "lambda", "--package", MINIMAL],
                   cwd=ROOT, env=variables, check=True)
    path = ROOT / "target" / "lambda" / MINIMAL
    return [str(path)], len(package.zipped(path.read_bytes()))


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


def bench(report) -> None:
    """Adds a row for each function and each peer."""
    package.package("lambda", package.FUNCTIONS)
    event, is_right = empty_aws.FIRST["ews-webhook"]
    beside = report.attempt("intake, minimal Rust", lambda: minimal_figures(event, is_right))
    if beside:
        report.row("start to first answer, a minimal Rust function", figures(beside))
    for name, command in (("Node and AWS's SDK", node), ("Python and boto3", python)):
        found = report.attempt(f"intake, {name}", lambda: measure(command(), event, is_right))
        if found:
            report.row(f"  {name}", figures(found))
    with tempfile.TemporaryDirectory() as folder:
        for function in package.FUNCTIONS:
            bench_function(report, function, Path(folder), beside)


def minimal_figures(event: dict, is_right) -> dict[str, float]:
    command, zip_bytes = minimal()
    return measure(command, event, is_right) | {"zipBytes": zip_bytes}


def bench_function(report, function: str, folder: Path, beside: dict | None) -> None:
    packed = package.OUTPUT / f"{function}.zip"
    with zipfile.ZipFile(packed) as archive:
        program = folder / function
        program.write_bytes(archive.read("bootstrap"))
    program.chmod(0o755)
    event, is_right = empty_aws.FIRST[function]
    found = report.attempt(f"start of {function}", lambda: measure([str(program)], event, is_right))
    megabytes = packed.stat().st_size / 1024 / 1024
    report.row(f"{function}.zip", f"{megabytes:.2f} MB", f"under {ZIP_MEGABYTES} MB", megabytes < ZIP_MEGABYTES)
    if not found:
        return
    if function not in INTAKES:
        report.row("  start to first answer, memory", figures(found))
        return
    goal, met = "", None
    if beside:
        goal = f"{TIMES_MINIMAL} times the minimal one"
        met = found["milliseconds"] <= TIMES_MINIMAL * beside["milliseconds"]
    report.row("  start to first answer, memory", figures(found), goal, met)
    report.row("  memory", f"{found['megabytes']:.1f} MB", f"under {INTAKE_MEGABYTES} MB",
               found["megabytes"] < INTAKE_MEGABYTES)
