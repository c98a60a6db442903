#!/usr/bin/env python3
"""Checks what ARCHITECTURE.md promises about the layers, from `cargo metadata`.

Pure crates reach no runtime, no TLS, no AWS crate, not even through another crate; lower crates
never name higher ones; some foreign crates are named by one crate only.
"""

import json
import subprocess
import sys

PURE = ["model", "jscalendar", "engine", "ews", "graph"]
FORBIDDEN_IN_PURE = ["tokio", "rustls", "aws-lc-sys", "ring", "reqwest", "hyper", "axum"]
# Lower first: a crate may depend only on crates that stand before it.
ORDER = [
    "model", "jscalendar", "engine", "ews", "graph", "world", "transport", "identity", "mailbox", "store",
    "embedded", "business", "intake", "proofs", "delivery", "service", "platform", "lambda", "runtime", "simulator",
    "ews-webhook", "graph-webhook", "sync", "sweep", "deliver", "token-refresh", "api", "local", "scenarios", "bench",
    "bench-minimal",
]
# (foreign crate, the only crates of ours that may name it outside tests)
ONLY = [
    ("reqwest", {"transport", "simulator", "bench", "scenarios"}),
    ("aws-sdk-dynamodb", {"store", "embedded", "platform", "bench-minimal"}),
    ("lambda_runtime", {"lambda", "bench-minimal"}),
    ("lambda_http", {"lambda"}),
    ("dynoxide-rs", {"embedded"}),
]
# Those who reach a mailbox or decide about its items.
MAILBOX = ["tidemark-mailbox", "tidemark-engine", "tidemark-service", "tidemark-runtime"]
# Those who hold its credentials, and a client to use them with.
CLIENT = ["tidemark-identity", "tidemark-transport", "reqwest"]
# What a function has no use for, so that it does not carry it.
NOT_CARRIED = {
    "ews-webhook": [*MAILBOX, *CLIENT],
    # What notifications bring is proved by Microsoft's keys, which have to be fetched.
    "graph-webhook": MAILBOX,
    "deliver": [*MAILBOX, "tidemark-identity", "tidemark-intake", "tidemark-ews", "tidemark-graph"],
}
# What no Lambda function may carry.
NOT_IN_LAMBDA = ["dynoxide-rs", "tidemark-simulator", "rusqlite"]
LAMBDAS = ["ews-webhook", "graph-webhook", "sync", "sweep", "deliver", "token-refresh", "api"]


def main() -> int:
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--locked",
             "--filter-platform", "x86_64-unknown-linux-gnu"],
            check=True, capture_output=True, text=True,
        ).stdout
    )
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    ours = {
        packages[member]["name"].removeprefix("tidemark-"): member
        for member in metadata["workspace_members"]
    }
    problems = []

    def direct(member: str) -> set[str]:
        return {
            dep["pkg"] for dep in nodes[member]["deps"]
            if any(kind["kind"] is None for kind in dep["dep_kinds"])
        }

    def reach(member: str) -> set[str]:
        seen, todo = set(), [member]
        while todo:
            for dep in direct(todo.pop()):
                if dep not in seen:
                    seen.add(dep)
                    todo.append(dep)
        return {packages[dep]["name"] for dep in seen}

    for name in sorted(set(ours) - set(ORDER)):
        problems.append(f"{name}: not in the order of layers; add it to tests/tools/layers.py")
    for name in PURE:
        for foreign in sorted(reach(ours[name]) & set(FORBIDDEN_IN_PURE)):
            problems.append(f"{name} is pure, but reaches {foreign}")
        for foreign in sorted(n for n in reach(ours[name]) if n.startswith("aws-")):
            problems.append(f"{name} is pure, but reaches {foreign}")
    for name, member in ours.items():
        for dep in direct(member):
            short = packages[dep]["name"].removeprefix("tidemark-")
            if dep in ours.values() and ORDER.index(short) >= ORDER.index(name):
                problems.append(f"{name} names {short}, which stands above it")
            for foreign, allowed in ONLY:
                if packages[dep]["name"] == foreign and name not in allowed:
                    problems.append(f"{name} names {foreign}; only {sorted(allowed)} may")
    for name in LAMBDAS:
        for foreign in sorted(reach(ours[name]) & {*NOT_IN_LAMBDA, *NOT_CARRIED.get(name, [])}):
            problems.append(f"the {name} function would carry {foreign}")
    for problem in problems:
        print(f"layers: {problem}", file=sys.stderr)
    if not problems:
        print(f"layers: {len(ours)} crates keep their places")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
