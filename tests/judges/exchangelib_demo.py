#!/usr/bin/env python3
"""An independent judge: exchangelib edits a mailbox of the running demo, the business side must see it.

usage: exchangelib_demo.py API_URL SIMULATOR_URL API_KEY

Creates, moves, recurs (weekly, one occurrence moved, one cancelled), privatises and deletes
appointments in alex's calendar with exchangelib and reads each in the change feed and at a webhook;
then puts the same kinds of object through the API and reads them back with exchangelib. At the end
nothing may be doubled, nothing echoed, and the simulator's mail ledger has to be empty.
"""

import base64
import datetime
import hashlib
import hmac
import http.server
import json
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from exchangelib import (
    BASIC, DELEGATE, Account, Build, CalendarItem, Configuration, Credentials, EWSDate,
    EWSDateTime, EWSTimeZone, Version,
)
from exchangelib.properties import OccurrenceItemId
from exchangelib.recurrence import Recurrence, WeeklyPattern
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

API, SIM, KEY = sys.argv[1].rstrip("/"), sys.argv[2].rstrip("/"), sys.argv[3]
ALEX = "alex@tidemark.example"
BERLIN = EWSTimeZone("Europe/Berlin")
DEADLINE_SECONDS = 20
failures = []


def check(what, holds, detail=""):
    print(("ok    " if holds else "WRONG ") + what + ("" if holds or not detail else f": {detail}"))
    if not holds:
        failures.append(what)


def call(method, path, body=None, headers=None):
    request = urllib.request.Request(
        API + path, method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **(headers or {})})
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


class Hook(http.server.BaseHTTPRequestHandler):
    seen = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        Hook.seen.append((dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def signed(headers, body, secret):
    headers = {name.lower(): value for name, value in headers.items()}
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(expected, given) for given in headers["webhook-signature"].split(" "))


def verified(headers, body, secret):
    """What the library of the specification's own authors says."""
    try:
        Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    except WebhookVerificationError:
        return False
    return True


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
        while empty < 2:
            empty = 0 if self.pull(1) else empty + 1
        return self.events


def kind(event, verb):
    return event["type"] == f"tidemark.appointment.{verb}"


def titled(title, verb="created"):
    return lambda event: kind(event, verb) and (event["data"]["item"] or {}).get("title") == title


def at(day, hour, minute=0):
    return EWSDateTime(2027, 3, day, hour, minute, tzinfo=BERLIN)


def ledger():
    with urllib.request.urlopen(SIM + "/_sim/ledger", timeout=10) as answer:
        found = json.load(answer)
    return found if isinstance(found, list) else found.get("mails", found.get("ledger"))


def exchange_to_business(account, feed):
    item = CalendarItem(account=account, folder=account.calendar, subject="Visit at Muster", start=at(2, 9),
                        end=at(2, 10, 30), location="Room 1", body="Bring the plans", categories=["Customer"],
                        reminder_is_set=True, reminder_minutes_before_start=30, importance="High")
    item.save(send_meeting_invitations="SendToNone")
    event = feed.wait_for(titled("Visit at Muster"))
    check("a new appointment arrives", event is not None)
    if event is None:
        return
    data, body = event["data"], event["data"]["item"]
    check("it says who made it", data["origin"] == "exchange" and data["mailbox"] == ALEX, data.get("origin"))
    check("its time is civil time with a zone",
          (body["start"], body["timeZone"], body["duration"]) == ("2027-03-02T09:00:00", "Europe/Berlin", "PT1H30M"),
          str((body.get("start"), body.get("timeZone"), body.get("duration"))))
    check("its place, text, category, priority and reminder arrive",
          any(place.get("name") == "Room 1" for place in body.get("locations", {}).values())
          and "Bring the plans" in body.get("description", "") and body.get("keywords") == {"Customer": True}
          and body.get("priority") == 1
          and any(alert["trigger"].get("offset") == "-PT30M" for alert in body.get("alerts", {}).values()))
    identity = data["id"]
    mine = lambda verb: lambda e: kind(e, verb) and e["data"]["id"] == identity

    item.start, item.end = at(3, 14), at(3, 15)
    item.save(update_fields=["start", "end"], send_meeting_invitations="SendToNone")
    moved = feed.wait_for(lambda e: mine("updated")(e) and e["data"]["item"]["start"] == "2027-03-03T14:00:00")
    check("a moved appointment arrives", moved is not None and moved["data"]["item"]["duration"] == "PT1H")

    series = CalendarItem(account=account, folder=account.calendar, subject="Weekly round", start=at(8, 10), end=at(8, 11),
                          recurrence=Recurrence(pattern=WeeklyPattern(interval=1, weekdays=["Monday"], first_day_of_week="Monday"),
                                                start=EWSDate(2027, 3, 8), number=6))
    series.save(send_meeting_invitations="SendToNone")
    event = feed.wait_for(titled("Weekly round"))
    check("a series arrives as one item", event is not None
          and event["data"]["item"]["recurrenceRules"][0]["frequency"] == "weekly"
          and event["data"]["item"]["recurrenceRules"][0]["count"] == 6)
    series_id = event["data"]["id"] if event else None
    second = next(iter(account.fetch(
        [OccurrenceItemId(id=series.id, changekey=series.changekey, instance_index=2)])))
    second.start, second.end = at(16, 13), at(16, 14)
    second.save(update_fields=["start", "end"], send_meeting_invitations="SendToNone")
    event = feed.wait_for(lambda e: kind(e, "updated") and e["data"]["id"] == series_id
                          and "2027-03-15T10:00:00" in (e["data"]["item"].get("recurrenceOverrides") or {}))
    check("a moved occurrence is an override of the series", event is not None
          and event["data"]["item"]["recurrenceOverrides"]["2027-03-15T10:00:00"].get("start") == "2027-03-16T13:00:00")
    series.refresh()
    third = next(iter(account.fetch([OccurrenceItemId(id=series.id, changekey=series.changekey, instance_index=3)])))
    third.delete(send_meeting_cancellations="SendToNone")
    event = feed.wait_for(lambda e: kind(e, "updated") and e["data"]["id"] == series_id
                          and (e["data"]["item"].get("recurrenceOverrides") or {}).get("2027-03-22T10:00:00") == {"excluded": True})
    check("a cancelled occurrence is excluded", event is not None
          and "2027-03-15T10:00:00" in event["data"]["item"]["recurrenceOverrides"])

    feed.quiet()
    before = len(feed.events)
    item.refresh()
    item.sensitivity = "Private"
    item.subject = "Nobody may read this"
    item.save(update_fields=["sensitivity", "subject"], send_meeting_invitations="SendToNone")
    feed.quiet()
    new = feed.events[before:]
    check("a privatised appointment is told to nobody", not new, str([e["type"] for e in new]))
    end = time.monotonic() + DEADLINE_SECONDS
    said = ""
    while time.monotonic() < end and "private" not in said:
        status, history = call("GET", f"/v1/mailboxes/{ALEX}/appointments/{identity}/history")
        said = json.dumps(history).lower()
    check("its history says why", status == 200 and "private" in said)
    check("its history does not say what", "nobody may read" not in said)

    gone = CalendarItem(account=account, folder=account.calendar, subject="Soon gone", start=at(4, 9), end=at(4, 10))
    gone.save(send_meeting_invitations="SendToNone")
    event = feed.wait_for(titled("Soon gone"))
    gone.delete(send_meeting_cancellations="SendToNone")
    deleted = feed.wait_for(lambda e: kind(e, "deleted") and event and e["data"]["id"] == event["data"]["id"])
    check("a deleted appointment is told, with no item", deleted is not None and deleted["data"]["item"] is None)


def find(account, subject):
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        found = [i for i in account.calendar.all() if i.subject == subject]
        if found or time.monotonic() > end:
            return found


def business_to_exchange(account, feed):
    path = f"/v1/mailboxes/{ALEX}/appointments/"
    applied = lambda key: feed.wait_for(lambda e: kind(e, "applied") and e["data"]["id"] == key)
    visit = {"@type": "Event", "title": "From the ERP", "start": "2027-04-06T09:00:00", "timeZone": "Europe/Berlin",
             "duration": "PT45M", "locations": {"1": {"name": "Site 7"}}, "description": "Boiler", "priority": 9,
             "keywords": {"Service": True}, "freeBusyStatus": "free"}
    status, answer = call("PUT", path + "erp-1", visit)
    check("a PUT is accepted", status == 202, str((status, answer)))
    check("it is reported applied", applied("erp-1") is not None)
    found = find(account, "From the ERP")
    check("it is there once", len(found) == 1, str(len(found)))
    if found:
        item = found[0]
        check("its fields have the same meaning",
              item.start == EWSDateTime(2027, 4, 6, 9, tzinfo=BERLIN) and item.end - item.start == datetime.timedelta(minutes=45)
              and item.location == "Site 7" and "Boiler" in (item.text_body or item.body or "")
              and item.importance == "Low" and item.categories == ["Service"] and item.legacy_free_busy_status == "Free")

    feed.events.clear()
    status, _ = call("PATCH", path + "erp-1", {"start": "2027-04-07T11:00:00"})
    check("a PATCH is accepted", status == 202)
    check("it is applied", applied("erp-1") is not None)
    found = find(account, "From the ERP")
    check("only the time moved", len(found) == 1 and found[0].start == EWSDateTime(2027, 4, 7, 11, tzinfo=BERLIN)
          and found[0].location == "Site 7" and found[0].end - found[0].start == datetime.timedelta(minutes=45))

    weekly = {"title": "ERP round", "start": "2027-04-05T10:00:00", "timeZone": "Europe/Berlin", "duration": "PT1H",
              "recurrenceRules": [{"frequency": "weekly", "byDay": [{"day": "mo"}], "count": 5}],
              "recurrenceOverrides": {"2027-04-12T10:00:00": {"start": "2027-04-13T15:00:00"},
                                      "2027-04-19T10:00:00": {"excluded": True}}}
    status, answer = call("PUT", path + "erp%2Fround%201", weekly)
    check("a series with exceptions is accepted", status == 202, str((status, answer)))
    check("it is applied", applied("erp/round 1") is not None)
    view = sorted((i.start.astimezone(BERLIN).strftime("%m-%d %H") for i in account.calendar.view(
        start=EWSDateTime(2027, 4, 1, tzinfo=BERLIN), end=EWSDateTime(2027, 5, 30, tzinfo=BERLIN)) if i.subject == "ERP round"))
    check("its occurrences stand where they should", view == ["04-05 10", "04-13 15", "04-26 10", "05-03 10"], str(view))

    private = {"title": "Private from the ERP", "start": "2027-04-08T09:00:00", "timeZone": "Europe/Berlin",
               "duration": "PT1H", "privacy": "private"}
    status, _ = call("PUT", path + "erp-private", private)
    check("a private PUT is accepted", status == 202)
    event = applied("erp-private")
    check("it is written and not shown again", event is not None and event["data"]["item"] is None)
    found = find(account, "Private from the ERP")
    check("it is private in Exchange", len(found) == 1 and found[0].sensitivity == "Private")

    allday = {"title": "ERP fair", "start": "2027-04-20T00:00:00", "timeZone": None, "duration": "P2D", "showWithoutTime": True}
    call("PUT", path + "erp-fair", allday)
    applied("erp-fair")
    found = find(account, "ERP fair")
    check("whole days are whole days", len(found) == 1 and found[0].is_all_day
          and (str(found[0].start), str(found[0].end)) == ("2027-04-20", "2027-04-21"),
          str([(i.start, i.end) for i in found]))

    status, _ = call("DELETE", path + "erp-1")
    check("a DELETE is accepted", status == 202)
    end = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end and any(i.subject == "From the ERP" for i in account.calendar.all()):
        pass
    check("it is gone in Exchange", not any(i.subject == "From the ERP" for i in account.calendar.all()))
    status, problem = call("PUT", path + "erp-bad", {"title": "x", "start": "yesterday"})
    check("bad input gets a problem that names the field", status in (400, 422) and "/start" in json.dumps(problem), str((status, problem)))
    echoes = [e for e in feed.quiet() if e["data"]["id"].startswith("erp") and e["type"].rsplit(".", 1)[1] in ("created", "updated", "deleted")]
    check("nothing that the business system did comes back as news", not echoes, str([(e["type"], e["data"]["id"]) for e in echoes]))


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    status, endpoint = call("POST", "/v1/webhooks", {"url": f"http://127.0.0.1:{server.server_port}/hook"})
    check("a webhook is registered", status == 201 and endpoint["secret"].startswith("whsec_"), str((status, endpoint)))
    config = Configuration(service_endpoint=SIM + "/EWS/Exchange.asmx", auth_type=BASIC, max_connections=1,
                           credentials=Credentials(ALEX, "Passw0rd!"), version=Version(Build(15, 2)))
    account = Account(ALEX, config=config, autodiscover=False, access_type=DELEGATE)
    feed = Feed()
    seen = []
    exchange_to_business(account, feed)
    seen += feed.events
    business_to_exchange(account, feed)
    seen += feed.events
    wanted = {event["id"] for event in seen}
    end = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end and not wanted <= {json.loads(body)["id"] for _, body in Hook.seen}:
        pass
    got = [json.loads(body)["id"] for _, body in Hook.seen]
    check("every change of the feed came by webhook", wanted <= set(got), f"{len(wanted - set(got))} missing of {len(wanted)}")
    check("every delivery is signed", all(signed(headers, body, endpoint["secret"]) for headers, body in Hook.seen))
    check("the Standard Webhooks library verifies them", all(verified(headers, body, endpoint["secret"]) for headers, body in Hook.seen))
    check("it refuses another body", not any(verified(headers, body + b" ", endpoint["secret"]) for headers, body in Hook.seen))
    check("no delivery came twice", len(got) == len(set(got)))
    check("no mail left the server", not ledger(), str(ledger()))
    print(f"{len(failures)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
