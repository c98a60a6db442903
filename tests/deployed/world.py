"""What is outside of the deployment: the simulated Exchange, a business system that calls the API and
listens for webhooks, and a slow line to Exchange."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import signal
import socketserver
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import tools
from cloud import wait_for

# What the demo organisation of the simulator is known by.
TENANT, CLIENT = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
# Object id of the app registration.
APPLICATION = "8a7c3f3e-0000-4000-8000-000000000003"
CLIENT_SECRET, PASSWORD, DOMAIN = "sim-secret", "Passw0rd!", "tidemark.example"
START_SECONDS = 30
CALL_SECONDS = 60
ZONE = "Europe/Berlin"


# Who vouches for AWS here.
TRUST: ssl.SSLContext | None = None


def request(method: str, url: str, body=None, **headers: str):
    """One request; its status and what came, as JSON where it is."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, method=method, data=data,
                                   headers={"content-type": "application/json"} | headers)
    try:
        with urllib.request.urlopen(asked, timeout=CALL_SECONDS, context=TRUST if url.startswith("https") else None) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    try:
        return status, json.loads(text) if text else None
    except ValueError:
        return status, text.decode(errors="replace")


class Simulator:
    """The simulated Exchange, on a port of its own, with its control."""

    def __init__(self, folder: Path, program: Path):
        self.log, self.program = folder / "simulator.log", program

    def __enter__(self):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMARK_")}
        with self.log.open("wb") as sink:
            self.process = subprocess.Popen([self.program, "simulator"], env=clean | {"TIDEMARK_SIM_PORT": "0"},
                                            stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True)
        line = wait_for("simulator", self._address, START_SECONDS)
        self.url = "/".join(line.split()[-1].split("/")[:3])
        return self

    def _address(self):
        assert self.process.poll() is None, self.log.read_text()
        return next((line for line in self.log.read_text().splitlines() if line.startswith("simulator")), None)

    def __exit__(self, *_) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def __call__(self, method: str, path: str, body=None):
        status, answer = request(method, f"{self.url}/_sim/{path}", body)
        assert status < 300, (method, path, status, answer)
        return answer

    def add(self, people: list[str]) -> None:
        """Mailboxes beside those of the demo organisation."""
        for person in people:
            self("POST", "mailboxes", {"address": f"{person}@{DOMAIN}"})

    def make(self, person: str, subject: str, day: int, **more) -> int:
        made = self("POST", f"mailboxes/{person}@{DOMAIN}/appointments", {
            "subject": subject, "start": f"2027-03-{day:02}T09:00:00Z", "end": f"2027-03-{day:02}T10:00:00Z"} | more)
        return made["number"]

    def change(self, person: str, number: int, **what) -> None:
        self("PATCH", f"mailboxes/{person}@{DOMAIN}/appointments/{number}", what)

    def subjects(self, person: str) -> list[str]:
        """Of all that is in the mailbox, in order: what is doubled stands there twice."""
        answer = self("GET", f"mailboxes/{person}@{DOMAIN}/items")
        items = answer["items"] if isinstance(answer, dict) else answer
        return sorted(item["subject"] for item in items)

    def users(self, people: list[str]) -> dict[str, str]:
        """Addresses by the ids that Graph has for them."""
        form = {"client_id": CLIENT, "client_secret": CLIENT_SECRET, "grant_type": "client_credentials",
                "scope": f"{self.url}/graph/.default"}
        asked = urllib.request.Request(f"{self.url}/{TENANT}/oauth2/v2.0/token", urllib.parse.urlencode(form).encode())
        with urllib.request.urlopen(asked, timeout=CALL_SECONDS) as answer:
            token = json.load(answer)["access_token"]
        found = {}
        for person in people:
            status, user = request("GET", f"{self.url}/graph/v1.0/users/{person}@{DOMAIN}",
                                   authorization=f"Bearer {token}")
            assert status == 200, (status, user)
            found[user["id"].lower()] = f"{person}@{DOMAIN}"
        return found

    def mails(self) -> int:
        ledger = self("GET", "ledger")
        return len(ledger["mails"] if isinstance(ledger, dict) else ledger)


class Api:
    """Somebody who calls the API with a key."""

    def __init__(self, url: str, key: str):
        self.url, self.key = url, key

    def call(self, method: str, path: str, body=None):
        return request(method, f"{self.url}/v1/{path}", body, authorization=f"Bearer {self.key}")

    def done(self, method: str, path: str, body=None):
        status, answer = self.call(method, path, body)
        assert 200 <= status < 300, (method, path, status, answer)
        return answer

    def put(self, person: str, name: str, title: str, day: int):
        return self.done("PUT", f"mailboxes/{person}@{DOMAIN}/appointments/{name}", {
            "title": title, "start": f"2027-03-{day:02}T11:00:00", "timeZone": ZONE, "duration": "PT1H"})

    def mailbox(self, person: str) -> dict:
        return self.done("GET", f"mailboxes/{person}@{DOMAIN}")

    def items(self, person: str) -> list[dict]:
        found, query = [], ""
        while True:
            page = self.done("GET", f"mailboxes/{person}@{DOMAIN}/appointments{query}")
            found += page["items"]
            if not page.get("next"):
                return found
            query = "?" + urllib.parse.urlencode({"after": page["next"]})


class Feed:
    """The change feed from now on, read as business systems do: each poll waits until there is news."""

    POLL_SECONDS = 10

    def __init__(self, api: Api):
        self.api, self.cursor, self.entries = api, None, []
        while self._pull(0):
            pass
        self.entries.clear()

    def _pull(self, wait: int) -> list[dict]:
        query = {"wait": wait} | ({"after": self.cursor} if self.cursor else {})
        page = self.api.done("GET", "changes?" + urllib.parse.urlencode(query))
        self.cursor = page["cursor"]
        self.entries += page["changes"]
        return page["changes"]

    def wait(self, what: str, matches, seconds: float) -> dict:
        until = time.monotonic() + seconds
        while True:
            for entry in self.entries:
                if matches(entry):
                    return entry
            if time.monotonic() > until:
                raise AssertionError(f"within {seconds:.0f} s the feed did not bring {what}: {self.entries}")
            self._pull(self.POLL_SECONDS)

    def rest(self) -> list[dict]:
        """All that has come, and what is there at this moment."""
        while self._pull(0):
            pass
        return self.entries


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_) -> None:
        """A caller that Lambda has stopped leaves its connection cut off."""

    def __exit__(self, *_) -> None:
        self.shutdown()
        self.server_close()


class Listener(_Server):
    """Takes webhooks. It refuses the first `refusals` of them."""

    def __init__(self, refusals: int = 0):
        self.refusals, self.taken, self.refused, self.secret = refusals, [], 0, None
        super().__init__(_Listening)

    def is_signed(self, headers, body: bytes) -> bool:
        """As Standard Webhooks has it."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        wanted = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        return wanted in headers["webhook-signature"].split()


class _Listening(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        if self.server.refusals > 0:
            self.server.refusals -= 1
            self.server.refused += 1
            status = 503
        else:
            status = 204 if self.server.is_signed(self.headers, body) else 401
            if status == 204:
                self.server.taken.append((self.headers["webhook-id"], json.loads(body)))
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_) -> None:
        pass


class Line(_Server):
    """A line between Exchange and the deployment. Answers can be held back on it: the request arrives, its
    answer does not."""

    def __init__(self, target: str):
        self.lead_to(target)
        self.held_operation, self.held, self.free = b"", 0, threading.Event()
        super().__init__(_Passing)

    def lead_to(self, target: str) -> None:
        self.target = urllib.parse.urlsplit(target)

    def hold(self, operation: str) -> None:
        """The next answer to such an operation of EWS comes when `free` is set."""
        self.held_operation = operation.encode()

    def holds(self, body: bytes) -> bool:
        found = bool(self.held_operation) and re.search(rb"<(\w+:)?" + self.held_operation + rb"\b", body)
        if found:
            self.held_operation = b""
            self.held += 1
        return bool(found)

    def pass_on(self, method: str, path: str, headers: dict, body: bytes):
        kind = http.client.HTTPConnection
        options = {}
        if self.target.scheme == "https":
            kind, options = http.client.HTTPSConnection, {"context": TRUST}
        there = kind(self.target.netloc, timeout=CALL_SECONDS, **options)
        there.request(method, self.target.path + path, body, headers)
        answer = there.getresponse()
        said = answer.read()
        there.close()
        return answer, said


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    HOLD_SECONDS = 120

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        answer, said = self.server.pass_on("POST", self.path, headers, body)
        if self.server.holds(body):
            self.server.free.wait(self.HOLD_SECONDS)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_) -> None:
        pass
