#!/usr/bin/env python3
"""Lets an OAuth server that is not ours judge how the product asks for tokens.

usage: oauth.py BINARY ENTRY FOLDER
  BINARY  the program `tidemark`
  ENTRY   entry file of the package oidc-provider
  FOLDER  where keys, configuration and logs may be put

`tidemark doctor` asks for a token for each connection of a file, with the code that serves everything
else too. Judged is: the client credentials grant with a secret and with a certificate (PS256, `aud`
the token endpoint, `jti` new each time, `x5t#S256`), the second credential where the first is refused,
and what is said where all are. Not judged is the assertion of another issuer (federation): the package
takes assertions only that the client itself issued.
"""

import base64
import datetime
import hashlib
import json
import pathlib
import queue
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

TENANT = "00000000-0000-4000-8000-00000000000a"
GRAPH = "http://127.0.0.1:9"  # The discard port: nothing listens there, and no token is sent on.
SCOPE = f"{GRAPH}/.default"
SECONDS = 120


def client_id(number: int) -> str:
    return f"00000000-0000-4000-8000-0000000001{number:02x}"


SECRET, CERTIFICATE, TWO, FORGED, MISSING = (client_id(number) for number in range(5))


def url_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """A certificate with its key."""

    def __init__(self):
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tidemark judge")])
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number(),
                                          now - datetime.timedelta(hours=1), now + datetime.timedelta(days=90))
        self.certificate = builder.sign(self.key, hashes.SHA256())

    def pem(self) -> str:
        key = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                     serialization.NoEncryption())
        return (key + self.certificate.public_bytes(serialization.Encoding.PEM)).decode()

    def thumbprint(self) -> str:
        return url_text(hashlib.sha256(self.certificate.public_bytes(serialization.Encoding.DER)).digest())

    def web_key(self) -> dict:
        numbers = self.key.public_key().public_numbers()
        return {"kty": "RSA", "use": "sig", "alg": "PS256", "n": url_text(numbers.n.to_bytes(256, "big")),
                "e": url_text(numbers.e.to_bytes(3, "big"))}


def client(name: str, **how) -> dict:
    return {"client_id": name, "grant_types": ["client_credentials"], "redirect_uris": [], "response_types": [],
            "scope": SCOPE, **how}


def with_secret(name: str, secret: str) -> dict:
    return client(name, token_endpoint_auth_method="client_secret_post", client_secret=secret)


def with_key(name: str, key: Key) -> dict:
    return client(name, token_endpoint_auth_method="private_key_jwt", token_endpoint_auth_signing_alg="PS256",
                  jwks={"keys": [key.web_key()]})


class Server:
    """The OAuth server, as long as it is asked."""

    def __init__(self, entry: str, configuration: pathlib.Path):
        script = pathlib.Path(__file__).with_name("oauth.cjs")
        self.process = subprocess.Popen(["node", script, entry, configuration], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lines: queue.Queue = queue.Queue()
        threading.Thread(target=self.read, args=(lines,), daemon=True).start()
        told = []
        while True:
            line = lines.get(timeout=SECONDS)
            if line is None:
                raise SystemExit("the OAuth server ended:\n" + "".join(told))
            told.append(line)
            if line.startswith("oauth server "):
                self.origin = line.split()[-1]
                return

    def read(self, lines) -> None:
        for line in self.process.stdout:
            lines.put(line)
        lines.put(None)

    def seen(self) -> list:
        with urllib.request.urlopen(f"{self.origin}/_seen", timeout=SECONDS) as answer:
            return json.load(answer)

    def post(self, form: dict) -> tuple:
        data = urllib.parse.urlencode(form).encode()
        try:
            with urllib.request.urlopen(f"{self.origin}/{TENANT}/oauth2/v2.0/token", data, SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def token_steps(text: str) -> dict:
    """What the doctor says of the token, with the lines below it, by connection."""
    found, name, inside = {}, None, False
    for line in text.splitlines():
        if line.startswith("connection "):
            name, inside = line.removeprefix("connection "), False
        elif line.startswith("  ") and line[2:8].strip() in ("ok", "WRONG", "-", "waived"):
            inside = line[9:].startswith("token:") and name is not None
            if inside:
                found[name] = line.strip()
        elif inside:
            found[name] += "\n" + line.strip()
    return found


def main() -> None:
    binary, entry, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    registered, foreign = Key(), Key()
    for name, text in [("registered.pem", registered.pem()), ("foreign.pem", foreign.pem()), ("secret", "right-secret"),
                       ("wrong", "wrong-secret"), ("key", "judges-doctor-key-0000000000000000")]:
        (folder / name).write_text(text)
    configuration = folder / "oauth.json"
    configuration.write_text(json.dumps({
        "tenant": TENANT, "scope": SCOPE,
        "clients": [with_secret(SECRET, "right-secret"), with_key(CERTIFICATE, registered),
                    with_secret(TWO, "right-secret"), with_key(FORGED, foreign)],
        # Of the last one the certificate is known and the key behind it is another's.
        "thumbprints": {CERTIFICATE: registered.thumbprint(), FORGED: registered.thumbprint()},
    }))

    secret, wrong = {"secret": {"file": "secret"}}, {"secret": {"file": "wrong"}}
    own, other = ({"certificate": {"file": name}} for name in ("registered.pem", "foreign.pem"))
    cases = {
        "a secret": (SECRET, secret, None, True),
        "a wrong secret": (SECRET, wrong, None, False),
        "a certificate": (CERTIFICATE, own, None, True),
        "the same certificate": (CERTIFICATE, own, None, True),
        "a certificate that is not registered": (CERTIFICATE, other, None, False),
        "a certificate of another key": (FORGED, own, None, False),
        "an application that is not known": (MISSING, secret, None, False),
        "a wrong secret and a right one": (TWO, wrong, secret, True),
    }
    with Server(entry, configuration) as server:
        connections = []
        for name, (application, first, second, _) in cases.items():
            graph = {"tenant": TENANT, "client": application, "credential": first,
                     "cloud": {"other": {"authority": server.origin, "graph": GRAPH}}}
            if second:
                graph["secondCredential"] = second
            connections.append({"name": name, "graph": graph, "notifications": "poll", "mailboxes": []})
        file = folder / "doctor.json"
        file.write_text(json.dumps({
            "organisation": {"id": "judge", "name": "Judge", "domains": ["judge.example"]},
            "systems": [{"id": "erp", "name": "ERP", "apiKeys": [
                {"label": "judge", "roles": ["administrator"], "key": {"file": "key"}}]}],
            "connections": connections,
        }))
        done = subprocess.run([binary, "doctor", "--config", file], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=SECONDS)
        steps, seen = token_steps(done.stdout), server.seen()
        for name, (_, _, _, is_good) in cases.items():
            told = steps.get(name, "")
            if told.startswith("ok") != is_good or not told:
                raise SystemExit(f"{name}: {told or done.stdout + done.stderr}")
            # Refused, it says what to do, and names the server's word for it.
            if not is_good and ("invalid_client" not in told or len(told.splitlines()) < 2):
                raise SystemExit(f"{name} is not told in words: {told}")
            for hidden in ("right-secret", "wrong-secret"):
                if hidden in done.stdout + done.stderr:
                    raise SystemExit(f"{name}: a secret is shown")

        assertions = [one for one in seen if one["assertion"]]
        granted = [one for one in assertions if one["status"] == 200]
        endpoint = f"{server.origin}/{TENANT}/oauth2/v2.0/token"
        if len(granted) != 2 or any((one["algorithm"], one["audience"]) != ("PS256", endpoint) for one in assertions):
            raise SystemExit(f"the assertions are not Entra's: {granted}")
        if len({one["id"] for one in assertions}) != len(assertions):
            raise SystemExit("an assertion's id came twice")
        if {one["by"] for one in assertions if one["status"] != 200} != {"thumbprint", "provider"}:
            raise SystemExit("the server did not look at both the thumbprint and the signature")

        # The judge itself: a good assertion, replayed or bent, is refused by the package.
        form = {"grant_type": "client_credentials", "client_id": CERTIFICATE, "scope": SCOPE,
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
        for what, assertion in [("replayed", granted[0]["assertion"]), ("bent", granted[0]["assertion"][:-8] + "AAAAAAAA")]:
            status, answer = server.post(form | {"client_assertion": assertion})
            if status != 401 or "invalid_client" not in answer:
                raise SystemExit(f"the judge takes an assertion that was {what}: {status} {answer}")
    print(f"   {len(cases)} connections, {len(seen)} requests for tokens; an assertion of another issuer is not judged")


if __name__ == "__main__":
    main()
