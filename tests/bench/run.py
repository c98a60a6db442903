#!/usr/bin/env python3
"""`make bench`: builds, installs the peers below .tools/, measures, prints one table.

Everything runs on this machine over loopback, one measurement after the other. What could not be
measured is told with the reason, and is not a goal that was met.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import start
from stage import (
    OWNER, PASSWORD, ROOT, TIDEMARK, Connector, Listener, NotMeasured, Simulator,
)

HERE = Path(__file__).resolve().parent
TOOLS = ROOT / ".tools" / "bench"
PYTHON = TOOLS / "python" / "bin" / "python"
NODE_MODULES = TOOLS / "node" / "node_modules"
EXCHANGELIB = "exchangelib==5.6.0"
EWS_JAVASCRIPT_API = "ews-javascript-api@0.15.3"
DECODED_ITEMS = 2_000
SMALL, LARGE = 10_000, 100_000
CHANGES = 200
PUSHES, CONNECTIONS = 5_000, 8
# Goals of the product.
TIMES_EXCHANGELIB, SHARE_OF_TOKENS = 100, 0.5
MEMORY_MEGABYTES = 8
P50_SECONDS, P99_SECONDS = 0.150, 1.0


class Report:
    """Rows as they come, and whether the goals were met."""

    def __init__(self):
        self.rows: list[tuple[str, str, str, str]] = []
        self.result: dict[str, object] = {}

    def row(self, what: str, figure: str, goal: str = "", met: bool | None = None) -> None:
        verdict = "" if met is None else ("met" if met else "MISSED")
        self.rows.append((what, figure, goal, verdict))
        print(f"  {what}: {figure} {verdict}".rstrip(), file=sys.stderr, flush=True)

    def attempt(self, what: str, measure) -> object:
        print(f"{what} …", file=sys.stderr, flush=True)
        try:
            found = measure()
            self.result[what] = found
            return found
        except (NotMeasured, subprocess.SubprocessError, OSError, KeyError, ValueError) as reason:
            self.row(what, f"not measured: {reason_of(reason)}")
            return None

    def show(self) -> None:
        print(f"\n{machine()}")
        if os.getloadavg()[0] > len(os.sched_getaffinity(0)) + 1:
            print("Others used this machine meanwhile: the figures are worse than they should be.")
        print()
        widths = [max(len(row[column]) for row in self.rows) for column in range(4)]
        for row in self.rows:
            print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())


def reason_of(reason: Exception) -> str:
    if isinstance(reason, subprocess.CalledProcessError):
        lines = (reason.stderr or b"").decode(errors="replace").strip().splitlines()
        # Rust says what is wrong first and Python last, each with a trace.
        said = [line for line in lines if line.startswith("Error: ")] or lines[-1:]
        return said[0][:200] if said else f"exit code {reason.returncode}"
    return str(reason)[:200] or type(reason).__name__


def machine() -> str:
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    load = os.getloadavg()[0]
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, {platform.system()} {platform.release()}, load {load:.1f}"


def build() -> None:
    subprocess.run(
        ["cargo", "build", "--release", "--quiet", "-p", "tidemark-bench", "-p", "tidemark-local",
         "--bins"], cwd=ROOT, check=True,
    )


def program(name: str) -> str:
    return str(TIDEMARK.with_name(name))


def install_exchangelib() -> None:
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", str(TOOLS / "python")], check=True)
    subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet",
                    "--disable-pip-version-check", EXCHANGELIB], check=True, stdout=sys.stderr)


def install_ews_javascript_api() -> None:
    if not (NODE_MODULES / "ews-javascript-api").exists():
        (TOOLS / "node").mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund",
                        "--prefix", str(TOOLS / "node"), EWS_JAVASCRIPT_API],
                       check=True, stdout=sys.stderr)


def run_json(command: list[str], **variables: str):
    done = subprocess.run(command, env=os.environ | variables, check=True, capture_output=True)
    return json.loads(done.stdout)


def speed(found) -> str:
    items, megabytes = found["itemsPerSecond"], found["megabytesPerSecond"]
    return (f"{items['median']:,.0f} items/s ({items['min']:,.0f} to {items['max']:,.0f}), "
            f"{megabytes['median']:,.1f} MB/s")


def bench_decode(report: Report, items: int) -> None:
    with tempfile.TemporaryDirectory() as pages:
        ours = report.attempt("decoding, Tidemark", lambda: run_json(
            [program("decode"), str(items), "15", pages]))
        if not ours:
            return

        def exchangelib():
            install_exchangelib()
            return run_json([str(PYTHON), str(HERE / "peers/decode_exchangelib.py"), pages, "5"])

        def javascript():
            install_ews_javascript_api()
            peer = str(HERE / "peers/decode_ews_javascript_api.js")
            return run_json(["node", peer, pages, "5"], NODE_PATH=str(NODE_MODULES))

        python = report.attempt("decoding, exchangelib", exchangelib)
        node = report.attempt("decoding, ews-javascript-api", javascript)
    rate = ours["model"]["itemsPerSecond"]["median"]
    report.row("decoding to the model, Tidemark", speed(ours["model"]))
    if python:
        factor = rate / python["model"]["itemsPerSecond"]["median"]
        report.row("  exchangelib 5.6.0, the same bytes", speed(python["model"]))
        report.row("  Tidemark against exchangelib", f"{factor:,.0f} times",
                   f"{TIMES_EXCHANGELIB} times", factor >= TIMES_EXCHANGELIB)
    if node:
        factor = rate / node["model"]["itemsPerSecond"]["median"]
        report.row("  ews-javascript-api 0.15.3, the same bytes", speed(node["model"]))
        report.row("  Tidemark against ews-javascript-api", f"{factor:,.0f} times")
    share = rate / ours["tokens"]["itemsPerSecond"]["median"]
    report.row("  quick-xml, tokens only", speed(ours["tokens"]))
    report.row("  Tidemark against tokens only", f"{share:.0%}", f"{SHARE_OF_TOKENS:.0%}",
               share >= SHARE_OF_TOKENS)


def first_sync(simulator: Simulator, items: int, seconds: float):
    with tempfile.TemporaryDirectory() as folder:
        with Connector(simulator, Path(folder)) as connector:
            took = connector.wait_until_synced(seconds)
            copied = connector.peak_megabytes()
            seen = 0

            def count(changes):
                nonlocal seen
                # That the mailbox is copied is told as well, and is no item.
                seen += sum(change["type"].endswith(".created") for change in changes)

            connector.drain_feed(count)
            if seen != items:
                raise NotMeasured(f"{seen} of {items} items stand in the feed")
            return {"items": items, "seconds": took, "itemsPerSecond": items / took,
                    "peakMegabytes": copied,
                    "peakMegabytesAfterFeed": connector.peak_megabytes()}


def bench_first_sync(report: Report, small: int, large: int) -> None:
    with Simulator() as simulator:
        simulator.fill(small)
        ours = report.attempt(f"first sync of {small:,} items, Tidemark",
                              lambda: first_sync(simulator, small, 600))

        def exchangelib():
            install_exchangelib()
            return run_json([str(PYTHON), str(HERE / "peers/first_sync_exchangelib.py"),
                             f"{simulator.url}/EWS/Exchange.asmx", OWNER, PASSWORD])

        peer = report.attempt(f"first sync of {small:,} items, exchangelib", exchangelib)
        if ours:
            report.row(f"first sync of {small:,} items, Tidemark (reads, writes down, feeds)",
                       f"{ours['itemsPerSecond']:,.0f} items/s, {ours['seconds']:.1f} s")
        if peer:
            report.row("  exchangelib 5.6.0, the same reads only",
                       f"{peer['itemsPerSecond']:,.0f} items/s, {peer['seconds']:.1f} s")
        if ours:
            report.row(f"  peak memory of the connector, {small:,} items",
                       f"{ours['peakMegabytes']:.1f} MB")
        if not ours or not large:
            report.row(f"  peak memory of the connector, {large or LARGE:,} items",
                       "not measured", f"within {MEMORY_MEGABYTES} MB")
            return
        simulator.fill(large - small)
        whole = report.attempt(f"first sync of {large:,} items, Tidemark",
                               lambda: first_sync(simulator, large, 3_600))
        if whole:
            more = whole["peakMegabytes"] - ours["peakMegabytes"]
            report.row(f"  peak memory of the connector, {large:,} items",
                       f"{whole['peakMegabytes']:.1f} MB ({more:+.1f})",
                       f"within {MEMORY_MEGABYTES} MB", more <= MEMORY_MEGABYTES)


def latency(simulator: Simulator, connector: Connector, changes: int):
    connector.wait_until_synced(60)
    listener = Listener(connector, connector.drain_feed())
    listener.start()
    times = []
    try:
        for number in range(changes):
            title = f"bench {number}"
            sent = time.monotonic()
            simulator.create({"subject": title, "start": "2026-03-02T08:00:00Z",
                              "end": "2026-03-02T08:15:00Z"})
            times.append(listener.wait_for(title, 30) - sent)
    finally:
        listener.stopping = True
    times.sort()
    rank = lambda percent: times[max(0, -(-len(times) * percent // 100) - 1)]
    return {"changes": changes, "p50": rank(50), "p99": rank(99), "max": times[-1]}


def intake(simulator: Simulator, connector: Connector, pushes: int):
    listed = simulator.api.get("/_sim/subscriptions")["subscriptions"]
    pushed = [one for one in listed if one["kind"] == "push" and one["mailbox"] == OWNER]
    if not pushed:
        raise NotMeasured("there is no push subscription")
    path = urlsplit(pushed[0]["url"]).path
    return run_json([program("intake"), f"127.0.0.1:{connector.port}", path, pushed[0]["id"],
                     str(pushes), str(CONNECTIONS)])


def bench_live(report: Report, changes: int, pushes: int) -> None:
    with Simulator() as simulator, tempfile.TemporaryDirectory() as folder:
        with Connector(simulator, Path(folder)) as connector:
            seen = report.attempt("change in Exchange to feed",
                                  lambda: latency(simulator, connector, changes))
            if seen:
                report.row(f"change in Exchange to feed, p50 of {changes}",
                           f"{seen['p50'] * 1000:,.0f} ms", f"{P50_SECONDS * 1000:.0f} ms",
                           seen["p50"] < P50_SECONDS)
                report.row("  p99", f"{seen['p99'] * 1000:,.0f} ms",
                           f"{P99_SECONDS * 1000:,.0f} ms", seen["p99"] < P99_SECONDS)
            taken = report.attempt("notification intake",
                                   lambda: intake(simulator, connector, pushes))
            if taken:
                report.row("notification intake, each committed before its answer",
                           f"{taken['requestsPerSecond']:,.0f} requests/s on "
                           f"{taken['connections']} connections, {taken['refused']:,} of "
                           f"{taken['requests']:,} refused")
                report.row("  p50, p99", f"{taken['p50Milliseconds']:.1f} ms, "
                           f"{taken['p99Milliseconds']:.1f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["decode", "live", "first-sync", "start"], action="append")
    parser.add_argument("--quick", action="store_true",
                        help="fewer items, and no calendar of 100,000")
    parser.add_argument("--no-build", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    parts = options.only or ["decode", "live", "first-sync", "start"]
    if not options.no_build:
        build()
    report = Report()
    quick = options.quick
    if "decode" in parts:
        bench_decode(report, 500 if quick else DECODED_ITEMS)
    if "live" in parts:
        report.attempt("live", lambda: bench_live(
            report, 50 if quick else CHANGES, 1_000 if quick else PUSHES))
    if "first-sync" in parts:
        report.attempt("first sync", lambda: bench_first_sync(
            report, 1_000 if quick else SMALL, 0 if quick else LARGE))
    if "start" in parts:
        report.attempt("functions", lambda: start.bench(report))
    report.show()
    if options.json:
        options.json.write_text(json.dumps({"machine": machine()} | report.result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
