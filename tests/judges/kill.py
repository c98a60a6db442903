#!/usr/bin/env python3
"""Kills the connector at random moments under load from both sides; nothing may be lost or doubled.

usage: kill.py BINARY SCRATCH_FOLDER ROUNDS SEED

Connector and simulated Exchange are two processes. In each round two mailboxes are worked on from
both sides, by API calls and by exchangelib, while the connector is killed with SIGKILL at a moment
drawn from the seed; then it is started again on the same data. A call that got no answer is
repeated with the same Idempotency-Key, as any client would. At the end both sides have to hold the
same items, each once, every business change has to be reported applied once, and no change may have
been told twice. A seed draws the same moments again, but machines are not equally fast.
"""

import collections
import http.client
import itertools
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from exchangelib import (
    BASIC, DELEGATE, Account, Build, CalendarItem, Configuration, Credentials, EWSDateTime, EWSTimeZone, Version,
)

BINARY, SCRATCH = sys.argv[1], pathlib.Path(sys.argv[2])
ROUNDS, SEED = int(sys.argv[3]), int(sys.argv[4])
KEY, PASSWORD, DOMAIN = "judges-kill-key-0001", "Passw0rd!", "tidemark.example"
ZONE = EWSTimeZone("Europe/Berlin")
START_SECONDS, QUIET_SECONDS = 120, 240
failures = []


def check(what, holds, detail=""):
    print(("ok    " if holds else "WRONG ") + what + ("" if holds or not detail else f": {detail}"))
    if not holds:
        failures.append(what)


class Gone(Exception):
    """The connector did not answer: it was killed, or is not there yet."""


def wait_for(look, what, seconds=START_SECONDS):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    sys.exit(f"{what} did not come in {seconds} s; logs in {SCRATCH}")


def start(name, arguments, **variables):
    log = SCRATCH / f"{name}.log"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TIDEMARK_")}
    out = log.open("ab")
    process = subprocess.Popen([BINARY, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                               env=clean | variables, start_new_session=True)
    return process, log


def printed_url(log, line_start):
    def look():
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.startswith(line_start)]
        return "/".join(lines[-1].split()[-1].split("/")[:3]) if lines else None
    return wait_for(look, f"the line \"{line_start}\"")


class Connector:
    """The connector of an organisation with all of the simulator's people."""

    def __init__(self, simulator, people):
        self.settings = SCRATCH / "settings.json"
        self.settings.write_text(json.dumps({
            "organisation": {"id": "killed", "name": "Killed", "domains": [DOMAIN],
                             "allowedNetworks": ["127.0.0.0/8"]},
            "systems": [{"id": "erp", "name": "ERP", "apiKeys": [
                {"label": "erp", "roles": ["administrator", "integrator"], "key": {"variable": "JUDGE_API_KEY"}}]}],
            "connections": [{"name": "simulated", "url": simulator + "/EWS/Exchange.asmx", "account": f"svc@{DOMAIN}",
                             "password": {"variable": "JUDGE_PASSWORD"}, "impersonate": True, "mailboxes": [
                                 {"address": person, "timeZone": "Europe/Berlin", "system": "erp"}
                                 for person in people]}],
        }))
        self.port, self.url, self.process = "0", None, None

    def start(self):
        self.process, log = start(
            "connector", ["local", "--config", str(self.settings)], TIDEMARK_API_PORT=self.port,
            TIDEMARK_DATA=str(SCRATCH / "data"), JUDGE_API_KEY=KEY, JUDGE_PASSWORD=PASSWORD)
        self.url = self.url or printed_url(log, "API and status page")
        self.port = self.url.rsplit(":", 1)[1]
        wait_for(self.listens, "the connector's port")

    def listens(self):
        if self.process.poll() is not None:
            sys.exit(f"the connector ended with {self.process.returncode}; logs in {SCRATCH}")
        try:
            return self.call("GET", "/v1/mailboxes")[0] == 200
        except Gone:
            return False

    def ready(self):
        try:
            return self.call("GET", "/health")[0] == 200
        except Gone:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def call(self, method, path, body=None, **headers):
        request = urllib.request.Request(
            self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Gone from error

    def list_items(self, person):
        items, after = [], None
        while True:
            query = "?" + urllib.parse.urlencode({"after": after}) if after else ""
            status, page = self.call("GET", f"/v1/mailboxes/{person}/appointments{query}")
            assert status == 200, (status, page)
            items += page["items"]
            after = page["next"]
            if not after:
                return items

    def feed(self):
        events, cursor = [], None
        while True:
            query = {"wait": 0} | ({"after": cursor} if cursor else {})
            status, page = self.call("GET", "/v1/changes?" + urllib.parse.urlencode(query))
            assert status == 200, (status, page)
            events += page["changes"]
            if not page["changes"]:
                return events
            cursor = page["cursor"]


class Load:
    """What both sides do, and what has to be there in the end."""

    def __init__(self, connector, accounts, random_numbers):
        self.connector, self.accounts, self.random = connector, accounts, random_numbers
        self.numbers = itertools.count(1)
        self.titles = collections.defaultdict(dict)   # person -> name -> title it ends with
        self.accepted = collections.Counter()         # (person, id) -> business changes accepted
        self.open = []                                # calls that got no answer yet
        self.made = {}                                # name -> exchangelib item

    def business(self, person):
        mine = [name for name in self.titles[person] if name.startswith("erp")]
        name = self.random.choice(mine) if mine and self.random.random() < 0.4 else f"erp-{next(self.numbers)}"
        number = next(self.numbers)
        day, hour = 1 + number % 28, 6 + number % 12
        item = {"title": f"{name} v{number}", "start": f"2027-05-{day:02}T{hour:02}:00:00",
                "timeZone": "Europe/Berlin", "duration": "PT30M"}
        self.open.append((person, name, item, f"kill-{SEED}-{number}"))
        self.repeat_open()

    def repeat_open(self):
        while self.open:
            person, name, item, once = self.open[0]
            status, answer = self.connector.call(
                "PUT", f"/v1/mailboxes/{person}/appointments/{name}", item, **{"Idempotency-Key": once})
            assert status == 202, (status, answer)
            self.titles[person][name] = item["title"]
            self.accepted[person, name] += 1
            self.open.pop(0)

    def exchange(self, person):
        mine = [name for name in self.titles[person] if name.startswith("person")]
        number, account = next(self.numbers), self.accounts[person]
        chance = self.random.random()
        if mine and chance < 0.3:
            name = self.random.choice(mine)
            item = self.made[name]
            item.subject = f"{name} v{number}"
            item.save(update_fields=["subject"], send_meeting_invitations="SendToNone")
            self.titles[person][name] = item.subject
        elif mine and chance < 0.4:
            name = self.random.choice(mine)
            self.made.pop(name).delete(send_meeting_cancellations="SendToNone")
            del self.titles[person][name]
        else:
            name = f"person-{number}"
            begin = EWSDateTime(2027, 6, 1 + number % 28, 6 + number % 12, tzinfo=ZONE)
            item = CalendarItem(account=account, folder=account.calendar, subject=f"{name} v{number}", start=begin,
                                end=begin.replace(minute=30))
            item.save(send_meeting_invitations="SendToNone")
            self.made[name] = item
            self.titles[person][name] = item.subject


def people_of(simulator):
    with urllib.request.urlopen(simulator + "/_sim/mailboxes", timeout=10) as answer:
        found = json.load(answer)
    found = found if isinstance(found, list) else found["mailboxes"]
    addresses = [one if isinstance(one, str) else one["address"] for one in found]
    return sorted(address for address in addresses if not address.startswith("svc@"))


def account_of(simulator, person):
    config = Configuration(service_endpoint=simulator + "/EWS/Exchange.asmx", auth_type=BASIC, max_connections=1,
                           credentials=Credentials(person, PASSWORD), version=Version(Build(15, 2)))
    return Account(person, config=config, autodiscover=False, access_type=DELEGATE)


def run_rounds(connector, load, people):
    repeated = 0
    for number in range(1, ROUNDS + 1):
        busy = load.random.sample(people, 2)
        moment = threading.Timer(load.random.uniform(0.01, 0.6), connector.kill)
        moment.start()
        changes = 0
        try:
            while True:
                side = load.business if load.random.random() < 0.6 else load.exchange
                side(load.random.choice(busy))
                changes += 1
        except Gone:
            repeated += len(load.open)
        moment.join()
        load.exchange(load.random.choice(busy))
        connector.start()
        load.repeat_open()
        print(f"      round {number}: killed after {changes} changes, started again", flush=True)
    print(f"      {repeated} calls were cut off and repeated")


def both_sides(connector, load, person):
    business = collections.Counter(entry["item"]["title"] for entry in connector.list_items(person))
    exchange = collections.Counter(item.subject for item in load.accounts[person].calendar.all().only("subject"))
    return business, exchange, collections.Counter(load.titles[person].values())


def wait_until_equal(connector, load, people):
    end = time.monotonic() + QUIET_SECONDS
    waiting = list(people)
    while waiting and time.monotonic() < end:
        business, exchange, wanted = both_sides(connector, load, waiting[0])
        if business == exchange == wanted:
            waiting.pop(0)
        else:
            time.sleep(0.2)
    for person in people:
        business, exchange, wanted = both_sides(connector, load, person)
        if business == exchange == wanted:
            continue
        check(f"{person.split('@')[0]}: both sides hold what was written, once", False,
              f"missing in Exchange {dict(wanted - exchange)}, too many {dict(exchange - wanted)}; "
              f"missing for the business {dict(wanted - business)}, too many {dict(business - wanted)}")
    check("both sides hold the same items, each once", not waiting)


def check_feed(connector, load):
    def applied():
        events = connector.feed()
        told = collections.Counter(
            (event["data"]["mailbox"], event["data"]["id"]) for event in events if event["type"].endswith(".applied"))
        return events if all(told[key] >= count for key, count in load.accepted.items()) else None
    end = time.monotonic() + QUIET_SECONDS
    events = None
    while events is None and time.monotonic() < end:
        events = applied()
    check("every business change is reported applied", events is not None)
    events = events or connector.feed()
    told = collections.Counter(
        (event["data"]["mailbox"], event["data"]["id"]) for event in events if event["type"].endswith(".applied"))
    check("none is reported applied twice", all(told[key] <= count for key, count in load.accepted.items()),
          str({key: (told[key], count) for key, count in load.accepted.items() if told[key] > count}))
    ids = collections.Counter(event["id"] for event in events)
    check("no event stands twice in the feed", max(ids.values(), default=0) == 1)
    born = collections.Counter(
        event["data"]["id"] for event in events if event["type"] == "tidemark.appointment.created")
    check("no appointment is born twice", max(born.values(), default=0) <= 1,
          str([name for name, count in born.items() if count > 1]))
    last = {}
    for event in events:
        if event["type"] not in ("tidemark.appointment.created", "tidemark.appointment.updated"):
            continue
        item = {name: value for name, value in event["data"]["item"].items() if name not in ("updated", "sequence")}
        name = event["data"]["id"]
        if last.get(name) == item:
            check(f"a change of {name} is told once", False, event["id"])
        last[name] = item


def main():
    SCRATCH.mkdir(parents=True, exist_ok=True)
    simulator_process, log = start("simulator", ["simulator"], TIDEMARK_SIM_PORT="0")
    connector = None
    try:
        simulator = printed_url(log, "simulator")
        people = people_of(simulator)
        connector = Connector(simulator, people)
        connector.start()
        wait_for(connector.ready, "/health of all mailboxes")
        load = Load(connector, {person: account_of(simulator, person) for person in people}, random.Random(SEED))
        run_rounds(connector, load, people)
        wait_until_equal(connector, load, people)
        check_feed(connector, load)
    finally:
        for process in (connector and connector.process, simulator_process):
            if process and process.poll() is None:
                process.kill()
                process.wait()
    print(f"{ROUNDS} kills (seed {SEED}), {len(failures)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
