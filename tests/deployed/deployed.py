#!/usr/bin/env python3
"""`make deployed`: the deployment as AWS would have it, in use.

usage: deployed.py [--no-build] [NAME...]      all scenarios but the long ones when none is named

MiniStack stands for AWS, with IAM enforced. The commands of docs/aws.md deploy the template with the
programs of the development profile, update it and remove it; in between scenarios (scenarios.py) use it
through its function URL, HTTP API, queue and schedules, with the simulated Exchange outside. Nothing here
has a clock of its own but deadlines.

--no-build takes the zips below target/package as they are.
"""

import argparse
import concurrent.futures
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import tools

tools.enter()

import scenarios  # noqa: E402: boto3 is there only now
import world  # noqa: E402
from cloud import Cloud  # noqa: E402
from place import Place, program  # noqa: E402
from stack import FUNCTIONS, Stack  # noqa: E402
from world import Line, Simulator  # noqa: E402


class Report:
    def __init__(self):
        self.began, self.wrong = time.monotonic(), []

    def run(self, name: str, what, *arguments):
        began = time.monotonic()
        try:
            done = what(*arguments)
            self.tell("ok   ", name, began)
            return done
        except Exception as error:
            self.wrong.append(name)
            trace = "" if isinstance(error, AssertionError) else traceback.format_exc()
            self.tell("WRONG", f"{name}: {error}\n{trace}", began)
            raise

    def tell(self, word: str, what: str, began: float) -> None:
        now = time.monotonic()
        print(f"{word} {now - self.began:5.0f} s ({now - began:5.1f}) {what}", flush=True)


def run_scenarios(report: Report, place: Place, names: list[str]) -> None:
    def run(line) -> None:
        for scenario in line:
            if names and scenario.__name__ not in names:
                continue
            try:
                report.run(scenario.__name__, scenario, place)
            except Exception:  # it is told already
                pass

    with concurrent.futures.ThreadPoolExecutor(len(scenarios.BESIDE)) as pool:
        list(pool.map(run, scenarios.BESIDE))
    run(scenarios.ALONE)
    run([scenario for scenario in scenarios.LONG if scenario.__name__ in names])
    run_at_the_end(report, place)


def run_at_the_end(report: Report, place: Place) -> None:
    def nobody_got_mail():
        assert place.simulator.mails() == 0

    report.run("nobody got mail", nobody_got_mail)


def build() -> None:
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--package=tidemark-local", "--bin=tidemark",
                    "--package=tidemark-platform", "--example=conformance"], cwd=tools.ROOT, check=True)


def run_all(report: Report, folder: Path, options: argparse.Namespace) -> None:
    if options.build:
        report.run("build what is outside of the deployment", build)
    with Cloud(folder) as cloud, Simulator(folder, program()) as simulator, Line(simulator.url) as line:
        world.TRUST = cloud.trust
        stack = Stack(cloud, folder, options.build)
        report.run("deploy, as the page says", stack.deploy)
        report.run("first steps, as the page says", stack.first_steps)
        with Line(stack.intake_url()) as way_in:
            report.run("update, as the page says", lambda: stack.update(CallbackUrl=way_in.url))
            place = report.run("found an organisation", Place, folder, cloud, stack, simulator, line)
            run_scenarios(report, place, options.names)
            if report.wrong:
                place.logs.keep(folder, FUNCTIONS)
            report.run("remove, as the page says", stack.remove)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-build", dest="build", action="store_false")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    known = [one.__name__ for one in [*scenarios.ALL, *scenarios.LONG]]
    if unknown := set(options.names) - set(known):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    # The emulator and its functions are to end with this program, however it ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    report, folder = Report(), Path(tempfile.mkdtemp(prefix="tidemark-deployed-"))
    try:
        run_all(report, folder, options)
    except Exception:  # it is told already
        if not report.wrong:
            raise
    if report.wrong:
        print(f"deployed: {len(report.wrong)} wrong; logs in {folder}", flush=True)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    print("deployed: all right", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
