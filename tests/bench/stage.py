"""The programs that a benchmark runs against: started here, stopped here, reached over loopback."""

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
TIDEMARK = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "tidemark"
OWNER = "alex@tidemark.example"
PASSWORD = "Passw0rd!"
API_KEY = "bench-key-of-this-machine"
# The simulator's directory, and the application that may read its mailboxes.
TENANT = "00000000-0000-4000-8000-000000000001"
CLIENT = "00000000-0000-4000-8000-000000000002"
CLIENT_SECRET = "sim-secret"
EWS, GRAPH = "EWS", "Graph"
# How long a program may take to end before it is killed.
STOP_SECONDS = 10


class NotMeasured(Exception):
    """Why a measurement could not be made."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Api:
    """JSON over one kept connection."""

    def __init__(self, port: int, key: str | None = None):
        self.port = port
        self.headers = {"authorization": f"Bearer {key}"} if key else {}
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method: str, path: str, body=None) -> tuple[int, object]:
        content = None if body is None else json.dumps(body).encode()
        headers = self.headers | ({"content-type": "application/json"} if content else {})
        try:
            self.connection.request(method, path, content, headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        try:
            return answer.status, json.loads(text) if text else None
        except ValueError:
            return answer.status, None

    def get(self, path: str):
        status, body = self.ask("GET", path)
        if status != 200:
            raise NotMeasured(f"GET {path.split('?')[0]} answered {status}")
        return body


class Program:
    """A process of `tidemark`; its output is kept for the report of a failure."""

    def __init__(self, arguments: list[str], variables: dict[str, str]):
        if not TIDEMARK.exists():
            raise NotMeasured("the release binary tidemark was not built")
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [str(TIDEMARK), *arguments], env=os.environ | variables, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True,
        )

    def check(self) -> None:
        if self.process.poll() is not None:
            self.log.seek(0)
            lines = self.log.read().decode(errors="replace").splitlines()
            raise NotMeasured(f"tidemark ended by itself: {' / '.join(lines[-3:])[:300]}")

    def peak_megabytes(self) -> float:
        """Largest resident memory so far (VmHWM, proc(5)); in units of 10^6 bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise NotMeasured("the kernel does not tell the peak of memory")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def quarter(number: int) -> dict[str, str]:
    """A quarter of an hour from tomorrow on: what Graph tells of lies in a window around today."""
    start = (int(time.time()) // 86_400 + 1) * 86_400 + number * 900
    name = lambda seconds: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    return {"start": name(start), "end": name(start + 900)}


class Simulator(Program):
    """The simulated Exchange in a process of its own."""

    def __init__(self):
        self.port = free_port()
        super().__init__(["simulator"], {"TIDEMARK_SIM_PORT": str(self.port)})
        self.api = Api(self.port)
        wait_until(self, lambda: self.api.ask("GET", "/_sim/health")[0] == 200, 10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def create(self, body: dict) -> int:
        status, answer = self.api.ask("POST", f"/_sim/mailboxes/{OWNER}/appointments", body)
        if status != 200:
            raise NotMeasured(f"the simulator answered {status} to a new appointment")
        return answer["number"]

    def lift_limits(self) -> None:
        """Lets an application ask a mailbox over Graph more often than 10,000 times in 10 minutes."""
        self.api.ask("PUT", "/_sim/graph", {"requestsMax": 10_000_000})

    def fill(self, items: int, first: int = 0) -> None:
        """Appointments, a quarter of an hour after the other, with bodies of 0 to 1.5 KB."""
        for number in range(first, first + items):
            self.create(quarter(number) | {
                "subject": f"Review {number}",
                "location": f"Room {number % 40}",
                "body": "The harbour master and the pilots meet. " * (number % 4 * 12),
            })


def access(simulator: Simulator, wire: str) -> dict:
    """How the connector reaches the mailbox, as its configuration file says it."""
    if wire == EWS:
        return {"url": f"{simulator.url}/EWS/Exchange.asmx", "account": "svc@tidemark.example",
                "password": {"variable": "TIDEMARK_BENCH_PASSWORD"}, "impersonate": True}
    cloud = {"other": {"authority": simulator.url, "graph": f"{simulator.url}/graph"}}
    return {"graph": {"tenant": TENANT, "client": CLIENT, "cloud": cloud,
                      "credential": {"secret": {"variable": "TIDEMARK_BENCH_SECRET"}}}}


class Connector(Program):
    """The connector in a process of its own, for one mailbox of a simulator, over EWS or Graph."""

    def __init__(self, simulator: Simulator, folder: Path, wire: str):
        self.port = free_port()
        settings = folder / "tidemark.json"
        settings.write_text(json.dumps({
            "organisation": {"id": "bench", "name": "Bench", "domains": ["tidemark.example"],
                             "allowedNetworks": ["127.0.0.0/8"]},
            "systems": [{"id": "bench", "name": "Bench", "apiKeys": [
                {"label": "bench", "roles": ["administrator", "integrator"],
                 "key": {"variable": "TIDEMARK_BENCH_KEY"}}]}],
            "connections": [access(simulator, wire) | {
                "name": "Simulator", "notifications": "push",
                "mailboxes": [{"address": OWNER, "timeZone": "Europe/Berlin", "system": "bench"}],
            }],
        }))
        data = folder / "data"
        data.mkdir(exist_ok=True)
        self.started = time.monotonic()
        super().__init__(["local", "--config", str(settings)], {
            "TIDEMARK_API_PORT": str(self.port), "TIDEMARK_DATA": str(data),
            "TIDEMARK_BENCH_KEY": API_KEY, "TIDEMARK_BENCH_PASSWORD": PASSWORD,
            "TIDEMARK_BENCH_SECRET": CLIENT_SECRET,
        })
        self.api = Api(self.port, API_KEY)

    def wait_until_synced(self, seconds: float) -> float:
        """Waits for the first copy; gives the seconds since the start of the process."""
        wait_until(self, lambda: self.api.ask("GET", "/health")[0] == 200, seconds)
        return time.monotonic() - self.started

    def drain_feed(self, on_changes=lambda changes: None, cursor: str | None = None) -> str:
        """Reads the feed to its end; gives the cursor there."""
        while True:
            after = f"after={quote(cursor)}&" if cursor else ""
            page = self.api.get(f"/v1/changes?{after}wait=0")
            cursor = page["cursor"]
            if not page["changes"]:
                return cursor
            on_changes(page["changes"])


class Listener(threading.Thread):
    """A business system that long-polls the feed and notes when each title arrives."""

    def __init__(self, connector: Connector, cursor: str):
        super().__init__(daemon=True)
        self.api = Api(connector.port, API_KEY)
        self.cursor = cursor
        self.arrived: dict[str, float] = {}
        self.news = threading.Condition()
        self.failure: Exception | None = None
        self.stopping = False

    def run(self) -> None:
        try:
            while not self.stopping:
                page = self.api.get(f"/v1/changes?after={quote(self.cursor)}&wait=20")
                now = time.monotonic()
                self.cursor = page["cursor"]
                with self.news:
                    for change in page["changes"]:
                        item = change["data"].get("item") or {}
                        self.arrived.setdefault(item.get("title", ""), now)
                    self.news.notify_all()
        except (NotMeasured, OSError, http.client.HTTPException) as failure:
            with self.news:
                self.failure = failure
                self.news.notify_all()

    def wait_for(self, title: str, seconds: float) -> float:
        with self.news:
            known = lambda: title in self.arrived or self.failure
            if not self.news.wait_for(known, seconds):
                raise NotMeasured(f"a change did not reach the feed within {seconds:.0f} s")
            if title not in self.arrived:
                raise NotMeasured(f"the feed failed: {self.failure}")
            return self.arrived[title]


def wait_until(program: Program, condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        program.check()
        try:
            if condition():
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.02)
    raise NotMeasured(f"it was not ready after {seconds:.0f} s")
