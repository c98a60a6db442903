#!/usr/bin/env python3
"""An independent judge: what is done over Graph in the running demo, the business side must see, and back.

usage: graph_demo.py API_URL SIMULATOR_URL API_KEY

Creates, moves, recurs (weekly, one occurrence moved, one cancelled), privatises and deletes events of
ellis in Graph's own form and reads each in the change feed; then puts the same kinds of object through
the API and reads them back with Microsoft's SDK for Python and, where NODE_PATH has it, with the one for
JavaScript. At the end nothing may be doubled, nothing echoed, and the simulator's mail ledger is empty.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from graph_sdk import Token
from kiota_abstractions.authentication import BaseBearerTokenAuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.event_type import EventType
from msgraph.generated.models.free_busy_status import FreeBusyStatus
from msgraph.generated.models.importance import Importance
from msgraph.generated.models.sensitivity import Sensitivity
from msgraph.generated.users.item.calendar_view.calendar_view_request_builder import (
    CalendarViewRequestBuilder,
)

API, SIM, KEY = sys.argv[1].rstrip("/"), sys.argv[2].rstrip("/"), sys.argv[3]
ELLIS = "ellis@tidemark.example"
ZONE = "W. Europe Standard Time"
DEADLINE_SECONDS = 20
QUIET_POLLS = 20
failures = []


def check(what, holds, detail=""):
    print(("ok    " if holds else "WRONG ") + what + ("" if holds or not detail else f": {detail}"))
    if not holds:
        failures.append(what)


def send(method, url, token, body=None, **headers):
    """One request; its status and what came, as JSON where it is."""
    request = urllib.request.Request(
        url, method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        text = error.read()
        try:
            return error.code, json.loads(text)
        except ValueError:
            return error.code, text.decode(errors="replace")


def call(method, path, body=None):
    return send(method, API + path, KEY, body)


class Graph:
    """Raw HTTP, in the form of Graph's documentation."""

    def __init__(self, token):
        self.token = token

    def __call__(self, method, path, body=None):
        url = f"{SIM}/graph/v1.0/users/{ELLIS}{path}"
        status, answer = send(method, url, self.token, body, Prefer='IdType="ImmutableId"')
        if status >= 300:
            check(f"Graph takes {method} {path.split('/')[1]}", False, str((status, answer)))
        return answer or {}


class Feed:
    def __init__(self):
        self.cursor, self.events = None, []
        while self.pull(0):
            pass
        self.events.clear()

    def pull(self, wait):
        query = {"wait": wait} | ({"after": self.cursor} if self.cursor else {})
        status, page = call("GET", "/v1/changes?" + urllib.parse.urlencode(query))
        assert status == 200, (status, page)
        self.cursor = page["cursor"]
        self.events += page["changes"]
        return page["changes"]

    def wait_for(self, matches):
        end = time.monotonic() + DEADLINE_SECONDS
        while True:
            for event in self.events:
                if matches(event):
                    return event
            if time.monotonic() > end:
                return None
            self.pull(2)

    def quiet(self):
        """Everything that comes until two polls in a row bring nothing."""
        empty = 0
        for _ in range(QUIET_POLLS):
            empty = 0 if self.pull(1) else empty + 1
            if empty == 2:
                return self.events
        check("the feed comes to rest", False)
        return self.events


def kind(event, verb):
    return event["type"] == f"tidemark.appointment.{verb}"


def titled(title):
    return lambda event: kind(event, "created") and (event["data"]["item"] or {}).get("title") == title


def at(text):
    return {"dateTime": text, "timeZone": ZONE}


def span(start, end):
    return {"start": at(start), "end": at(end)}


def single(graph, feed):
    made = graph("POST", "/events", {
        "subject": "Visit at Muster", **span("2027-03-02T09:00:00", "2027-03-02T10:30:00"),
        "location": {"displayName": "Room 1"}, "body": {"contentType": "text", "content": "Bring the plans"},
        "categories": ["Customer"], "importance": "high", "isReminderOn": True, "reminderMinutesBeforeStart": 30})
    event = feed.wait_for(titled("Visit at Muster"))
    check("a new event arrives", event is not None)
    if event is None:
        return
    data, item = event["data"], event["data"]["item"]
    check("it says who made it", data["origin"] == "exchange" and data["mailbox"] == ELLIS, data.get("origin"))
    civil = (item.get("start"), item.get("timeZone"), item.get("duration"))
    check("its time is civil time with a zone", civil == ("2027-03-02T09:00:00", "Europe/Berlin", "PT1H30M"), str(civil))
    check("its place, text, category, priority and reminder arrive",
          any(place.get("name") == "Room 1" for place in item.get("locations", {}).values())
          and "Bring the plans" in item.get("description", "") and item.get("keywords") == {"Customer": True}
          and item.get("priority") == 1
          and any(alert["trigger"].get("offset") == "-PT30M" for alert in item.get("alerts", {}).values()), str(item))
    identity, path = data["id"], f"/events/{urllib.parse.quote(made['id'], safe='')}"
    graph("PATCH", path, span("2027-03-03T14:00:00", "2027-03-03T15:00:00"))
    moved = feed.wait_for(lambda e: kind(e, "updated") and e["data"]["id"] == identity
                          and e["data"]["item"]["start"] == "2027-03-03T14:00:00")
    check("a moved event arrives", moved is not None and moved["data"]["item"]["duration"] == "PT1H")

    feed.quiet()
    before = len(feed.events)
    graph("PATCH", path, {"sensitivity": "private", "subject": "Nobody may read this"})
    end, said = time.monotonic() + DEADLINE_SECONDS, ""
    while time.monotonic() < end and "private" not in said:
        feed.pull(1)
        said = json.dumps(call("GET", f"/v1/mailboxes/{ELLIS}/appointments/{identity}/history")[1]).lower()
    check("the history of a privatised event says why", "private" in said)
    check("and does not say what", "nobody may read" not in said)
    new = feed.quiet()[before:]
    check("nobody is told", not new, str([e["type"] for e in new]))


def series(graph, feed):
    made = graph("POST", "/events", {
        "subject": "Weekly round", **span("2027-03-08T10:00:00", "2027-03-08T11:00:00"),
        "recurrence": {"pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"], "firstDayOfWeek": "monday"},
                       "range": {"type": "numbered", "startDate": "2027-03-08", "numberOfOccurrences": 6,
                                 "recurrenceTimeZone": ZONE}}})
    event = feed.wait_for(titled("Weekly round"))
    rule = event["data"]["item"]["recurrenceRules"][0] if event else {}
    check("a series arrives as one item", (rule.get("frequency"), rule.get("count")) == ("weekly", 6), str(rule))
    if event is None:
        return
    identity = event["data"]["id"]
    window = "startDateTime=2027-03-01T00:00:00Z&endDateTime=2027-05-01T00:00:00Z"
    found = graph("GET", f"/events/{urllib.parse.quote(made['id'], safe='')}/instances?{window}").get("value", [])
    days = {one["start"]["dateTime"][:10]: urllib.parse.quote(one["id"], safe="") for one in found}
    check("Graph lists its occurrences", len(days) == 6, str(list(days)))

    def override(day):
        return lambda e: (kind(e, "updated") and e["data"]["id"] == identity
                          and day in (e["data"]["item"].get("recurrenceOverrides") or {}))
    graph("PATCH", f"/events/{days['2027-03-15']}", span("2027-03-16T13:00:00", "2027-03-16T14:00:00"))
    event = feed.wait_for(override("2027-03-15T10:00:00"))
    check("a moved occurrence is an override of the series", event is not None and
          event["data"]["item"]["recurrenceOverrides"]["2027-03-15T10:00:00"].get("start") == "2027-03-16T13:00:00")
    graph("DELETE", f"/events/{days['2027-03-22']}")
    event = feed.wait_for(override("2027-03-22T10:00:00"))
    overrides = event["data"]["item"]["recurrenceOverrides"] if event else {}
    check("a cancelled occurrence is excluded, the moved one stays",
          overrides.get("2027-03-22T10:00:00") == {"excluded": True} and "2027-03-15T10:00:00" in overrides, str(overrides))


def others(graph, feed):
    graph("POST", "/events", {"subject": "Fair", "isAllDay": True, **span("2027-03-10T00:00:00", "2027-03-12T00:00:00")})
    event = feed.wait_for(titled("Fair"))
    item = event["data"]["item"] if event else {}
    check("whole days are whole days", (item.get("start"), item.get("duration"), item.get("showWithoutTime"))
          == ("2027-03-10T00:00:00", "P2D", True), str(item))
    graph("POST", "/events", {"subject": "Born private", "sensitivity": "private",
                              **span("2027-03-11T09:00:00", "2027-03-11T10:00:00")})
    gone = graph("POST", "/events", {"subject": "Soon gone", **span("2027-03-04T09:00:00", "2027-03-04T10:00:00")})
    event = feed.wait_for(titled("Soon gone"))
    graph("DELETE", f"/events/{urllib.parse.quote(gone['id'], safe='')}")
    deleted = feed.wait_for(lambda e: kind(e, "deleted") and event and e["data"]["id"] == event["data"]["id"])
    check("a deleted event is told, with no item", deleted is not None and deleted["data"]["item"] is None)
    seen = feed.quiet()
    check("no change carries a private event", "Born private" not in json.dumps(seen))
    made = [e["data"]["item"]["title"] for e in seen if kind(e, "created")]
    check("nothing arrives twice", sorted(made) == ["Fair", "Soon gone", "Visit at Muster", "Weekly round"], str(made))
    told = [e["id"] for e in seen]
    check("no change is told twice", len(told) == len(set(told)))


def sdk(token):
    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(token))
    adapter.base_url = f"{SIM}/graph/v1.0"
    return GraphServiceClient(request_adapter=adapter).users.by_user_id(ELLIS)


async def view(user, subject, zone="UTC"):
    """What the SDK reads of April and May with this subject, in order of start; times in this zone."""
    query = CalendarViewRequestBuilder.CalendarViewRequestBuilderGetQueryParameters(
        start_date_time="2027-04-01T00:00:00Z", end_date_time="2027-06-01T00:00:00Z", top=100)
    wanted = RequestConfiguration(query_parameters=query)
    wanted.headers.add("Prefer", f'outlook.timezone="{zone}"')
    page = await user.calendar_view.get(wanted)
    return sorted((e for e in page.value if e.subject == subject), key=lambda e: e.start.date_time)


def put(feed, key, item):
    status, answer = call("PUT", f"/v1/mailboxes/{ELLIS}/appointments/{urllib.parse.quote(key, safe='')}", item)
    event = feed.wait_for(lambda e: kind(e, "applied") and e["data"]["id"] == key) if status == 202 else None
    check(f"a PUT of {key} is taken and applied", event is not None, str((status, answer)))
    return event


def timed(event):
    return event.start.date_time[:16], event.end.date_time[:16]


async def business_to_graph(user, feed):
    put(feed, "erp-1", {"@type": "Event", "title": "From the ERP", "start": "2027-04-06T09:00:00",
                        "timeZone": "Europe/Berlin", "duration": "PT45M", "locations": {"1": {"name": "Site 7"}},
                        "description": "Boiler", "priority": 9, "keywords": {"Service": True}, "freeBusyStatus": "free"})
    found = await view(user, "From the ERP")
    check("it is there once", len(found) == 1, str(len(found)))
    check("its fields have the same meaning", len(found) == 1 and timed(found[0]) == ("2027-04-06T07:00", "2027-04-06T07:45")
          and found[0].location.display_name == "Site 7" and "Boiler" in found[0].body.content
          and found[0].importance == Importance.Low and found[0].categories == ["Service"]
          and found[0].show_as == FreeBusyStatus.Free)
    path = f"/v1/mailboxes/{ELLIS}/appointments/erp-1"
    feed.quiet()
    past = len(feed.events)
    status, _ = call("PATCH", path, {"start": "2027-04-07T11:00:00"})
    moved = feed.wait_for(lambda e: kind(e, "applied") and e["data"]["id"] == "erp-1" and e in feed.events[past:])
    found = await view(user, "From the ERP")
    check("a PATCH moves the time alone", status == 202 and moved is not None and len(found) == 1
          and timed(found[0]) == ("2027-04-07T09:00", "2027-04-07T09:45") and found[0].location.display_name == "Site 7")

    put(feed, "erp/round 1", {
        "title": "ERP round", "start": "2027-04-05T10:00:00", "timeZone": "Europe/Berlin", "duration": "PT1H",
        "recurrenceRules": [{"frequency": "weekly", "byDay": [{"day": "mo"}], "count": 5}],
        "recurrenceOverrides": {"2027-04-12T10:00:00": {"start": "2027-04-13T15:00:00"},
                                "2027-04-19T10:00:00": {"excluded": True}}})
    found = await view(user, "ERP round")
    stands = [(e.start.date_time[5:13], e.type) for e in found]
    check("its occurrences stand where they should", stands == [
        ("04-05T08", EventType.Occurrence), ("04-13T13", EventType.Exception), ("04-26T08", EventType.Occurrence),
        ("05-03T08", EventType.Occurrence)], str(stands))

    event = put(feed, "erp-private", {"title": "Private from the ERP", "start": "2027-04-08T09:00:00",
                                      "timeZone": "Europe/Berlin", "duration": "PT1H", "privacy": "private"})
    check("a private one is not shown again", event is not None and event["data"]["item"] is None)
    found = await view(user, "Private from the ERP")
    check("it is private in Graph", [e.sensitivity for e in found] == [Sensitivity.Private])
    put(feed, "erp-fair", {"title": "ERP fair", "start": "2027-04-20T00:00:00", "timeZone": None,
                           "duration": "P2D", "showWithoutTime": True})
    # In another zone than its own its days would not begin at midnight.
    found = await view(user, "ERP fair", "W. Europe Standard Time")
    check("whole days are whole days in Graph", len(found) == 1 and found[0].is_all_day
          and timed(found[0]) == ("2027-04-20T00:00", "2027-04-22T00:00"), str([timed(e) for e in found]))


def javascript(token):
    """The same calendar as the SDK for JavaScript reads it."""
    if not os.environ.get("NODE_PATH"):
        print("skip  the SDK for JavaScript is not at hand")
        return
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "graph_demo.cjs")
    done = subprocess.run(["node", script, SIM, ELLIS], env=os.environ | {"GRAPH_TOKEN": token}, timeout=60)
    check("the SDK for JavaScript reads the same", done.returncode == 0)


async def judge():
    token = Token(SIM)
    text = await token.get_authorization_token("")
    graph, user, feed = Graph(text), sdk(token), Feed()
    single(graph, feed)
    series(graph, feed)
    others(graph, feed)
    await business_to_graph(user, feed)
    javascript(text)
    status, _ = call("DELETE", f"/v1/mailboxes/{ELLIS}/appointments/erp-1")
    end = time.monotonic() + DEADLINE_SECONDS
    while (left := await view(user, "From the ERP")) and time.monotonic() < end:
        feed.pull(1)
    check("a DELETE takes it from Graph", status == 202 and not left)
    echoes = [(e["type"], e["data"]["id"]) for e in feed.quiet() if e["data"]["id"].startswith("erp")
              and e["type"].rsplit(".", 1)[1] in ("created", "updated", "deleted")]
    check("nothing that the business system did comes back as news", not echoes, str(echoes))
    with urllib.request.urlopen(SIM + "/_sim/ledger", timeout=10) as answer:
        mails = json.load(answer)
    mails = mails if isinstance(mails, list) else mails.get("mails", mails.get("ledger"))
    check("no mail left the server", mails == [], str(mails))
    print(f"{len(failures)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(judge()))
