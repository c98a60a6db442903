"""`tidemark export` against the deployment: what it writes is what the API lists, and no secret."""

import json
import subprocess
import urllib.parse
from collections import Counter

from cloud import wait_for
from place import Place, program
from stack import NAME
from world import CLIENT_SECRET, DOMAIN, PASSWORD, Api

EXPORT_SECONDS = 300
HELD_SECONDS = 90


def all_is_exported(place: Place) -> None:
    """The command, with a key in its environment: as many rows as the API lists, each mailbox and item by its
    id, in a file of the owner's. A second one is refused until it may replace the first."""
    webhook = made_for_this(place)
    people = ["harper", "taylor", "alex", "blake"]
    for person in people:
        place.synced(person)
    to = place.folder / "export.ndjson"
    before = listed(place)
    said = run(place, "--to", str(to))
    assert said.returncode == 0, said.stdout + said.stderr
    assert "all was exported" in said.stdout, said.stdout
    rows = [json.loads(line) for line in to.read_text().splitlines()]
    # What others change meanwhile adds rows of history and of the feed; settings are ours alone now.
    counted = Counter(row["kind"] for row in rows)
    for kind, ids in before.items():
        exported = [row["value"]["id"] for row in rows if row["kind"] == kind]
        assert sorted(exported) == sorted(ids), (kind, len(exported), len(ids))
    for person in people:
        mailbox = place.api.mailbox(person)["id"]
        shown = sorted(item["id"] for item in place.api.items(person))
        exported = sorted(row["item"] for row in rows if row["kind"] == "appointment" and row["mailbox"] == mailbox)
        assert shown and shown == exported, (person, shown, exported)
    assert counted["history"] and counted["change"] and counted["activity"], counted
    assert to.stat().st_mode & 0o777 == 0o600, oct(to.stat().st_mode)
    text = to.read_text()
    for name, value in (secrets(place) | {"webhook": webhook["secret"], "integrator": place.api.key}).items():
        assert value not in text, f"the secret of {name} is in the export"
    again = run(place, "--to", str(to))
    assert again.returncode == 1 and "--overwrite" in again.stdout + again.stderr, again
    assert run(place, "--to", str(to), "--overwrite").returncode == 0
    place.api.done("DELETE", f"webhooks/{webhook['id']}")


def made_for_this(place: Place) -> dict:
    """An item over each protocol, a series with an exception, a hold, and a webhook, which it gives."""
    for person in ("harper", "taylor", "alex", "blake"):
        place.api.put(person, "exported", f"Exported of {person}", 9)
    place.api.done("PUT", f"mailboxes/taylor@{DOMAIN}/appointments/exported-series", {
        "title": "Exported series", "start": "2027-03-10T08:00:00", "timeZone": "Europe/Berlin", "duration": "PT30M",
        "recurrenceRules": [{"frequency": "weekly", "count": 4}],
        "recurrenceOverrides": {"2027-03-17T08:00:00": {"title": "Exported exception"}}})
    # Of what is part of a first copy nobody is mailed, so that nothing of it is held.
    place.synced("casey")
    place.api.done("PUT", f"mailboxes/casey@{DOMAIN}/appointments/exported-hold", {
        "title": "Exported hold", "start": "2027-03-11T08:00:00", "timeZone": "Europe/Berlin", "duration": "PT30M",
        "participants": {"a": {"@type": "Participant", "roles": {"attendee": True},
                               "sendTo": {"imip": "mailto:guest@elsewhere.example"}}}})
    wait_for("hold", lambda: ids(place.admin, "holds"), HELD_SECONDS)
    made = place.api.done("POST", "webhooks", {"url": "http://127.0.0.1:9/nobody"})
    place.api.done("POST", f"webhooks/{made['id']}/pause")
    return made


def listed(place: Place) -> dict[str, list[str]]:
    """The ids of everything that is listed by a route of its own, by the kind of its row."""
    admin, crm = place.admin, place.api
    return {
        "organisation": [admin.done("GET", "organisation")["id"]],
        "system": ids(admin, "systems"), "connection": ids(admin, "connections"), "key": ids(admin, "keys"),
        "webhook": ids(crm, "webhooks"), "hold": ids(admin, "holds"), "mailbox": ids(admin, "mailboxes"),
    }


def ids(api: Api, what: str) -> list[str]:
    found, query = [], ""
    while True:
        page = api.done("GET", what + query)
        found += [one["id"] for one in page[what]]
        if not page.get("next"):
            return found
        query = "?" + urllib.parse.urlencode({"after": page["next"]})


def secrets(place: Place) -> dict[str, str]:
    """All that Secrets Manager keeps for the deployment, and what opens the simulated Exchange."""
    client = place.cloud.client("secretsmanager")
    kept = {"password": PASSWORD, "application": CLIENT_SECRET}
    for page in client.get_paginator("list_secrets").paginate():
        for one in page["SecretList"]:
            if NAME in one["Name"]:
                kept[one["Name"]] = client.get_secret_value(SecretId=one["ARN"]).get("SecretString", PASSWORD)
    return kept


def run(place: Place, *arguments: str) -> subprocess.CompletedProcess:
    variables = place.cloud.variables() | {"TIDEMARK_API_KEY": place.admin.key,
                                           "SSL_CERT_FILE": str(place.cloud.authority), "RUST_BACKTRACE": "0"}
    return subprocess.run([program(), "export", "--url", place.admin.url, *arguments], env=variables, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=EXPORT_SECONDS)
