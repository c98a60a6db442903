#!/usr/bin/env python3
"""`make bench`: builds, installs the peers below .tools/, measures, prints one table.

Everything runs on this machine over loopback, one measurement after the other. What could not be
measured is told with the reason, and is not a goal that was met. docs/benchmarks.md says what each
figure is.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import start
from figures import Report, machine, speed
from install import (
    build, program, run_ews_javascript_api, run_exchangelib, run_json, run_msgraph_sdk,
)
from stage import (
    CLIENT, CLIENT_SECRET, EWS, GRAPH, OWNER, PASSWORD, TENANT, Connector, Listener, NotMeasured,
    Simulator, quarter,
)

DECODED_ITEMS = 2_000
SMALL, LARGE = 10_000, 100_000
CHANGES = 200
PUSHES, CONNECTIONS = 5_000, 8
# Goals of the product.
TIMES_EXCHANGELIB, SHARE_OF_TOKENS = 100, 0.5
TIMES_MSGRAPH_SDK, SHARE_OF_TREE = 50, 0.6
MEMORY_MEGABYTES = 8
P50_SECONDS, P99_SECONDS = 0.150, 1.0


def bench_decode(report: Report, items: int) -> None:
    with tempfile.TemporaryDirectory() as pages:
        ours = report.attempt("decoding EWS, Tidemark", lambda: run_json(
            [program("decode"), str(items), "15", pages]))
        if not ours:
            return
        python = report.attempt("decoding EWS, exchangelib", lambda: run_exchangelib(
            "decode_exchangelib.py", pages, "5"))
        node = report.attempt("decoding EWS, ews-javascript-api", lambda: run_ews_javascript_api(
            "decode_ews_javascript_api.js", pages, "5"))
    report.row("decoding EWS to the model, Tidemark", speed(ours["model"]))
    if python:
        report.row("  exchangelib 5.6.0, the same bytes", speed(python["model"]))
        report.times("  Tidemark against exchangelib", ours["model"], python["model"],
                     TIMES_EXCHANGELIB)
    if node:
        report.row("  ews-javascript-api 0.15.3, the same bytes", speed(node["model"]))
        report.times("  Tidemark against ews-javascript-api", ours["model"], node["model"])
    report.row("  quick-xml, tokens only", speed(ours["tokens"]))
    report.share("  Tidemark against tokens only", ours["model"], ours["tokens"], SHARE_OF_TOKENS)


def bench_decode_graph(report: Report, items: int) -> None:
    with tempfile.TemporaryDirectory() as pages:
        ours = report.attempt("decoding Graph, Tidemark", lambda: run_json(
            [program("decode_graph"), str(items), "15", pages]))
        if not ours:
            return
        sdk = report.attempt("decoding Graph, msgraph-sdk", lambda: run_msgraph_sdk(
            "decode_msgraph_sdk.py", pages, "3"))
    report.row("decoding Graph to the model, Tidemark", speed(ours["model"]))
    if sdk:
        report.row("  msgraph-sdk 1.65.0 for Python, the same bytes", speed(sdk["model"]))
        report.times("  Tidemark against msgraph-sdk", ours["model"], sdk["model"],
                     TIMES_MSGRAPH_SDK)
    report.row("  serde_json to its own tree", speed(ours["tree"]))
    report.share("  Tidemark against the tree", ours["model"], ours["tree"], SHARE_OF_TREE)
    report.row("  serde_json, skimmed and nothing kept", speed(ours["skim"]))
    report.share("  Tidemark against skimming", ours["model"], ours["skim"])
    report.row("  ids and versions alone, Tidemark", speed(ours["heads"]))


def first_sync(simulator: Simulator, wire: str, items: int, seconds: float):
    with tempfile.TemporaryDirectory() as folder:
        with Connector(simulator, Path(folder), wire) as connector:
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


def first_sync_of_peer(simulator: Simulator, wire: str):
    if wire == EWS:
        return run_exchangelib("first_sync_exchangelib.py",
                               f"{simulator.url}/EWS/Exchange.asmx", OWNER, PASSWORD)
    return run_msgraph_sdk("first_sync_msgraph_sdk.py", simulator.url, TENANT, CLIENT,
                           CLIENT_SECRET, OWNER)


def bench_first_sync(report: Report, wire: str, sizes: list[int]) -> None:
    """The first of the sizes is measured beside a peer, the others for their memory."""
    peer_name = {EWS: "exchangelib 5.6.0, the same reads only",
                 GRAPH: "msgraph-sdk 1.65.0, the pages of changes only"}[wire]
    filled, smallest = 0, None
    with Simulator() as simulator:
        simulator.lift_limits()
        for items in sizes:
            simulator.fill(items - filled, filled)
            filled = items
            found = report.attempt(f"first sync of {items:,} items over {wire}, Tidemark",
                                   lambda: first_sync(simulator, wire, items, 3_600))
            if found:
                report.row(f"first sync of {items:,} items over {wire}, Tidemark",
                           f"{found['itemsPerSecond']:,.0f} items/s, {found['seconds']:.1f} s")
            if items == sizes[0]:
                peer = report.attempt(f"first sync of {items:,} items over {wire}, peer",
                                      lambda: first_sync_of_peer(simulator, wire))
                if peer:
                    report.row(f"  {peer_name}",
                               f"{peer['itemsPerSecond']:,.0f} items/s, {peer['seconds']:.1f} s")
            if not found:
                continue
            smallest = smallest or found
            more = found["peakMegabytes"] - smallest["peakMegabytes"]
            what = f"  peak memory of the connector, {items:,} items"
            if items == sizes[0]:
                report.row(what, f"{found['peakMegabytes']:.1f} MB")
            else:
                report.row(what, f"{found['peakMegabytes']:.1f} MB ({more:+.1f})",
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
            simulator.create(quarter(0) | {"subject": title})
            times.append(listener.wait_for(title, 30) - sent)
    finally:
        listener.stopping = True
    times.sort()
    rank = lambda percent: times[max(0, -(-len(times) * percent // 100) - 1)]
    return {"changes": changes, "p50": rank(50), "p99": rank(99), "max": times[-1]}


def subscription(simulator: Simulator, wire: str) -> list[str]:
    """Where a subscription is told of changes, its id, and with Graph its client state."""
    if wire == EWS:
        listed = simulator.api.get("/_sim/subscriptions")["subscriptions"]
        found = [(one["url"], one["id"], []) for one in listed
                 if one["kind"] == "push" and one["mailbox"] == OWNER]
    else:
        listed = simulator.api.get("/_sim/graph/subscriptions")["subscriptions"]
        found = [(one["notificationUrl"], one["id"], [one["clientState"]]) for one in listed]
    if not found:
        raise NotMeasured("there is no push subscription")
    url, number, state = found[0]
    return [urlsplit(url).path, number, *state]


def intake(simulator: Simulator, connector: Connector, wire: str, pushes: int):
    path, number, *state = subscription(simulator, wire)
    return run_json([program("intake"), f"127.0.0.1:{connector.port}", path, number,
                     str(pushes), str(CONNECTIONS), *state])


def bench_live(report: Report, wire: str, changes: int, pushes: int) -> None:
    with Simulator() as simulator, tempfile.TemporaryDirectory() as folder:
        with Connector(simulator, Path(folder), wire) as connector:
            seen = report.attempt(f"change in Exchange to feed over {wire}",
                                  lambda: latency(simulator, connector, changes))
            if seen:
                report.row(f"change in Exchange to feed over {wire}, p50 of {changes}",
                           f"{seen['p50'] * 1000:,.0f} ms", f"{P50_SECONDS * 1000:.0f} ms",
                           seen["p50"] < P50_SECONDS)
                report.row("  p99", f"{seen['p99'] * 1000:,.0f} ms",
                           f"{P99_SECONDS * 1000:,.0f} ms", seen["p99"] < P99_SECONDS)
            taken = report.attempt(f"notification intake over {wire}",
                                   lambda: intake(simulator, connector, wire, pushes))
            if taken:
                report.row(f"notification intake over {wire}, each committed before its answer",
                           f"{taken['requestsPerSecond']:,.0f} requests/s on "
                           f"{taken['connections']} connections, {taken['refused']:,} of "
                           f"{taken['requests']:,} refused")
                report.row("  p50, p99", f"{taken['p50Milliseconds']:.1f} ms, "
                           f"{taken['p99Milliseconds']:.1f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["decode", "live", "first-sync", "start"], action="append")
    parser.add_argument("--wire", choices=[EWS, GRAPH], action="append")
    parser.add_argument("--quick", action="store_true",
                        help="fewer items, and no calendar of 100,000")
    parser.add_argument("--no-build", action="store_true",
                        help="measure what was built and packed before")
    parser.add_argument("--profile", choices=["lambda", "release", "dev"], default="lambda",
                        help="of the functions whose start is measured; goals are those of lambda")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    parts = options.only or ["decode", "live", "first-sync", "start"]
    wires = options.wire or [EWS, GRAPH]
    if not options.no_build and parts != ["start"]:
        build()
    report = Report()
    quick = options.quick
    decoders = {EWS: bench_decode, GRAPH: bench_decode_graph}
    # Over Graph the store and the engine are the same: the large calendar is measured over EWS.
    sizes = {EWS: [SMALL, LARGE], GRAPH: [SMALL]}
    for wire in wires:
        if "decode" in parts:
            decoders[wire](report, 500 if quick else DECODED_ITEMS)
        if "live" in parts:
            report.attempt(f"live over {wire}", lambda: bench_live(
                report, wire, 50 if quick else CHANGES, 1_000 if quick else PUSHES))
        if "first-sync" in parts:
            report.attempt(f"first sync over {wire}", lambda: bench_first_sync(
                report, wire, [1_000] if quick else sizes[wire]))
    if "start" in parts:
        starts = start.STARTS_QUICK if quick else start.STARTS
        report.attempt("functions", lambda: start.bench(report, options.profile, starts, options.no_build))
    report.show()
    if options.json:
        options.json.write_text(json.dumps({"machine": machine()} | report.result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
