"""The table of figures: rows as they come, goals, and on what machine."""

import os
import platform
import subprocess
import sys
from pathlib import Path

from stage import NotMeasured


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

    def times(self, what: str, ours, peer, goal: int | None = None) -> None:
        """How many times faster than a peer; with a goal, whether it is met."""
        factor = ours["itemsPerSecond"]["median"] / peer["itemsPerSecond"]["median"]
        if goal is None:
            self.row(what, f"{factor:,.0f} times")
        else:
            self.row(what, f"{factor:,.0f} times", f"{goal} times", factor >= goal)

    def share(self, what: str, ours, limit, goal: float | None = None) -> None:
        """Which share of a limit; with a goal, whether it is met."""
        share = ours["itemsPerSecond"]["median"] / limit["itemsPerSecond"]["median"]
        if goal is None:
            self.row(what, f"{share:.0%}")
        else:
            self.row(what, f"{share:.0%}", f"{goal:.0%}", share >= goal)

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


def speed(found) -> str:
    items, megabytes = found["itemsPerSecond"], found["megabytesPerSecond"]
    return (f"{items['median']:,.0f} items/s ({items['min']:,.0f} to {items['max']:,.0f}), "
            f"{megabytes['median']:,.1f} MB/s")
