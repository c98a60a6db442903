#!/usr/bin/env python3
"""How a function behaves where Lambda is exact: its deadline, a crash, a frozen process, a time-out in
the middle of a run. AWS's own runtime interface emulator starts the program; AWS itself is an empty
one on this machine (aws.py), made slow where time has to run out.

usage: emulator.py [--no-build]

The emulator comes with aws-sam-cli and is installed below .tools/sam.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
import venv
from contextlib import contextmanager
from pathlib import Path

import aws as empty_aws

ROOT = Path(__file__).resolve().parents[2]
SAM = ROOT / ".tools" / "sam"
SAM_PACKAGE = "aws-sam-cli==1.170.0"
FUNCTIONS = ["deliver", "ews-webhook", "sync"]
TRACE = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1"
START_SECONDS = 20


def emulator() -> Path:
    found = list(SAM.glob("lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"))
    if not found:
        venv.create(SAM, with_pip=True)
        subprocess.run([SAM / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        SAM_PACKAGE], check=True)
        found = list(SAM.glob("lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"))
    return found[0]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Sandbox:
    """One function in the emulator."""

    def __init__(self, port: int, log: Path, group: int):
        self.url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        self.log, self.group = log, group

    def invoke(self, event: dict, seconds: float = 30):
        """What the function answers. What the emulator itself says may be no JSON: then it is text."""
        request = urllib.request.Request(self.url, data=json.dumps(event).encode())
        with urllib.request.urlopen(request, timeout=seconds) as response:
            said = response.read().decode()
        try:
            return json.loads(said)
        except ValueError:
            return said

    def program(self) -> int:
        """The function's process, which the emulator starts anew when it has to."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            listed = subprocess.run(["ps", "-o", "pid=,comm=", "-g", str(self.group)], capture_output=True, text=True)
            for line in listed.stdout.splitlines():
                pid, name = line.split(None, 1)
                if name.startswith("bootstrap"):
                    return int(pid)
            time.sleep(0.02)
        raise AssertionError("the emulator runs no function")

    def lines(self) -> list[dict]:
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
        return [line for line in found if isinstance(line, dict)]


@contextmanager
def sandbox(function: str, aws: empty_aws.EmptyAws, seconds: int, **variables: str):
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "bootstrap"
        program.symlink_to(ROOT / "target" / "debug" / f"tidemark-{function}")
        log = Path(folder) / "log"
        outside, inside = free_port(), free_port()
        variables = empty_aws.variables(aws) | {"AWS_LAMBDA_FUNCTION_TIMEOUT": str(seconds)} | variables
        command = [emulator(), "--runtime-interface-emulator-address", f"127.0.0.1:{outside}",
                   "--runtime-api-address", f"127.0.0.1:{inside}", program]
        with log.open("wb") as sink:
            process = subprocess.Popen(command, env=variables, stdout=sink, stderr=sink, start_new_session=True)
        try:
            wait_for(outside)
            yield Sandbox(outside, log, process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("the emulator does not listen")


class Exactly(unittest.TestCase):
    def setUp(self) -> None:
        self.aws = self.enterContext(empty_aws.EmptyAws())

    def test_a_message_carries_its_trace_into_the_log(self) -> None:
        with sandbox("sync", self.aws, 30) as function:
            self.assertEqual(function.invoke(empty_aws.queue_event(TRACE)), {"batchItemFailures": []})
            units = [line for line in function.lines() if line.get("message") == "unit of work"]
            self.assertEqual([unit.get("trace.id") for unit in units], ["1-67891233-abcdef012345678912345678"])
            self.assertTrue(units[0].get("request.id"))

    def test_a_unit_of_work_is_a_line_of_metrics(self) -> None:
        with sandbox("sync", self.aws, 30) as function:
            function.invoke(empty_aws.queue_event())
            function.invoke(empty_aws.queue_event())
            units = [line for line in function.lines() if line.get("message") == "unit of work"]
        self.assertEqual([unit["end"] for unit in units], ["off", "off"])
        # Only the first one has the start of the process in it.
        self.assertEqual(["start_ms" in unit for unit in units], [True, False])
        for unit in units:
            [directive] = unit["_aws"]["CloudWatchMetrics"]
            self.assertEqual((directive["Namespace"], directive["Dimensions"]), ("Tidemark", [["Stack"]]))
            self.assertEqual(unit["Stack"], "function")
            for metric in directive["Metrics"]:
                self.assertIsInstance(unit[metric["Name"]], int)

    def test_the_level_is_taken_up_when_the_function_starts_anew(self) -> None:
        foreign = empty_aws.queue_event()
        foreign["Records"][0]["body"] = "{}"
        seen = {}
        for level in ("DEBUG", "ERROR"):
            with sandbox("sync", self.aws, 30, AWS_LAMBDA_LOG_LEVEL=level) as function:
                function.invoke(foreign)
                seen[level] = [line for line in function.lines() if "target" in line]
                units = [line["level"] for line in function.lines() if line.get("message") == "unit of work"]
            # Metrics are told at every level, and Lambda lets them pass.
            self.assertEqual(units, [{"DEBUG": "INFO"}.get(level, level)])
        self.assertEqual({line["level"] for line in seen["ERROR"]}, {"ERROR"})
        others = {line["target"] for line in seen["DEBUG"] if not line["target"].startswith("tidemark")}
        self.assertFalse(others & {"hyper", "aws_smithy_runtime"}, others)

    def test_an_intake_never_asks_for_a_secret(self) -> None:
        with sandbox("ews-webhook", self.aws, 10) as function:
            event, is_right = empty_aws.FIRST["ews-webhook"]
            self.assertTrue(is_right(function.invoke(event)))
        self.assertIn("GetItem", self.aws.asked)
        self.assertNotIn("GetSecretValue", self.aws.asked)

    def test_a_round_that_is_late_stops_before_the_function_is_stopped(self) -> None:
        with sandbox("deliver", self.aws, 4) as function:
            function.invoke(empty_aws.SCHEDULED)
            self.aws.delay_seconds = 1.0
            began = time.monotonic()
            answer = function.invoke(empty_aws.SCHEDULED)
            self.assertEqual(answer, {"organisations": 0, "delivered": 0, "failed": 0})
            self.assertLess(time.monotonic() - began, 4)

    def test_a_time_out_in_the_middle_of_a_run_leaves_the_next_one_untouched(self) -> None:
        with sandbox("sync", self.aws, 2) as function:
            self.assertEqual(function.invoke(empty_aws.queue_event()), {"batchItemFailures": []})
            self.aws.delay_seconds = 4.0
            self.assertIn("timed out", str(function.invoke(empty_aws.queue_event())))
            outcomes = [line["outcome"] for line in function.lines() if line.get("message") == "unit of work"]
            self.assertEqual(outcomes, ["done", "out-of-time"])
            self.aws.delay_seconds = 0.0
            self.assertEqual(function.invoke(empty_aws.queue_event()), {"batchItemFailures": []})

    def test_a_crash_in_the_middle_of_a_run_leaves_the_next_one_untouched(self) -> None:
        with sandbox("sync", self.aws, 20) as function:
            self.assertEqual(function.invoke(empty_aws.queue_event()), {"batchItemFailures": []})
            asked = len(self.aws.asked)
            self.aws.delay_seconds = 2.0
            body = json.dumps(empty_aws.queue_event()).encode()
            with subprocess.Popen([sys.executable, "-c", CALL, function.url], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE) as call:
                call.stdin.write(body)
                call.stdin.close()
                until = time.monotonic() + 10
                while len(self.aws.asked) == asked and time.monotonic() < until:
                    time.sleep(0.01)
                os.kill(function.program(), signal.SIGKILL)
                said = call.stdout.read().decode()
            self.assertIn("Runtime.ExitError", said)
            self.aws.delay_seconds = 0.0
            self.assertEqual(function.invoke(empty_aws.queue_event()), {"batchItemFailures": []})

    def test_a_process_that_was_frozen_goes_on_though_its_connections_are_gone(self) -> None:
        with sandbox("sync", self.aws, 20) as function:
            self.assertEqual(function.invoke(empty_aws.queue_event()), {"batchItemFailures": []})
            frozen = function.program()
            os.kill(frozen, signal.SIGSTOP)
            self.aws.hang_up()
            os.kill(frozen, signal.SIGCONT)
            self.assertEqual(function.invoke(empty_aws.queue_event()), {"batchItemFailures": []})
            self.assertEqual(function.program(), frozen)


# Calls the function from another process, since the test kills meanwhile.
CALL = """import sys, urllib.request
request = urllib.request.Request(sys.argv[1], data=sys.stdin.buffer.read())
try:
    print(urllib.request.urlopen(request, timeout=30).read().decode())
except urllib.error.HTTPError as error:
    print(error.read().decode())
"""


def main() -> int:
    emulator()
    if "--no-build" not in sys.argv:
        packages = [f"--package=tidemark-{function}" for function in FUNCTIONS]
        subprocess.run(["cargo", "build", "--locked", "--quiet", "--bins", *packages], cwd=ROOT, check=True)
    program = unittest.main(argv=sys.argv[:1], exit=False)
    return 0 if program.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
