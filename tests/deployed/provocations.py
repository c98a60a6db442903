"""What functions need their permissions for. Each has one function do something; needs.py says which
permission that takes. They may be repeated, and care for no answer: the function's log has what failed."""

import itertools
import json
import urllib.error
import urllib.request
import uuid

import tools
from place import HEARD_IN_THE_CLOUD, HEARD_ON_THE_SERVER, Place
from stack import NAME
from world import APPLICATION, CLIENT, CLIENT_SECRET, DOMAIN, PASSWORD, TENANT, ZONE, Listener, request

LOST = tools.ROOT / "tests" / "fuzz" / "corpus" / "send_notification" / "lost.xml"
RICH = [f"rich{number}" for number in range(10)]
FEDERATED = [f"federated{number}" for number in range(10)]
LEAVING = [f"leaving{number}" for number in range(4)]
GRAPH_CALL = {"value": [{"subscriptionId": "8a7c3f3e-0000-4000-8000-000000000009", "clientState": "k" * 43,
                         "changeType": "updated", "resource": "Users/u/Events/e", "tenantId": "t"}]}


class Stage:
    """What some need beside the place: people who are subscribed, connections of further kinds."""

    def __init__(self, place: Place):
        self.place = place
        self.numbers = itertools.count()

    def prepare(self) -> None:
        """What takes longer than a sample may."""
        place = self.place
        place.simulator.add([*RICH, *FEDERATED, *LEAVING])
        place.users |= place.simulator.users([*RICH, *FEDERATED])
        connect(place, "Rich", {"secret": CLIENT_SECRET}, RICH, richNotifications=True)
        # It makes the keys that content is told by, before anybody subscribes.
        invoked(self, "token-refresh")
        self.federated = connect(place, "Federated", {"awsFederation": True}, FEDERATED)
        place.connect_server("Leaving", place.simulator.url, LEAVING)
        self.on_the_server = place.subscribed(HEARD_ON_THE_SERVER)
        self.in_the_cloud = place.subscribed(HEARD_IN_THE_CLOUD)
        self.with_content = place.subscribed(RICH)
        self.listener = Listener()
        self.listener.secret = place.api.done("POST", "webhooks", {"url": self.listener.url + "/hook"})["secret"]

    def name(self) -> str:
        return f"need-{next(self.numbers)}"

    def close(self) -> None:
        self.listener.__exit__()


def connect(place: Place, name: str, credential: dict, people: list[str], **more) -> str:
    simulator = place.simulator.url
    return place.connect({"name": name, "graph": {
        "tenant": TENANT, "client": CLIENT, "cloud": {"other": {"authority": simulator, "graph": f"{simulator}/graph"}},
        "credential": credential, "applicationObject": APPLICATION, **more}}, people)


def invoked(stage: Stage, function: str, event: dict | None = None) -> None:
    stage.place.cloud.client("lambda").invoke(FunctionName=f"{NAME}-{function}:live", Payload=json.dumps(event or {}))


def put(stage: Stage, person: str) -> None:
    item = {"title": stage.name(), "start": "2027-03-05T11:00:00", "timeZone": ZONE, "duration": "PT1H"}
    stage.place.api.call("PUT", f"mailboxes/{person}@{DOMAIN}/appointments/{stage.name()}", item)


# ---- ews-webhook, graph-webhook


def an_unknown_push(stage: Stage) -> None:
    request("POST", stage.place.stack.intake_url() + "/ews/" + "k" * 43, "x")


def an_unknown_notification(stage: Stage) -> None:
    request("POST", stage.place.stack.intake_url() + "/graph/notify", GRAPH_CALL)


def a_change_on_the_server(stage: Stage) -> None:
    stage.place.synced(stage.on_the_server)
    stage.place.simulator.make(stage.on_the_server, stage.name(), 2)


def a_subscription_that_is_gone(stage: Stage) -> None:
    """Exchange says so to the address of a subscription: of another one each time, since once is enough."""
    told = stage.place.simulator("GET", "subscriptions")["subscriptions"]
    urls = [one["url"] for one in told if one["url"] and one["mailbox"].split("@")[0] in HEARD_ON_THE_SERVER]
    asked = urllib.request.Request(urls[next(stage.numbers) % len(urls)], LOST.read_bytes(), {"content-type": "text/xml"})
    try:
        urllib.request.urlopen(asked, timeout=30).close()
    except urllib.error.HTTPError as error:
        error.close()


def a_change_in_the_cloud(stage: Stage) -> None:
    stage.place.synced(stage.in_the_cloud)
    stage.place.simulator.make(stage.in_the_cloud, stage.name(), 2)


def a_change_told_with_content(stage: Stage) -> None:
    stage.place.simulator.make(stage.with_content, stage.name(), 2)


# ---- sync


def an_appointment_for_the_server(stage: Stage) -> None:
    """For another mailbox each time: one whose run was cut off waits."""
    others = [person for person in HEARD_ON_THE_SERVER if person != stage.on_the_server]
    put(stage, others[next(stage.numbers) % len(others)])


def an_appointment_by_federation(stage: Stage) -> None:
    put(stage, FEDERATED[0])


def a_cursor_that_is_lost(stage: Stage) -> None:
    """The run begins anew, by a message to itself."""
    stage.place.synced("taylor")
    stage.place.simulator("POST", f"mailboxes/taylor@{DOMAIN}/forget-states")
    put(stage, "taylor")


# ---- sweep


def the_minute(stage: Stage) -> None:
    invoked(stage, "sweep")


def a_mailbox_that_was_removed(stage: Stage) -> None:
    admin = stage.place.admin
    person = next((one for one in LEAVING if admin.call("GET", f"mailboxes/{one}@{DOMAIN}")[0] == 200), None)
    if person:
        stage.place.synced(person)
        admin.done("DELETE", f"mailboxes/{person}@{DOMAIN}")
    invoked(stage, "sweep")


# ---- deliver


def a_delivery(stage: Stage) -> None:
    put(stage, "alex")
    invoked(stage, "deliver")


def a_round_of_deliveries(stage: Stage) -> None:
    invoked(stage, "deliver")


def a_delivery_at_the_second_attempt(stage: Stage) -> None:
    if not stage.listener.refused:
        stage.listener.refusals = 1
        put(stage, "alex")
    invoked(stage, "deliver")


# ---- token-refresh


def a_refresh(stage: Stage) -> None:
    invoked(stage, "token-refresh")


def a_first_token(stage: Stage) -> None:
    """Of a connection that has none yet."""
    connect(stage.place, stage.name(), {"secret": CLIENT_SECRET}, [])
    invoked(stage, "token-refresh")


def keys_for_content(stage: Stage) -> None:
    """A connection that wants content for the first time."""
    connect(stage.place, stage.name(), {"secret": CLIENT_SECRET}, [], richNotifications=True)
    invoked(stage, "token-refresh")


def a_rotation(stage: Stage) -> None:
    """The four steps for the credential of the cloud's connection."""
    secrets = stage.place.cloud.client("secretsmanager")
    [secret] = [one["ARN"] for page in secrets.get_paginator("list_secrets").paginate() for one in page["SecretList"]
                if stage.place.graph in one["Name"]]
    secrets.rotate_secret(SecretId=secret, RotationLambdaARN=stage.place.stack.outputs["TokenRefreshArn"],
                          RotationRules={"AutomaticallyAfterDays": 60}, RotateImmediately=False)
    token = str(uuid.uuid4())
    secrets.put_secret_value(SecretId=secret, ClientRequestToken=token, SecretBinary=b"-", VersionStages=["AWSPENDING"])
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        invoked(stage, "token-refresh", {"Step": step, "SecretId": secret, "ClientRequestToken": token})


# ---- api


def a_list_of_mailboxes(stage: Stage) -> None:
    stage.place.admin.call("GET", "mailboxes")


def a_feed_that_is_followed(stage: Stage) -> None:
    status, page = stage.place.api.call("GET", "changes")
    if status == 200:
        stage.place.api.call("GET", f"changes?after={page['cursor']}")


def a_key_that_is_made_and_revoked(stage: Stage) -> None:
    status, made = stage.place.admin.call("POST", "keys", {"label": stage.name(), "roles": ["integrator"], "system": "crm"})
    if status < 300:
        stage.place.admin.call("DELETE", f"keys/{made['id']}")


def an_appointment(stage: Stage) -> None:
    put(stage, "sage")


def a_first_appointment(stage: Stage) -> None:
    """Of another mailbox each time: only its first change has to see that the mailbox has its data key."""
    person = stage.name()
    stage.place.simulator.add([person])
    stage.place.add(stage.place.ews, [person])
    put(stage, person)


def a_connection(stage: Stage) -> None:
    """One of its own each time: only a new one needs a new secret."""
    stage.place.admin.call("POST", "connections", {
        "name": stage.name(), "url": "https://mail.example/EWS/Exchange.asmx", "account": f"svc@{DOMAIN}",
        "password": PASSWORD})


def a_webhook(stage: Stage) -> None:
    status, made = stage.place.api.call("POST", "webhooks", {"url": stage.listener.url + "/another"})
    if status < 300:
        stage.place.api.call("DELETE", f"webhooks/{made['id']}")


def a_preflight(stage: Stage) -> None:
    stage.place.admin.call("POST", f"connections/{stage.place.ews}/preflight", {"mailboxes": [f"casey@{DOMAIN}"]})


def a_preflight_by_federation(stage: Stage) -> None:
    stage.place.admin.call("POST", f"connections/{stage.federated}/preflight",
                           {"mailboxes": [f"{FEDERATED[0]}@{DOMAIN}"]})
