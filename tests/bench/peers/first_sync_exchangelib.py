#!/usr/bin/env python3
"""exchangelib reads a whole calendar from the simulated Exchange, as the connector's first copy does.

SyncFolderItems in pages of 100 with ids only, then GetItem of ten items at a time. What it reads is
kept nowhere, so nothing here waits for a disk. Prints one JSON object.
"""

import json
import sys
import time

from exchangelib import BASIC, DELEGATE, Account, Configuration, Credentials, EWSTimeZone
from exchangelib.version import EXCHANGE_2016, Version

PAGE = 100
BATCH = 10


def main() -> None:
    url, address, password = sys.argv[1:4]
    configuration = Configuration(
        service_endpoint=url, auth_type=BASIC, version=Version(build=EXCHANGE_2016),
        credentials=Credentials(address, password),
    )
    account = Account(address, config=configuration, access_type=DELEGATE, autodiscover=False,
                      default_timezone=EWSTimeZone("Europe/Berlin"))
    calendar = account.calendar
    start = time.perf_counter()
    items, ids = 0, []
    for _, item in calendar.sync_items(only_fields=["subject"], max_changes_returned=PAGE):
        ids.append((item.id, item.changekey))
        if len(ids) == PAGE:
            items += read(account, calendar, ids)
            ids = []
    items += read(account, calendar, ids)
    seconds = time.perf_counter() - start
    print(json.dumps({"items": items, "seconds": seconds, "itemsPerSecond": items / seconds}))


def read(account: Account, calendar, ids: list) -> int:
    count = 0
    for item in account.fetch(ids, folder=calendar, chunk_size=BATCH):
        if isinstance(item, Exception):
            raise item
        assert item.start is not None
        count += 1
    return count


if __name__ == "__main__":
    main()
