#!/usr/bin/env python3
"""Microsoft's Graph SDK decodes the pages that `decode_graph` left in a directory.

Its own parse node makes the answer of `calendarView/delta` out of the bytes, without a network: what
is timed is the JSON parser and the making of the SDK's `Event` objects. Prints one JSON object.
"""

import json
import statistics
import sys
import time
from pathlib import Path

from kiota_serialization_json.json_parse_node_factory import JsonParseNodeFactory
from msgraph.generated.users.item.calendar_view.delta.delta_get_response import DeltaGetResponse


def decode(pages) -> int:
    entries = 0
    for content in pages:
        node = JsonParseNodeFactory().get_root_parse_node("application/json", content)
        page = node.get_object_value(DeltaGetResponse)
        for event in page.value:
            # An event that was not understood would have neither.
            assert event.id and event.start.date_time
            entries += 1
    return entries


def main() -> None:
    directory, runs = Path(sys.argv[1]), int(sys.argv[2])
    pages = [path.read_bytes() for path in sorted(directory.glob("*.json"))]
    size = sum(len(content) for content in pages)
    entries = decode(pages)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        decode(pages)
        times.append(time.perf_counter() - start)
    print(json.dumps({"items": entries, "bytes": size, "runs": runs,
                      "model": {"itemsPerSecond": rates(entries, times),
                                "megabytesPerSecond": rates(size / 1e6, times)}}))


def rates(amount: float, times: list[float]) -> dict[str, float]:
    return {"min": amount / max(times), "median": amount / statistics.median(times),
            "max": amount / min(times)}


if __name__ == "__main__":
    main()
