"""Judges a served simulator with exchangelib: python exchangelib_basic.py http://127.0.0.1:PORT

Needs exchangelib 5.6. With --xsd DIRECTORY every answer is also validated against Microsoft's
schema (needs lxml). Ends with status 1 at the first thing that a real Exchange would not do.
"""

import argparse
import http.server
import json
import pathlib
import re
import sys
import threading
import urllib.request

import requests
from exchangelib import (
    Account,
    BASIC,
    CalendarItem,
    Configuration,
    Credentials,
    EWSDateTime,
    EWSDate,
    EWSTimeZone,
    ExtendedProperty,
    IMPERSONATION,
    DELEGATE,
    Attendee,
    Mailbox,
)
from exchangelib.errors import (
    ErrorImpersonateUserDenied,
    ErrorIrresolvableConflict,
    ErrorItemNotFound,
    ErrorNonExistentMailbox,
    ErrorOccurrenceCrossingBoundary,
    UnauthorizedError,
)
from exchangelib.items import SEND_TO_ALL_AND_SAVE_COPY
from exchangelib.recurrence import Recurrence, WeeklyPattern
from exchangelib.version import EXCHANGE_2016, Version

PASSWORD = "Passw0rd!"
ZONE = EWSTimeZone("Europe/Berlin")
RECORDED = []


class Stamp(ExtendedProperty):
    property_set_id = "8f71513c-b755-447a-8a2b-3d2ace1b53b9"
    property_name = "Link"
    property_type = "String"


CalendarItem.register("stamp", Stamp)


def record(response, *_args, **_kwargs):
    RECORDED.append(response.content)
    if response.status_code == 200:
        assert response.headers["Content-Type"] == "text/xml; charset=utf-8"


def account(base, user, login=None, password=PASSWORD):
    config = Configuration(
        service_endpoint=base + "/EWS/Exchange.asmx",
        credentials=Credentials(login or user, password),
        auth_type=BASIC,
        version=Version(EXCHANGE_2016),
        max_connections=1,
    )
    access = IMPERSONATION if login else DELEGATE
    made = Account(
        user, config=config, autodiscover=False, access_type=access, default_timezone=ZONE
    )
    session = made.protocol.get_session()
    session.hooks["response"] = [record]
    made.protocol.release_session(session)
    return made


def at(day, hour, minute=0):
    return EWSDateTime(2026, 3, day, hour, minute, tzinfo=ZONE)


def check(condition, text):
    if not condition:
        print(f"FAILED: {text}")
        sys.exit(1)
    print(f"ok: {text}")


def refused(error, action, text):
    try:
        action()
    except error:
        print(f"ok: {text}")
        return
    check(False, text)


def control(base, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + "/_sim/" + path, data=data, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def single_items(alex):
    calendar = alex.calendar
    item = CalendarItem(
        account=alex,
        folder=calendar,
        subject="Visit",
        body="text",
        start=at(2, 9),
        end=at(2, 10),
        location="Room 1",
        categories=["Red Category"],
        stamp="crm:4711",
    )
    item.save()
    found = calendar.get(stamp="crm:4711")
    check(found.subject == "Visit" and found.start == at(2, 9), "an item is found by its stamp")
    check(found.location == "Room 1" and found.categories == ["Red Category"], "with its values")
    old_key = found.changekey
    found.start, found.end = at(2, 14), at(2, 15)
    found.save(update_fields=["start", "end"])
    check(found.changekey != old_key, "a change gives another change key")
    again = calendar.get(id=found.id, changekey=found.changekey)
    check(again.start == at(2, 14) and again.end == at(2, 15), "the item has moved in time")
    again.sensitivity = "Private"
    again.save(update_fields=["sensitivity"])
    check(calendar.get(stamp="crm:4711").sensitivity == "Private", "the item is private")
    stale = calendar.get(stamp="crm:4711")
    stale.changekey = old_key
    stale.start, stale.end = at(2, 16), at(2, 17)
    refused(
        ErrorIrresolvableConflict,
        lambda: stale.save(update_fields=["start", "end"], conflict_resolution="AutoResolve"),
        "AutoResolve refuses a property that changed meanwhile",
    )
    stale.changekey = old_key
    stale.location = "Room 2"
    stale.save(update_fields=["location"], conflict_resolution="AutoResolve")
    check(calendar.get(stamp="crm:4711").location == "Room 2", "and takes one that did not")
    stale.changekey = old_key
    stale.location = "Room 3"
    refused(
        ErrorIrresolvableConflict,
        lambda: stale.save(update_fields=["location"], conflict_resolution="NeverOverwrite"),
        "NeverOverwrite refuses every stale key",
    )
    whole = CalendarItem(
        account=alex,
        folder=calendar,
        subject="Fair",
        start=EWSDate(2026, 3, 4),
        end=EWSDate(2026, 3, 6),
        is_all_day=True,
    )
    whole.save()
    whole = calendar.get(subject="Fair")
    check(
        (whole.start, whole.end) == (EWSDate(2026, 3, 4), EWSDate(2026, 3, 6)),
        "whole days stay whole days",
    )
    gone = (whole.id, whole.changekey)
    whole.delete()
    answer = next(iter(alex.fetch(ids=[gone])))
    check(isinstance(answer, ErrorItemNotFound), "a deleted item is gone")


def series(alex):
    calendar = alex.calendar
    master = CalendarItem(
        account=alex,
        folder=calendar,
        subject="Weekly",
        start=at(2, 9),
        end=at(2, 10),
        recurrence=Recurrence(
            pattern=WeeklyPattern(interval=1, weekdays=["Monday"], first_day_of_week="Monday"),
            start=EWSDate(2026, 3, 2),
            number=5,
        ),
    )
    master.save()
    view = [i for i in calendar.view(start=at(1, 0), end=at(31, 23)) if i.subject == "Weekly"]
    days = [i.start.astimezone(ZONE).day for i in view]
    check(days == [2, 9, 16, 23, 30], "the view expands the series")
    check(view[4].start == at(30, 9), "across the change of the clock")
    moved = calendar.get(id=view[1].id, changekey=view[1].changekey)
    moved.start, moved.end, moved.location = at(10, 11), at(10, 12), "Elsewhere"
    moved.save(update_fields=["start", "end", "location"])
    check(
        calendar.get(id=view[1].id).type == "Exception",
        "a moved occurrence is an exception",
    )
    cancelled = calendar.get(id=view[2].id)
    cancelled.delete()
    master = next(i for i in calendar.filter(subject="Weekly") if i.type == "RecurringMaster")
    check(
        [o.start for o in master.modified_occurrences] == [at(10, 11)]
        and [o.original_start for o in master.modified_occurrences] == [at(9, 9)],
        "the master lists the moved one",
    )
    check([o.start for o in master.deleted_occurrences] == [at(16, 9)], "and the deleted one")
    check(master.last_occurrence.start == at(30, 9), "and its last one")
    third = calendar.get(id=view[3].id)
    third.start, third.end = at(30, 15), at(30, 16)
    refused(
        ErrorOccurrenceCrossingBoundary,
        lambda: third.save(update_fields=["start", "end"]),
        "an exception cannot reach its neighbour's day",
    )
    view_item = calendar.get(id=view[3].id)
    by_id = next(iter(alex.fetch(ids=[view_item.recurring_master()])))
    check(by_id.id == master.id, "an occurrence knows its master")
    second = next(iter(alex.fetch(ids=[master.occurrence(index=2)])))
    check(second.id == view[1].id, "and a master its occurrences by number")
    return master


def sync(alex):
    calendar = alex.calendar
    first = list(calendar.sync_items())
    check({kind for kind, _ in first} == {"create"}, "the first sync gives everything as created")
    check(calendar.item_sync_state is not None, "and a state")
    check(list(calendar.sync_items()) == [], "nothing has changed since")
    item = calendar.get(subject="Visit")
    item.subject = "Visit 2"
    item.save(update_fields=["subject"])
    changes = list(calendar.sync_items())
    check(
        [(kind, i.id) for kind, i in changes] == [("update", item.id)], "one update comes alone"
    )
    old = item.id
    item.move(to_folder=alex.trash)
    check(item.id != old, "a move gives another id")
    changes = list(calendar.sync_items())
    check([(kind, i.id) for kind, i in changes] == [("delete", old)], "and is a deletion here")


def meetings(base, alex):
    blake = account(base, "blake@tidemark.example")
    meeting = CalendarItem(
        account=alex,
        folder=alex.calendar,
        subject="Planning",
        start=at(12, 9),
        end=at(12, 10),
        required_attendees=[
            Attendee(mailbox=Mailbox(email_address="blake@tidemark.example")),
            Attendee(mailbox=Mailbox(email_address="guest@elsewhere.example")),
        ],
    )
    meeting.save(send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)
    copy = blake.calendar.get(subject="Planning")
    check(copy.my_response_type == "NoResponseReceived", "the attendee has a tentative copy")
    check(copy.organizer.email_address == "alex@tidemark.example", "that names the organiser")
    check(copy.uid == alex.calendar.get(subject="Planning").uid, "with the same UID")
    request = next(i for i in blake.inbox.all() if i.subject == "Planning")
    check(type(request).__name__ == "MeetingRequest", "and an invitation in the inbox")
    copy.accept()
    tracked = alex.calendar.get(subject="Planning")
    responses = {a.mailbox.email_address: a.response_type for a in tracked.required_attendees}
    check(responses["blake@tidemark.example"] == "Accept", "the answer reaches the organiser")
    kinds = [(m["kind"], m["to"]) for m in control(base, "GET", "ledger")["mails"]]
    check(
        kinds
        == [
            ("request", "blake@tidemark.example"),
            ("request", "guest@elsewhere.example"),
            ("response", "alex@tidemark.example"),
        ],
        "the ledger knows every mail",
    )


def free_busy(alex):
    people = [(alex, "Organizer", False), ("blake@tidemark.example", "Required", False)]
    own, other = alex.protocol.get_free_busy_info(
        accounts=people,
        start=at(12, 8),
        end=at(12, 12),
        merged_free_busy_interval=60,
        requested_view="DetailedMerged",
    )
    check(own.view_type == "DetailedMerged", "one's own time is told in full")
    check(
        [(e.start, e.end, e.details.subject) for e in own.calendar_events]
        == [(at(12, 9), at(12, 10), "Planning")],
        "with its items",
    )
    check(other.view_type == "FreeBusyMerged", "somebody else's only as free and busy")
    check(own.merged == other.merged == "0200", "in the merged view too")
    check(other.calendar_events[0].details is None, "without what it is")
    weekdays = other.working_hours[0].weekdays
    check(len(weekdays) == 5, "with working hours")


def rights(base):
    as_blake = account(base, "blake@tidemark.example", login="svc@tidemark.example")
    check(as_blake.calendar.total_count is not None, "the service account may impersonate")
    refused(
        ErrorImpersonateUserDenied,
        lambda: account(base, "blake@tidemark.example", login="casey@tidemark.example").calendar,
        "nobody else may",
    )
    refused(
        ErrorNonExistentMailbox,
        lambda: account(base, "nobody@tidemark.example", login="svc@tidemark.example").calendar,
        "and not as somebody who is not there",
    )
    refused(
        UnauthorizedError,
        lambda: account(base, "alex@tidemark.example", password="wrong").calendar,
        "a wrong password is refused",
    )


class Listener(http.server.BaseHTTPRequestHandler):
    bodies = []
    arrived = threading.Condition()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.arrived:
            self.bodies.append(body)
            self.arrived.notify_all()
        answer = (
            b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
            b'<m:SendNotificationResult xmlns:m="http://schemas.microsoft.com/exchange/services'
            b'/2006/messages"><m:SubscriptionStatus>OK</m:SubscriptionStatus>'
            b"</m:SendNotificationResult></s:Body></s:Envelope>"
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_args):
        pass

    @classmethod
    def wait(cls, word):
        with cls.arrived:
            met = cls.arrived.wait_for(lambda: any(word in body for body in cls.bodies), 5)
        check(met, f"a notification with {word.decode()} arrives")


def push(alex):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/hook"
    with alex.calendar.push_subscription(callback_url=url, status_frequency=1) as (ident, mark):
        check(bool(ident) and bool(mark), "a push subscription has an id and a watermark")
        Listener.wait(b"StatusEvent")
        item = CalendarItem(
            account=alex, folder=alex.calendar, subject="Told", start=at(20, 9), end=at(20, 10)
        )
        item.save()
        Listener.wait(b"CreatedEvent")
    RECORDED.extend(Listener.bodies)


def pull(alex):
    with alex.calendar.pull_subscription() as (ident, mark):
        item = alex.calendar.get(subject="Told")
        item.delete()
        kinds = {
            type(event).__name__
            for notification in alex.calendar.get_events(ident, mark)
            for event in notification.events
        }
        check("DeletedEvent" in kinds, "a pull subscription hears of a deletion")


def unusual(base):
    """Requests that exchangelib does not send."""
    operations = [
        '<m:GetServerTimeZones ReturnFullTimeZoneData="true"/>',
        '<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>a</m:UnresolvedEntry>'
        "</m:ResolveNames>",
        '<m:GetUserConfiguration><m:UserConfigurationName Name="CategoryList">'
        '<t:DistinguishedFolderId Id="calendar"/></m:UserConfigurationName>'
        "<m:UserConfigurationProperties>XmlData</m:UserConfigurationProperties>"
        "</m:GetUserConfiguration>",
        "<m:SyncFolderHierarchy><m:FolderShape><t:BaseShape>AllProperties</t:BaseShape>"
        "</m:FolderShape></m:SyncFolderHierarchy>",
        '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape>'
        "</m:ItemShape><m:ParentFolderIds>"
        '<t:DistinguishedFolderId Id="calendar"/><t:DistinguishedFolderId Id="inbox"/>'
        "</m:ParentFolderIds></m:FindItem>",
        '<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:ItemIds>'
        '<t:ItemId Id="abcd"/></m:ItemIds></m:GetItem>',
    ]
    for operation in operations:
        body = (
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" '
            'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">'
            f"<s:Body>{operation}</s:Body></s:Envelope>"
        )
        answer = requests.post(
            base + "/EWS/Exchange.asmx",
            data=body,
            auth=("alex@tidemark.example", PASSWORD),
            headers={"Content-Type": "text/xml; charset=utf-8"},
        )
        name = re.search(r"<m:(\w+)", operation).group(1)
        check(answer.status_code == 200, f"{name} is answered")
        record(answer)


def validate(directory):
    from lxml import etree

    stub = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        'targetNamespace="http://www.w3.org/XML/1998/namespace"><xs:attribute name="lang" '
        'type="xs:language"/></xs:schema>'
    )

    class Resolver(etree.Resolver):
        def resolve(self, url, _public, context):
            if url.endswith("xml.xsd"):
                return self.resolve_string(stub, context)
            return None

    parser = etree.XMLParser()
    parser.resolvers.add(Resolver())
    folder = pathlib.Path(directory)
    types = folder.joinpath("types.xsd").read_text()
    types = re.sub(
        r'<xs:import namespace="http://www.w3.org/XML/1998/namespace"\s*/>',
        '<xs:import namespace="http://www.w3.org/XML/1998/namespace" schemaLocation="xml.xsd"/>',
        types,
    )

    class Types(etree.Resolver):
        def resolve(self, url, _public, context):
            if url.endswith("types.xsd"):
                return self.resolve_string(types, context, base_url=str(folder / "types.xsd"))
            return None

    parser.resolvers.add(Types())
    schema = etree.XMLSchema(etree.parse(str(folder / "messages.xsd"), parser))
    soap = "{http://schemas.xmlsoap.org/soap/envelope/}"
    checked = 0
    for content in RECORDED:
        if not content.strip().startswith(b"<"):
            continue
        body = etree.fromstring(content).find(soap + "Body")
        child = body[0]
        if child.tag == soap + "Fault":
            continue
        if not schema.validate(etree.ElementTree(child)):
            error = schema.error_log[0]
            check(False, f"{etree.QName(child).localname} validates: {error.message}")
        checked += 1
    check(checked > 40, f"{checked} answers validate against the schema")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("url")
    arguments.add_argument("--xsd")
    given = arguments.parse_args()
    base = given.url.rstrip("/")
    control(base, "POST", "reset", {})
    alex = account(base, "alex@tidemark.example")
    check(alex.root.tois.name == "Top of Information Store", "the folder tree can be walked")
    single_items(alex)
    series(alex)
    sync(alex)
    meetings(base, alex)
    free_busy(alex)
    rights(base)
    push(alex)
    pull(alex)
    unusual(base)
    if given.xsd:
        validate(given.xsd)


if __name__ == "__main__":
    main()
