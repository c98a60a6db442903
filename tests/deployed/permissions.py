"""What a function does without one of its permissions: it has to fail where somebody sees it. Each entry
takes one action out of one statement and has the function do what it is for."""

import json
import uuid

from cloud import now_ms, wait_for
from place import Place
from roles import Roles
from stack import NAME
from world import DOMAIN, PASSWORD, ZONE, request

SHOWN_SECONDS = 20
ITEM = {"title": "Without", "start": "2027-03-05T11:00:00", "timeZone": ZONE, "duration": "PT1H"}


def invoked(function: str, event: dict):
    """Calls the function itself; what it answers is the sign when it logs none."""
    def use(place: Place):
        done = place.cloud.client("lambda").invoke(FunctionName=f"{NAME}-{function}:live", Payload=json.dumps(event))
        said = json.loads(done["Payload"].read() or "null")
        return "FunctionError" in done or bool(said.get("errors") or said.get("failed"))
    return use


def called(method: str, path: str, body=None, as_admin: bool = False):
    def use(place: Place):
        status, _ = (place.admin if as_admin else place.api).call(method, path, body)
        return status >= 500
    return use


def notified(path: str, body):
    def use(place: Place):
        status, _ = request("POST", place.stack.intake_url() + path, body)
        return status >= 500
    return use


GRAPH_CALL = {"value": [{"subscriptionId": "8a7c3f3e-0000-4000-8000-000000000009", "clientState": "k" * 43,
                         "changeType": "updated", "resource": "Users/u/Events/e", "tenantId": "t"}]}


def connected(place: Place) -> bool:
    """A connection of its own each time: only a new one needs a new secret."""
    status, _ = place.admin.call("POST", "connections", {
        "name": f"Another {uuid.uuid4()}", "url": "https://mail.example/EWS/Exchange.asmx",
        "account": f"svc@{DOMAIN}", "password": PASSWORD})
    return status >= 500


# Function, statement, action, what needs it.
SAMPLE = [
    ("api", "Table", "dynamodb:Query", called("GET", "mailboxes", as_admin=True)),
    ("api", "Table", "dynamodb:UpdateItem", called("PUT", f"mailboxes/sage@{DOMAIN}/appointments/a", ITEM)),
    ("api", "Queue", "sqs:SendMessage", called("PUT", f"mailboxes/sage@{DOMAIN}/appointments/b", ITEM)),
    ("api", "Credentials", "secretsmanager:CreateSecret", connected),
    ("deliver", "Table", "dynamodb:Query", invoked("deliver", {})),
    ("sweep", "DueIndex", "dynamodb:Query", invoked("sweep", {})),
    ("sweep", "Table", "dynamodb:Query", invoked("sweep", {})),
    ("token-refresh", "Table", "dynamodb:Query", invoked("token-refresh", {})),
    ("ews-webhook", "Table", "dynamodb:GetItem", notified("/ews/" + "k" * 43, "x")),
    ("graph-webhook", "Table", "dynamodb:GetItem", notified("/graph/notify", GRAPH_CALL)),
]


def is_missed(place: Place, roles: Roles, function: str, sid: str, action: str, use) -> bool:
    """Whether the function fails visibly without the permission, and not with it."""
    since = now_ms()
    with roles.without(function, sid, action):
        shown = use(place)
        try:
            return shown or bool(wait_for("complaint", lambda: place.logs.lines(function, "AccessDenied", since),
                                          SHOWN_SECONDS))
        except AssertionError:
            return False


def each_is_missed(place: Place) -> None:
    """Of a sample of the permissions, each is needed: without it its function fails, and says so."""
    roles = Roles(place.cloud, place.stack)
    for function, _, action, use in SAMPLE:
        assert not use(place), f"{function} fails before {action} is taken away"
    idle = [f"{function}: {action} ({sid})" for function, sid, action, use in SAMPLE
            if not is_missed(place, roles, function, sid, action, use)]
    assert not idle, f"nothing misses {idle}"
