#!/usr/bin/env python3
"""exchangelib decodes the pages that `decode` left in a directory.

Its own service classes parse the bytes, without a network: what is timed is the XML parser, the
search for the response messages and the conversion to exchangelib's items. Prints one JSON object.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from exchangelib import EWSTimeZone
from exchangelib.services import GetItem, SyncFolderItems
from exchangelib.version import EXCHANGE_2016, Version


def account():
    """As much of an account as parsing looks at."""
    version = Version(build=EXCHANGE_2016)
    protocol = SimpleNamespace(config=SimpleNamespace(version=version), version=version, credentials=None)
    return SimpleNamespace(
        protocol=protocol, version=version, default_timezone=EWSTimeZone("Europe/Berlin"),
        primary_smtp_address="alex@tidemark.example", identity=None,
    )


def decode(pages, services) -> int:
    items = 0
    for kind, content in pages:
        for found in services[kind]().parse(content):
            if isinstance(found, Exception):
                raise found
            if kind == "items":
                # An item that was not understood would have no start.
                assert found.start is not None and found.subject
                items += 1
    return items


def main() -> None:
    directory, runs = Path(sys.argv[1]), int(sys.argv[2])
    pages = [
        (path.stem.split("-")[1], path.read_bytes()) for path in sorted(directory.glob("*.xml"))
    ]
    size = sum(len(content) for _, content in pages)
    owner = account()
    services = {
        "items": lambda: GetItem(account=owner),
        "changes": lambda: SyncFolderItems(account=owner),
    }
    items = decode(pages, services)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        decode(pages, services)
        times.append(time.perf_counter() - start)
    print(json.dumps({"items": items, "bytes": size, "runs": runs,
                      "model": {"itemsPerSecond": rates(items, times),
                                "megabytesPerSecond": rates(size / 1e6, times)}}))


def rates(amount: float, times: list[float]) -> dict[str, float]:
    return {"min": amount / max(times), "median": amount / statistics.median(times),
            "max": amount / min(times)}


if __name__ == "__main__":
    main()
