"""The deployment in use: an organisation founded with the founding key, a connection over Graph and two
over EWS, mailboxes of the simulated Exchange. Each scenario has mailboxes of its own, so that scenarios
can run beside each other."""

import threading
import urllib.parse
from pathlib import Path

import tools
from cloud import Cloud, Logs, wait_for
from stack import NAME, Stack
from world import APPLICATION, CLIENT, CLIENT_SECRET, DOMAIN, PASSWORD, TENANT, ZONE, Api, Line, Simulator

# The minute's work makes subscriptions, of each mailbox every five minutes: of several there is soon one.
HEARD_IN_THE_CLOUD = ["ellis", "frankie", "gray", "logan", "morgan", "noel", "oakley", "parker", "quinn", "riley"]
OVER_GRAPH = [*HEARD_IN_THE_CLOUD, "harper", "indigo", "jamie", "kendall", "sage", "taylor"]
HEARD_ON_THE_SERVER = [f"unit{number}" for number in range(10)]
OVER_EWS = [*HEARD_ON_THE_SERVER, "alex", "blake", "casey"]
OVER_THE_LINE = ["devon"]
SYNCED_SECONDS = 90
SUBSCRIBED_SECONDS = 310


class Place:
    def __init__(self, folder: Path, cloud: Cloud, stack: Stack, simulator: Simulator, line: Line):
        self.folder, self.cloud, self.stack, self.simulator, self.line = folder, cloud, stack, simulator, line
        self.logs = Logs(cloud, NAME)
        self.lock, self.taken = threading.Lock(), set()
        self.admin = Api(stack.api_url(), stack.founding_key())
        self.found()

    def found(self) -> None:
        admin, simulator = self.admin, self.simulator.url
        admin.done("PATCH", "organisation", {"domains": [DOMAIN], "allowedNetworks": ["127.0.0.0/8"]})
        admin.done("POST", "systems", {"id": "crm", "name": "CRM"})
        key = admin.done("POST", "keys", {"label": "CRM", "roles": ["integrator"], "system": "crm"})
        self.api = Api(self.admin.url, key["key"])
        # The application may replace its own credentials.
        self.simulator("PATCH", "entra", {"roles": ["User.Read.All", "Application.ReadWrite.OwnedBy"]})
        self.users = self.simulator.users(OVER_GRAPH)
        self.graph = self.connect({"name": "Cloud", "graph": {
            "tenant": TENANT, "client": CLIENT, "cloud": {"other": {"authority": simulator, "graph": f"{simulator}/graph"}},
            "credential": {"secret": CLIENT_SECRET}, "applicationObject": APPLICATION}}, OVER_GRAPH)
        for unit in HEARD_ON_THE_SERVER:
            self.simulator("POST", "mailboxes", {"address": f"{unit}@{DOMAIN}"})
        account = {"account": f"svc@{DOMAIN}", "password": PASSWORD, "impersonate": True}
        self.ews = self.connect({"name": "Server", "url": f"{simulator}/EWS/Exchange.asmx"} | account, OVER_EWS)
        self.slow = self.connect({"name": "Far away", "url": f"{self.line.url}/EWS/Exchange.asmx"} | account,
                                 OVER_THE_LINE)

    def connect(self, connection: dict, people: list[str]) -> str:
        made = self.admin.done("POST", "connections", connection | {"notifications": "push"})["id"]
        self.admin.done("PATCH", f"connections/{made}/fence", {"waiver": {"reason": "a simulator"}})
        added = self.admin.done("POST", "mailboxes", {
            "connection": made, "system": "crm",
            "mailboxes": [{"address": f"{person}@{DOMAIN}", "timeZone": ZONE} for person in people]})
        assert all(one["outcome"] == "added" for one in added["mailboxes"]), added
        return made

    def synced(self, person: str, seconds: float = SYNCED_SECONDS) -> dict:
        def look():
            mailbox = self.api.mailbox(person)
            return mailbox if mailbox["state"] == "synced" and not mailbox["dirty"] else None
        return wait_for(f"sync of {person}", look, seconds)

    def subscribed(self, people: list[str]) -> str:
        """One of these people whom the connector has subscribed, and whom no scenario has yet."""
        def look():
            told = {one["mailbox"] for one in self.simulator("GET", "subscriptions")["subscriptions"]}
            named = [urllib.parse.unquote(one["resource"]).strip("/").split("/")[1].lower()
                     for one in self.simulator("GET", "graph/subscriptions")["subscriptions"]]
            # A resource names a user by id or by address.
            told |= {self.users.get(name, name) for name in named}
            with self.lock:
                for person in people:
                    if person not in self.taken and any(f"{person}@{DOMAIN}" in one for one in told):
                        self.taken.add(person)
                        return person
            return None
        person = wait_for("subscription", look, SUBSCRIBED_SECONDS, every=0.5)
        self.synced(person)
        return person


def program() -> Path:
    return tools.ROOT / "target" / "debug" / "tidemark"
