#!/usr/bin/env python3
"""Microsoft's Graph SDK reads a whole calendar from the simulated Graph.

It follows calendarView/delta in pages of 100, which hold single events whole: that is less than the
connector's first copy reads, which asks for each event by its id as well, to see series with their
exceptions. What it reads is kept nowhere. Prints one JSON object.
"""

import asyncio
import json
import sys
import time
import urllib.parse
import urllib.request

from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.headers_collection import HeadersCollection
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.users.item.calendar_view.delta.delta_request_builder import (
    DeltaRequestBuilder,
)

PAGE = 100
# Longer than the calendar, and no longer than Graph allows.
DAYS = 1_800


class Token(AccessTokenProvider):
    """The token of an application on its own."""

    def __init__(self, url: str, tenant: str, client: str, secret: str):
        self.hosts = AllowedHostsValidator(["127.0.0.1"])
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret,
                "scope": "https://graph.microsoft.com/.default"}
        content = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"{url}/{tenant}/oauth2/v2.0/token", content) as answer:
            self.token = json.load(answer)["access_token"]

    async def get_authorization_token(self, uri, additional_authentication_context=None):
        return self.token

    def get_allowed_hosts_validator(self):
        return self.hosts


def name(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


async def read(client: GraphServiceClient, address: str) -> int:
    headers = HeadersCollection()
    headers.add("Prefer", f'IdType="ImmutableId", odata.maxpagesize={PAGE}')
    query = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(
        start_date_time=name(time.time()), end_date_time=name(time.time() + DAYS * 86_400))
    first = RequestConfiguration(headers=headers, query_parameters=query)
    further = RequestConfiguration(headers=headers)
    delta = client.users.by_user_id(address).calendar_view.delta
    page = await delta.get(request_configuration=first)
    seen = set()
    while True:
        for event in page.value:
            assert event.start.date_time
            # The last entry of a page comes again with the next one.
            seen.add(event.id)
        if not page.odata_next_link:
            return len(seen)
        page = await delta.with_url(page.odata_next_link).get(request_configuration=further)


def main() -> None:
    url, tenant, application, secret, address = sys.argv[1:6]
    token = Token(url, tenant, application, secret)
    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(token))
    adapter.base_url = f"{url}/graph/v1.0"
    client = GraphServiceClient(request_adapter=adapter)
    start = time.perf_counter()
    items = asyncio.run(read(client, address))
    seconds = time.perf_counter() - start
    print(json.dumps({"items": items, "seconds": seconds, "itemsPerSecond": items / seconds}))


if __name__ == "__main__":
    main()
