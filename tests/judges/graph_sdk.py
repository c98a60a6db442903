"""Judges a served simulator with Microsoft's Graph SDK: python graph_sdk.py http://127.0.0.1:PORT

Needs msgraph-sdk 1.65. The simulator has to be fresh. Ends with status 1 at the first thing that a
real Graph would not do. What the SDK reads into its own types is compared, not the raw answers.
"""

import asyncio
import datetime
import http.server
import json
import sys
import threading
import urllib.parse
import urllib.request

from kiota_abstractions.api_error import APIError
from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.headers_collection import HeadersCollection
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.attendee import Attendee
from msgraph.generated.models.attendee_type import AttendeeType
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
from msgraph.generated.models.day_of_week import DayOfWeek
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.event import Event
from msgraph.generated.models.event_type import EventType
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.patterned_recurrence import PatternedRecurrence
from msgraph.generated.models.recurrence_pattern import RecurrencePattern
from msgraph.generated.models.recurrence_pattern_type import RecurrencePatternType
from msgraph.generated.models.recurrence_range import RecurrenceRange
from msgraph.generated.models.recurrence_range_type import RecurrenceRangeType
from msgraph.generated.models.single_value_legacy_extended_property import (
    SingleValueLegacyExtendedProperty,
)
from msgraph.generated.models.subscription import Subscription
from msgraph.generated.users.item.calendar_view.calendar_view_request_builder import (
    CalendarViewRequestBuilder,
)
from msgraph.generated.users.item.calendar_view.delta.delta_request_builder import (
    DeltaRequestBuilder,
)
from msgraph.generated.users.item.events.item.event_item_request_builder import (
    EventItemRequestBuilder,
)

TENANT = "00000000-0000-4000-8000-000000000001"
CLIENT = "00000000-0000-4000-8000-000000000002"
USER = "ellis@tidemark.example"
STAMP = "String {8f71513c-b755-447a-8a2b-3d2ace1b53b9} Name Judge"
ZONE = "W. Europe Standard Time"


def check(condition, what):
    if not condition:
        print(f"FAILED: {what}")
        sys.exit(1)
    print(f"ok: {what}")


class Token(AccessTokenProvider):
    """Asks the simulator's Entra, as an application on its own."""

    def __init__(self, url):
        self.url = url
        self.hosts = AllowedHostsValidator(["127.0.0.1"])

    async def get_authorization_token(self, uri, additional_authentication_context=None):
        form = urllib.parse.urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": CLIENT,
                "client_secret": "sim-secret",
                "scope": "https://graph.microsoft.com/.default",
            }
        ).encode()
        with urllib.request.urlopen(f"{self.url}/{TENANT}/oauth2/v2.0/token", form) as answer:
            return json.load(answer)["access_token"]

    def get_allowed_hosts_validator(self):
        return self.hosts


class Listener(http.server.BaseHTTPRequestHandler):
    """Answers handshakes and keeps notifications."""

    heard = []
    arrived = threading.Event()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        token = query.get("validationToken")
        answer = token[0].encode() if token else b""
        if not token:
            Listener.heard.extend(json.loads(body)["value"])
            Listener.arrived.set()
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def at(text):
    return DateTimeTimeZone(date_time=text, time_zone=ZONE)


def immutable():
    headers = HeadersCollection()
    headers.add("Prefer", 'IdType="ImmutableId"')
    return RequestConfiguration(headers=headers)


async def events(user):
    new = Event(
        subject="Visit",
        start=at("2026-03-02T09:00:00"),
        end=at("2026-03-02T10:00:00"),
        body=ItemBody(content_type=BodyType.Text, content="Hello"),
        single_value_extended_properties=[
            SingleValueLegacyExtendedProperty(id=STAMP, value="j:1")
        ],
        transaction_id="judge-1",
    )
    made = await user.events.post(new, request_configuration=immutable())
    check(made.type == EventType.SingleInstance and made.i_cal_u_id, "an event is made")
    again = await user.events.post(new, request_configuration=immutable())
    check(again.id == made.id, "the same transaction makes no second one")
    one = user.events.by_event_id(made.id)
    query = EventItemRequestBuilder.EventItemRequestBuilderGetQueryParameters(
        expand=[f"singleValueExtendedProperties($filter=id eq '{STAMP}')"]
    )
    read = await one.get(
        RequestConfiguration(query_parameters=query, headers=immutable().headers)
    )
    check(read.start.date_time.startswith("2026-03-02T08:00:00"), "times come in UTC")
    check(read.body.content_type == BodyType.Html, "bodies come as HTML")
    properties = read.single_value_extended_properties
    check([p.value for p in properties] == ["j:1"], "extended properties are expanded")
    stale = immutable()
    stale.headers.add("If-Match", 'W/"AAAA"')
    try:
        await one.patch(Event(subject="Other"), request_configuration=stale)
        check(False, "an old key is refused")
    except APIError as error:
        check(error.response_status_code == 412, "an old key is refused")
        check(error.error.code == "ErrorIrresolvableConflict", "with its code")
    changed = await one.patch(Event(subject="Other"), request_configuration=immutable())
    check(changed.subject == "Other", "an event is changed")
    return made.id


async def series(user):
    rule = PatternedRecurrence(
        pattern=RecurrencePattern(
            type=RecurrencePatternType.Weekly, interval=1, days_of_week=[DayOfWeek.Monday]
        ),
        range=RecurrenceRange(
            type=RecurrenceRangeType.Numbered,
            start_date=datetime.date(2026, 3, 2),
            number_of_occurrences=10,
        ),
    )
    master = await user.events.post(
        Event(
            subject="Weekly",
            start=at("2026-03-02T11:00:00"),
            end=at("2026-03-02T12:00:00"),
            recurrence=rule,
        ),
        request_configuration=immutable(),
    )
    check(master.type == EventType.SeriesMaster, "a series is made")
    check(master.recurrence.range.number_of_occurrences == 10, "with its rule")
    query = CalendarViewRequestBuilder.CalendarViewRequestBuilderGetQueryParameters(
        start_date_time="2026-03-01T00:00:00Z", end_date_time="2026-04-01T00:00:00Z", top=100
    )
    view = await user.calendar_view.get(
        RequestConfiguration(query_parameters=query, headers=immutable().headers)
    )
    seen = [event for event in view.value if event.series_master_id == master.id]
    check(len(seen) == 5, "a view expands it")
    check(all(event.original_start for event in seen), "with original starts")
    await user.events.by_event_id(seen[1].id).delete()
    return master.id


async def delta(user, single):
    query = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(
        start_date_time="2026-03-01T00:00:00Z", end_date_time="2026-04-01T00:00:00Z"
    )
    headers = immutable().headers
    headers.add("Prefer", "odata.maxpagesize=3")
    configuration = RequestConfiguration(query_parameters=query, headers=headers)
    page = await user.calendar_view.delta.get(configuration)
    seen = list(page.value)
    while page.odata_next_link:
        builder = user.calendar_view.delta.with_url(page.odata_next_link)
        page = await builder.get(RequestConfiguration(headers=headers))
        seen.extend(page.value)
    kinds = {event.type for event in seen}
    check(
        kinds == {EventType.SingleInstance, EventType.SeriesMaster, EventType.Occurrence},
        "a first round tells singles, masters and occurrences",
    )
    await user.events.by_event_id(single).delete()
    page = await user.calendar_view.delta.with_url(page.odata_delta_link).get(
        RequestConfiguration(headers=immutable().headers)
    )
    removed = [e.id for e in page.value if "@removed" in e.additional_data]
    check(removed == [single], "a deletion is told")


async def listen(client, user):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/notify?c=1"
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=6)
    made = await client.subscriptions.post(
        Subscription(
            change_type="created,updated,deleted",
            notification_url=url,
            resource=f"/users/{USER}/events",
            expiration_date_time=until,
            client_state="state",
        ),
        request_configuration=immutable(),
    )
    check(made.id is not None, "a listener is asked and taken")
    event = await user.events.post(
        Event(
            subject="Meeting",
            start=at("2026-03-03T09:00:00"),
            end=at("2026-03-03T10:00:00"),
            attendees=[
                Attendee(
                    type=AttendeeType.Required,
                    email_address=EmailAddress(address="frankie@tidemark.example"),
                )
            ],
        ),
        request_configuration=immutable(),
    )
    check(Listener.arrived.wait(5), "a change is told")
    note = Listener.heard[0]
    check(note["clientState"] == "state" and note["changeType"] == "created", "with its state")
    check(note["resourceData"]["id"] == event.id, "and the lasting id")
    await client.subscriptions.by_subscription_id(made.id).delete()
    server.shutdown()


async def judge(url):
    provider = BaseBearerTokenAuthenticationProvider(Token(url))
    adapter = GraphRequestAdapter(provider)
    adapter.base_url = f"{url}/graph/v1.0"
    client = GraphServiceClient(request_adapter=adapter)
    user = client.users.by_user_id(USER)
    found = await user.get()
    check(found.mail == USER, "a user is found")
    settings = await user.mailbox_settings.get()
    check(settings.time_zone == ZONE, "a mailbox has a zone")
    single = await events(user)
    await series(user)
    await delta(user, single)
    await listen(client, user)
    print("Graph's SDK is content")


if __name__ == "__main__":
    asyncio.run(judge(sys.argv[1].rstrip("/")))
