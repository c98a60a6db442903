"""AWS on this machine: MiniStack with IAM enforced, on a free port of the loopback only.

What it does otherwise than AWS, as far as these tests meet it:

- names of addresses that AWS makes are in no DNS: the function URL and the HTTP API are called by paths
  of the emulator's own address, the latter through a line (world.py) that speaks TLS for Exchange;
- it hands messages to `sync` and writes logs by itself, without the function's role: whether the role may
  receive, delete and log is not tried by taking it away;
- it knows no condition keys of sts:GetWebIdentityToken, so that it grants nobody an identity: who misses that
  permission is tried without its conditions;
- functions log as text, since it does not hand on the log format that the template sets;
- alarms are made and not evaluated.
"""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

import boto3
import botocore.config

import certificates
import tools

REGION = "eu-west-1"
START_SECONDS = 30
# Nagle's algorithm costs each of its answers 40 ms.
SITE = "import socketserver\nsocketserver.StreamRequestHandler.disable_nagle_algorithm = True\n"
# What root of the emulator's only account signs with.
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(what: str, look, seconds: float, every: float = 0.1):
    """What `look` gives as soon as it is true. There is no other waiting in these tests."""
    until = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > until:
            raise AssertionError(f"within {seconds:.0f} s there was no {what}")
        time.sleep(every)


class Cloud:
    def __init__(self, folder: Path):
        self.folder = folder
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.log = folder / "cloud.log"
        self.authority, self.certificate, self.key = certificates.make(folder)
        self.trust = ssl.create_default_context(cafile=self.authority)

    def __enter__(self):
        site, temporary = self.folder / "site", self.folder / "cloud"
        site.mkdir()
        temporary.mkdir()
        (site / "sitecustomize.py").write_text(SITE)
        variables = KEYS | {
            "PATH": os.environ["PATH"], "HOME": str(temporary), "TMPDIR": str(temporary),
            "S3_DATA_DIR": str(temporary / "s3"), "PYTHONPATH": str(site),
            "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port), "MINISTACK_HOST": "localhost",
            "MINISTACK_REGION": REGION, "IOT_MTLS_ENABLED": "0", "AUTH": "true",
            # Handed on to the functions, which would call AWS without it.
            "AWS_ENDPOINT_URL": self.url, "SSL_CERT_FILE": str(self.authority),
            "USE_SSL": "1", "MINISTACK_SSL_CERT": str(self.certificate), "MINISTACK_SSL_KEY": str(self.key),
        }
        with self.log.open("wb") as sink:
            self.process = subprocess.Popen([tools.EMULATOR / "bin" / "ministack"], cwd=temporary, env=variables,
                                            stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                                            start_new_session=True)
        wait_for("emulator of AWS", self._answers, START_SECONDS)
        return self

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the emulator ended:\n{self.log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5, context=self.trust) as answer:
                return answer.status == 200
        except OSError:
            return False

    def __exit__(self, *_) -> None:
        # Its functions are in its group.
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def variables(self) -> dict[str, str]:
        """What SAM, the AWS CLI and CDK are to see of AWS: nothing but this."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_CLI_"))}
        return clean | KEYS | {
            "AWS_ENDPOINT_URL": self.url, "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "SAM_CLI_TELEMETRY": "0",
            "AWS_PAGER": "", "AWS_CA_BUNDLE": str(self.authority), "CURL_CA_BUNDLE": str(self.authority),
            "NODE_EXTRA_CA_CERTS": str(self.authority),
        }

    def client(self, service: str):
        retries = botocore.config.Config(retries={"max_attempts": 0}, read_timeout=90)
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, config=retries, verify=str(self.authority),
                            aws_access_key_id="test", aws_secret_access_key="test")

    def says(self, pattern: str, since: int = 0) -> bool:
        """Whether the emulator's own log has a line of this pattern, from a length of it on."""
        return bool(re.search(pattern, self.log.read_bytes()[since:].decode(errors="replace")))

    def said(self) -> int:
        """How long that log is."""
        return self.log.stat().st_size

    def reach(self, url: str) -> str:
        """Where an address that AWS would make is reached here."""
        host, _, path = url.removeprefix("https://").partition("/")
        name, _, kind = host.partition(".")
        place = {"lambda-url": f"lambda-url/{name}", "execute-api": f"execute-api/{name}/$default"}[kind.split(".")[0]]
        return f"{self.url}/_aws/{place}/{path}"


class Logs:
    """What functions have said since `begin`."""

    def __init__(self, cloud: Cloud, stack: str):
        self.client, self.stack = cloud.client("logs"), stack

    def lines(self, function: str, words: str = "", since_ms: int = 0) -> list[str]:
        found, token = [], {}
        group = f"/tidemark/{self.stack}/{function}"
        while True:
            page = self.client.filter_log_events(logGroupName=group, startTime=since_ms, **token)
            found += [event["message"] for event in page["events"] if words in event["message"]]
            if not page.get("nextToken"):
                return found
            token = {"nextToken": page["nextToken"]}

    def keep(self, folder: Path, functions: list[str]) -> None:
        """For whoever looks into what went wrong."""
        for function in functions:
            (folder / f"{function}.log").write_text("\n".join(self.lines(function)))


def now_ms() -> int:
    return int(time.time() * 1000)


def shown(value) -> str:
    return json.dumps(value, indent=1, default=str)
