#!/usr/bin/env python3
"""An independent judge: a CalDAV client works in the simulator's calendars, through DavMail.

usage: davmail.py CALDAV_URL SIMULATOR_URL

DavMail stands between: it offers CalDAV and speaks EWS to the simulator. The caldav library creates
appointments (single, whole days, private, a weekly series with one occurrence moved and one taken
out, a meeting), changes and deletes them; exchangelib reads in the simulator what became of them.
Then exchangelib creates the same kinds, and CalDAV has to show them. Meanings are compared, not
bytes. Ends with status 1 when one of them differs.
"""

import datetime
import json
import sys
import time
import urllib.request
import zoneinfo

import caldav
import icalendar
from caldav.lib.error import DAVError
from exchangelib import (
    BASIC, DELEGATE, Account, Attendee, Build, CalendarItem, Configuration, Credentials, EWSDate,
    EWSDateTime, EWSTimeZone, Mailbox, Version,
)
from exchangelib.errors import EWSError
from exchangelib.properties import OccurrenceItemId
from exchangelib.protocol import BaseProtocol
from exchangelib.recurrence import Recurrence, WeeklyPattern

CALDAV, SIM = sys.argv[1].rstrip("/"), sys.argv[2].rstrip("/")
PASSWORD = "Passw0rd!"
ALEX, BLAKE = "alex@tidemark.example", "blake@tidemark.example"
BERLIN, UTC = zoneinfo.ZoneInfo("Europe/Berlin"), datetime.timezone.utc
EWS_BERLIN = EWSTimeZone("Europe/Berlin")
ANSWER_SECONDS = 30
failures = []

# As clients write it: the zone by its rules, under its IANA name.
VTIMEZONE = """BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
END:DAYLIGHT
END:VTIMEZONE
"""


class Missing(Exception):
    """Something that the rest of a part cannot do without; it was told already."""


def check(what, holds, detail=""):
    print(("ok    " if holds else "WRONG ") + what + ("" if holds or detail == "" else f": {detail}"))
    if not holds:
        failures.append(what)


def same(what, found, wanted):
    check(what, found == wanted, f"{found!r} instead of {wanted!r}")


def ics(*events):
    """A VCALENDAR of VEVENTs, each without its BEGIN and END."""
    bodies = "".join(f"BEGIN:VEVENT\nDTSTAMP:20270101T000000Z\n{event.strip()}\nEND:VEVENT\n" for event in events)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Tidemark//judge//EN\n{VTIMEZONE}{bodies}END:VCALENDAR\n"
    return text.replace("\n", "\r\n")


def berlin(month, day, hour=0, minute=0):
    return datetime.datetime(2027, month, day, hour, minute, tzinfo=BERLIN)


def ews_berlin(*args):
    return EWSDateTime(2027, *args, tzinfo=EWS_BERLIN)


def local(moment):
    """A moment in Berlin, as text; whole days stay days."""
    if not isinstance(moment, datetime.datetime):
        return moment.isoformat()
    return moment.astimezone(BERLIN).strftime("%Y-%m-%dT%H:%M")


class Dav:
    """Alex's calendar by CalDAV, for who logs in."""

    def __init__(self, user, password=PASSWORD):
        self.url = f"{CALDAV}/users/{ALEX}/calendar/"
        self.client = caldav.DAVClient(url=self.url, username=user, password=password, timeout=ANSWER_SECONDS)
        self.calendar = caldav.Calendar(client=self.client, url=self.url)

    def put(self, text):
        return self.calendar.save_event(text)

    def events(self):
        """Every VEVENT, by the UID of its object."""
        found = {}
        for event in self.calendar.events():
            parts = [part for part in icalendar.Calendar.from_ical(event.data).walk("VEVENT")]
            found[str(parts[0]["UID"])] = (event, parts)
        return found

    def titled(self, title):
        """The objects whose main VEVENT has this title."""
        return [(event, parts) for event, parts in self.events().values() if str(parts[0].get("SUMMARY")) == title]

    def one(self, title):
        found = self.titled(title)
        check(f"CalDAV shows \"{title}\" once", len(found) == 1, len(found))
        if not found:
            raise Missing(title)
        return found[0]


class Ews:
    """A mailbox by exchangelib."""

    def __init__(self, address):
        config = Configuration(service_endpoint=SIM + "/EWS/Exchange.asmx", auth_type=BASIC, max_connections=1,
                               credentials=Credentials(address, PASSWORD), version=Version(Build(15, 2)))
        self.account = Account(address, config=config, autodiscover=False, access_type=DELEGATE)

    def titled(self, title):
        return [item for item in self.account.calendar.all() if item.subject == title]

    def one(self, title):
        found = self.titled(title)
        check(f"EWS shows \"{title}\" once", len(found) == 1, len(found))
        if not found:
            raise Missing(title)
        return found[0]

    def view(self, title):
        items = self.account.calendar.view(start=ews_berlin(1, 1), end=ews_berlin(12, 31))
        return sorted(local(item.start) for item in items if item.subject == title)

    def item(self, **fields):
        return CalendarItem(account=self.account, folder=self.account.calendar, **fields)


def times(part):
    return local(part["DTSTART"].dt), local(part["DTEND"].dt)


def excluded(part):
    lists = part.get("EXDATE", [])
    lists = lists if isinstance(lists, list) else [lists]
    return sorted(local(moment.dt) for one in lists for moment in one.dts)


def rule(part):
    """A rule without what every rule may leave out."""
    found = {key: [str(value) for value in values] for key, values in part["RRULE"].items()}
    if found.get("INTERVAL") == ["1"]:
        del found["INTERVAL"]
    found.pop("WKST", None)
    return found


def caldav_single(dav, ews):
    event = dav.put(ics("""UID:judge-single
SUMMARY:Site visit\\, north
DTSTART;TZID=Europe/Berlin:20270302T090000
DTEND;TZID=Europe/Berlin:20270302T103000
LOCATION:Room 1
DESCRIPTION:Bring the plans.\\nAnd \\; boots: größer
CATEGORIES:Customer
BEGIN:VALARM
ACTION:DISPLAY
DESCRIPTION:Reminder
TRIGGER:-PT30M
END:VALARM"""))
    item = ews.one("Site visit, north")
    same("its times", (local(item.start), local(item.end)), ("2027-03-02T09:00", "2027-03-02T10:30"))
    same("its place", item.location, "Room 1")
    same("its text", (item.text_body or item.body or "").replace("\r\n", "\n").strip(), "Bring the plans.\nAnd ; boots: größer")
    same("its category", item.categories, ["Customer"])
    same("its reminder", (item.reminder_is_set, item.reminder_minutes_before_start), (True, 30))
    same("its UID", item.uid, "judge-single")
    same("it is nobody's secret", item.sensitivity, "Normal")
    _, (part,) = dav.one("Site visit, north")
    same("CalDAV reads back what it wrote", (times(part), str(part["LOCATION"]), str(part["DESCRIPTION"]).strip()),
         (("2027-03-02T09:00", "2027-03-02T10:30"), "Room 1", "Bring the plans.\nAnd ; boots: größer"))

    event.load()
    event.data = ics("""UID:judge-single
SUMMARY:Site visit\\, south
DTSTART;TZID=Europe/Berlin:20270303T140000
DTEND;TZID=Europe/Berlin:20270303T150000
LOCATION:Room 2
DESCRIPTION:Moved.
CATEGORIES:Customer""")
    event.save()
    item = ews.one("Site visit, south")
    same("the changed times", (local(item.start), local(item.end)), ("2027-03-03T14:00", "2027-03-03T15:00"))
    same("the changed place and text", (item.location, (item.text_body or item.body or "").strip()), ("Room 2", "Moved."))
    same("the reminder is off", item.reminder_is_set, False)
    same("the old one is gone", ews.titled("Site visit, north"), [])
    event.delete()
    same("CalDAV deletes", ews.titled("Site visit, south"), [])


def caldav_days(dav, ews):
    dav.put(ics("""UID:judge-days
SUMMARY:Fair
DTSTART;VALUE=DATE:20270420
DTEND;VALUE=DATE:20270422
TRANSP:TRANSPARENT"""))
    item = ews.one("Fair")
    # exchangelib gives the last day of the item, iCalendar the one after.
    same("whole days are whole days", (item.is_all_day, str(item.start), str(item.end)), (True, "2027-04-20", "2027-04-21"))
    same("they are free", item.legacy_free_busy_status, "Free")
    _, (part,) = dav.one("Fair")
    same("CalDAV reads them back", times(part), ("2027-04-20", "2027-04-22"))


def caldav_private(dav, ews):
    event = dav.put(ics("""UID:judge-private
SUMMARY:Doctor
CLASS:PRIVATE
DTSTART;TZID=Europe/Berlin:20270305T080000
DTEND;TZID=Europe/Berlin:20270305T090000"""))
    item = ews.one("Doctor")
    same("it is private", item.sensitivity, "Private")
    _, (part,) = dav.one("Doctor")
    same("CalDAV shows it private", str(part["CLASS"]), "PRIVATE")
    event.load()
    event.data = event.data.replace("CLASS:PRIVATE", "CLASS:PUBLIC").replace("X-CALENDARSERVER-ACCESS:CONFIDENTIAL\n", "")
    event.save()
    item = ews.one("Doctor")
    same("it is private no more", item.sensitivity, "Normal")


SERIES = """UID:judge-series
SUMMARY:Weekly round
DTSTART;TZID=Europe/Berlin:20270308T100000
DTEND;TZID=Europe/Berlin:20270308T110000
RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20270412T080000Z
"""
# One occurrence is after the change to summer time, whose clock the others do not have.
MOVED = """UID:judge-series
RECURRENCE-ID;TZID=Europe/Berlin:20270329T100000
SUMMARY:Weekly round\\, late
DTSTART;TZID=Europe/Berlin:20270330T130000
DTEND;TZID=Europe/Berlin:20270330T140000
LOCATION:Elsewhere"""


def caldav_series(dav, ews):
    event = dav.put(ics(SERIES + "EXDATE;TZID=Europe/Berlin:20270315T100000", MOVED))
    master = ews.one("Weekly round")
    same("a series is one item", master.type, "RecurringMaster")
    same("its rule", (master.recurrence.pattern.__class__.__name__, [str(day) for day in master.recurrence.pattern.weekdays],
                      str(master.recurrence.boundary.end)), ("WeeklyPattern", ["1"], "2027-04-12"))
    same("its occurrences stand where they should", ews.view("Weekly round"),
         ["2027-03-08T10:00", "2027-03-22T10:00", "2027-04-05T10:00", "2027-04-12T10:00"])
    same("the moved one too", ews.view("Weekly round, late"), ["2027-03-30T13:00"])
    same("the one taken out is known", [local(gone.start) for gone in master.deleted_occurrences or []], ["2027-03-15T10:00"])
    same("the moved one is known", [(local(one.original_start), local(one.start)) for one in master.modified_occurrences or []],
         [("2027-03-29T10:00", "2027-03-30T13:00")])
    _, parts = dav.one("Weekly round")
    same("CalDAV reads the rule back", rule(parts[0]), {"FREQ": ["WEEKLY"], "BYDAY": ["MO"], "UNTIL": ["2027-04-12 08:00:00+00:00"]})
    same("and what is taken out", excluded(parts[0]), ["2027-03-15T10:00"])
    same("and what moved", [(local(part["RECURRENCE-ID"].dt), *times(part), str(part["SUMMARY"]), str(part["LOCATION"])) for part in parts[1:]],
         [("2027-03-29T10:00", "2027-03-30T13:00", "2027-03-30T14:00", "Weekly round, late", "Elsewhere")])

    # DavMail looks for occurrences to take out by their start in UTC.
    event.load()
    event.data = ics(SERIES + "EXDATE:20270315T090000Z\nEXDATE:20270322T090000Z", MOVED.replace("T130000", "T150000").replace("T140000", "T160000"))
    event.save()
    same("a further occurrence is taken out", ews.view("Weekly round"), ["2027-03-08T10:00", "2027-04-05T10:00", "2027-04-12T10:00"])
    same("the moved one moves again", ews.view("Weekly round, late"), ["2027-03-30T15:00"])
    event.delete()
    same("the series is deleted", ews.view("Weekly round") + ews.view("Weekly round, late"), [])


def ledger():
    with urllib.request.urlopen(SIM + "/_sim/ledger", timeout=ANSWER_SECONDS) as answer:
        return json.load(answer)["mails"]


def caldav_meeting(dav, blake):
    before = len(ledger())
    event = dav.put(ics(f"""UID:judge-meeting
SUMMARY:Handover
DTSTART;TZID=Europe/Berlin:20270309T090000
DTEND;TZID=Europe/Berlin:20270309T093000
ORGANIZER:mailto:{ALEX}
ATTENDEE;CN=Alex;PARTSTAT=ACCEPTED;ROLE=REQ-PARTICIPANT:mailto:{ALEX}
ATTENDEE;CN=Blake;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;ROLE=REQ-PARTICIPANT:mailto:{BLAKE}"""))
    same("one invitation left", len(ledger()) - before, 1)
    held = blake.one("Handover")
    same("it stands in the attendee's calendar", (local(held.start), held.organizer.email_address, held.my_response_type),
         ("2027-03-09T09:00", ALEX, "NoResponseReceived"))
    held.accept(message_disposition="SendAndSaveCopy")
    _, parts = dav.one("Handover")
    people = parts[0].get("ATTENDEE", [])
    people = people if isinstance(people, list) else [people]
    same("CalDAV shows the answer", [(str(one).lower(), one.params.get("PARTSTAT")) for one in people], [(f"mailto:{BLAKE}", "ACCEPTED")])
    event.load()
    event.data = event.data.replace("T090000", "T110000").replace("T093000", "T113000")
    event.save()
    same("what moves in CalDAV moves for the attendee", [local(item.start) for item in blake.titled("Handover")], ["2027-03-09T11:00"])
    event.delete()
    same("every mail is the one that Exchange sends", [(mail["kind"], mail["to"]) for mail in ledger()[before:]],
         [("request", BLAKE), ("response", ALEX), ("update", BLAKE), ("cancellation", BLAKE)])


def next_second():
    """DavMail's etag is the time of the last change in whole seconds: a change tells itself in the next."""
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.01)


def ews_single(dav, ews):
    item = ews.item(subject="From EWS; single, plain", start=ews_berlin(5, 4, 9), end=ews_berlin(5, 4, 10, 15), location="Hall 3",
                    body="First line\nSecond, line", categories=["Blue", "Green"], importance="High", legacy_free_busy_status="Tentative",
                    reminder_is_set=True, reminder_minutes_before_start=45)
    item.save(send_meeting_invitations="SendToNone")
    event, (part,) = dav.one("From EWS; single, plain")
    same("times", times(part), ("2027-05-04T09:00", "2027-05-04T10:15"))
    same("zone", str(part["DTSTART"].params.get("TZID")), "Europe/Berlin")
    same("place and text", (str(part["LOCATION"]), str(part["DESCRIPTION"]).strip()), ("Hall 3", "First line\nSecond, line"))
    same("categories", sorted(str(one) for one in part["CATEGORIES"].cats), ["Blue", "Green"])
    same("importance", int(part["PRIORITY"]), 1)
    same("tentative", str(part["STATUS"]), "TENTATIVE")
    alarm = part.walk("VALARM")
    same("reminder", [one["TRIGGER"].dt for one in alarm], [datetime.timedelta(minutes=-45)])
    same("UID", str(part["UID"]), item.uid or next(iter(ews.titled("From EWS; single, plain"))).uid)
    etag = event.props["{DAV:}getetag"]
    next_second()
    item.start, item.end, item.subject = ews_berlin(5, 5, 16), ews_berlin(5, 5, 17), "From EWS; later"
    item.save(update_fields=["start", "end", "subject"], send_meeting_invitations="SendToNone")
    event, (part,) = dav.one("From EWS; later")
    same("the changed times", times(part), ("2027-05-05T16:00", "2027-05-05T17:00"))
    check("the changed etag", event.props["{DAV:}getetag"] != etag)
    item.delete(send_meeting_cancellations="SendToNone")
    same("what EWS deletes is gone in CalDAV", dav.titled("From EWS; later"), [])


def ews_kinds(dav, ews):
    ews.item(subject="EWS fair", start=EWSDate(2027, 5, 10), end=EWSDate(2027, 5, 12), is_all_day=True).save(
        send_meeting_invitations="SendToNone")
    _, parts = dav.one("EWS fair")
    same("whole days from EWS", times(parts[0]), ("2027-05-10", "2027-05-13"))
    ews.item(subject="EWS secret", start=ews_berlin(5, 6, 9), end=ews_berlin(5, 6, 10), sensitivity="Private").save(
        send_meeting_invitations="SendToNone")
    _, parts = dav.one("EWS secret")
    same("private from EWS", str(parts[0]["CLASS"]), "PRIVATE")
    series = ews.item(subject="EWS round", start=ews_berlin(10, 11, 10), end=ews_berlin(10, 11, 11),
                      recurrence=Recurrence(pattern=WeeklyPattern(interval=1, weekdays=["Monday"], first_day_of_week="Monday"),
                                            start=EWSDate(2027, 10, 11), number=6))
    series.save(send_meeting_invitations="SendToNone")

    def occurrence(index):
        series.refresh()
        return next(iter(ews.account.fetch([OccurrenceItemId(id=series.id, changekey=series.changekey, instance_index=index)])))

    # The clocks go back on 31 October: the fourth lies in winter.
    fourth = occurrence(4)
    fourth.start, fourth.end = ews_berlin(11, 2, 13), ews_berlin(11, 2, 14)
    fourth.save(update_fields=["start", "end"], send_meeting_invitations="SendToNone")
    occurrence(2).delete(send_meeting_cancellations="SendToNone")
    _, parts = dav.one("EWS round")
    same("the rule", rule(parts[0]), {"FREQ": ["WEEKLY"], "BYDAY": ["MO"], "COUNT": ["6"]})
    same("the first", times(parts[0]), ("2027-10-11T10:00", "2027-10-11T11:00"))
    same("the one taken out", excluded(parts[0]), ["2027-10-18T10:00"])
    same("the one that moved", [(local(part["RECURRENCE-ID"].dt), *times(part)) for part in parts[1:]],
         [("2027-11-01T10:00", "2027-11-02T13:00", "2027-11-02T14:00")])


def window(dav):
    """CalDAV asks by time too."""
    found = dav.calendar.search(start=berlin(5, 9), end=berlin(5, 14), event=True, expand=False)
    titles = {str(part["SUMMARY"]) for event in found for part in icalendar.Calendar.from_ical(event.data).walk("VEVENT")}
    check("a search by time finds what lies in it", "EWS fair" in titles and "EWS secret" not in titles, titles)


def free_busy(dav):
    """Somebody else's private appointment shows as time that is taken, and as nothing else."""
    answer = dav.client.post(f"{CALDAV}/users/{BLAKE}/outbox/", f"""BEGIN:VCALENDAR
VERSION:2.0
METHOD:REQUEST
BEGIN:VFREEBUSY
UID:judge-freebusy
DTSTAMP:20270101T000000Z
ORGANIZER:mailto:{BLAKE}
ATTENDEE:mailto:{ALEX}
DTSTART:20270506T060000Z
DTEND:20270506T100000Z
END:VFREEBUSY
END:VCALENDAR
""".replace("\n", "\r\n"), {"Content-Type": "text/calendar; charset=utf-8"})
    data = [element.text for element in answer.tree.iter("{urn:ietf:params:xml:ns:caldav}calendar-data")]
    check("free times of somebody else come by CalDAV", len(data) == 1, data)
    busy = [line for line in data[0].splitlines() if line.startswith("FREEBUSY")] if data else []
    same("with the time that is taken", busy, ["FREEBUSY;FBTYPE=BUSY:20270506T070000Z/20270506T080000Z"])


def aftermath(dav, ews):
    # Without an address DavMail learns it from an id of the root folder, by ConvertId.
    short = Dav("alex")
    same("a login without domain sees the same calendar", sorted(short.events()), sorted(dav.events()))
    folders = [folder.name for folder in ews.account.root.walk()]
    check("DavMail's folder is gone, with what was in it", "davmailtemp" not in folders, folders)
    for what, ask in [("what is not there is not found", lambda: dav.calendar.event_by_url(f"{dav.url}nowhere.ics")),
                      ("a wrong password is refused", lambda: Dav(ALEX, "wrong").events())]:
        try:
            ask()
            check(what, False)
        except DAVError:
            check(what, True)


def main():
    BaseProtocol.TIMEOUT = ANSWER_SECONDS
    dav, alex, blake = Dav(ALEX), Ews(ALEX), Ews(BLAKE)
    began = time.monotonic()
    for part, *of in [(caldav_single, dav, alex), (caldav_days, dav, alex), (caldav_private, dav, alex), (caldav_series, dav, alex),
                      (caldav_meeting, dav, blake), (ews_single, dav, alex), (ews_kinds, dav, alex), (window, dav),
                      (free_busy, Dav(BLAKE)), (aftermath, dav, alex)]:
        try:
            part(*of)
        except Missing:
            pass
        except (DAVError, EWSError, OSError) as error:
            check(part.__name__, False, repr(error))
    print(f"{len(failures)} wrong, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
