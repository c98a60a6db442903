"""A deployment in use: an organisation founded with the founding key, connections, mailboxes of the
simulated Exchange. Each scenario has mailboxes of its own, so that scenarios can run beside each other."""

import threading
import urllib.parse
from pathlib import Path

import tools
from cloud import Cloud, Logs, wait_for
from stack import NAME, Deployment, Stack
from world import APPLICATION, CLIENT, CLIENT_SECRET, DOMAIN, PASSWORD, TENANT, ZONE, Api, Line, Simulator

# The minute's work makes subscriptions, of each mailbox every five minutes: of several there is soon one.
HEARD_IN_THE_CLOUD = ["ellis", "frankie", "gray", "logan", "morgan", "noel", "oakley", "parker", "quinn", "riley"]
OVER_GRAPH = [*HEARD_IN_THE_CLOUD, "harper", "indigo", "jamie", "kendall", "sage", "taylor"]
HEARD_ON_THE_SERVER = [f"unit{number}" for number in range(10)]
OVER_EWS = [*HEARD_ON_THE_SERVER, "alex", "blake", "casey"]
OVER_THE_LINE = ["devon"]
SYNCED_SECONDS = 90
SUBSCRIBED_SECONDS = 310


class Organisation:
    """The first one of a deployment, with its business system."""

    def __init__(self, stack: Deployment, simulator: Simulator):
        self.stack, self.simulator = stack, simulator
        self.lock, self.taken = threading.Lock(), set()
        self.users: dict[str, str] = {}
        self.admin = Api(stack.api_url(), stack.founding_key())
        self.admin.done("PATCH", "organisation", {"domains": [DOMAIN], "allowedNetworks": ["127.0.0.0/8"]})
        self.admin.done("POST", "systems", {"id": "crm", "name": "CRM"})
        key = self.admin.done("POST", "keys", {"label": "CRM", "roles": ["integrator"], "system": "crm"})
        self.api = Api(self.admin.url, key["key"])

    def connect_server(self, name: str, url: str, people: list[str]) -> str:
        """A connection to Exchange Server. Its mailboxes have to be there."""
        return self.connect({"name": name, "url": f"{url}/EWS/Exchange.asmx", "account": f"svc@{DOMAIN}",
                             "password": PASSWORD, "impersonate": True}, people)

    def connect(self, connection: dict, people: list[str]) -> str:
        made = self.admin.done("POST", "connections", connection | {"notifications": "push"})["id"]
        self.admin.done("PATCH", f"connections/{made}/fence", {"waiver": {"reason": "a simulator"}})
        if people:
            self.add(made, people)
        return made

    def add(self, connection: str, people: list[str]) -> None:
        added = self.admin.done("POST", "mailboxes", {
            "connection": connection, "system": "crm",
            "mailboxes": [{"address": f"{person}@{DOMAIN}", "timeZone": ZONE} for person in people]})
        assert all(one["outcome"] == "added" for one in added["mailboxes"]), added

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


class Place(Organisation):
    """The deployment that scenarios use: a connection over Graph and two over EWS."""

    def __init__(self, folder: Path, cloud: Cloud, stack: Stack, simulator: Simulator, line: Line):
        super().__init__(stack, simulator)
        self.folder, self.cloud, self.line = folder, cloud, line
        self.logs = Logs(cloud, NAME)
        # The application may replace its own credentials.
        simulator("PATCH", "entra", {"roles": ["User.Read.All", "Application.ReadWrite.OwnedBy"]})
        self.users = simulator.users(OVER_GRAPH)
        self.graph = self.connect({"name": "Cloud", "graph": {
            "tenant": TENANT, "client": CLIENT,
            "cloud": {"other": {"authority": simulator.url, "graph": f"{simulator.url}/graph"}},
            "credential": {"secret": CLIENT_SECRET}, "applicationObject": APPLICATION}}, OVER_GRAPH)
        simulator.add(HEARD_ON_THE_SERVER)
        self.ews = self.connect_server("Server", simulator.url, OVER_EWS)
        self.slow = self.connect_server("Far away", line.url, OVER_THE_LINE)


def program() -> Path:
    return tools.ROOT / "target" / "debug" / "tidemark"
