"""What has to hold of the deployment. Each scenario gets the place and fails by an assertion.

`BESIDE` run at once, each with mailboxes of its own. `ALONE` take away what all of them need, so they
come after the others, one by one.
"""

import json
import subprocess
import threading
import uuid

import export
import permissions
import restored
import tools
from cloud import Logs, now_ms, wait_for
from place import HEARD_IN_THE_CLOUD, HEARD_ON_THE_SERVER, Organisation, Place
from roles import Roles
from stack import CDK_NAME, FUNCTIONS, NAME, SHORTENED, CdkStack
from world import DOMAIN, Feed, Line, Listener, request

# How long a change takes from one side to the other when nothing stands in its way. The sweep would
# bring what got lost only after a minute, so that this shows the way by notification.
PROMPT_SECONDS = 40
# The finest schedule, twice, and what it starts.
TWO_MINUTES = 150
# A mailbox that is not there: a message for it is done with at once.
NOBODY = "019aacb0-0000-7000-8000-000000000001"
# Six receptions of 10 seconds each, and the look after them.
DEAD_SECONDS = 120


def titled(title: str):
    return lambda entry: title in json.dumps(entry)


def count(entries: list[dict], title: str) -> int:
    return sum(titled(title)(entry) for entry in entries)


def graph_push_reaches_the_feed(place: Place) -> None:
    """A change in Exchange Online: notification, HTTP API, graph-webhook, queue, sync, feed."""
    person = place.subscribed(HEARD_IN_THE_CLOUD)
    feed, since = Feed(place.api), now_ms()
    number = place.simulator.make(person, "Made in the cloud", 2)
    feed.wait("what was made", titled("Made in the cloud"), PROMPT_SECONDS)
    place.simulator.change(person, number, subject="Changed in the cloud")
    feed.wait("what was changed", titled("Changed in the cloud"), PROMPT_SECONDS)
    wait_for("log of graph-webhook", lambda: place.logs.lines("graph-webhook", "REPORT", since), PROMPT_SECONDS)


def ews_push_reaches_the_feed(place: Place) -> None:
    """A change in Exchange Server: notification, HTTP API, ews-webhook, queue, sync, feed."""
    person = place.subscribed(HEARD_ON_THE_SERVER)
    feed, since = Feed(place.api), now_ms()
    place.simulator.make(person, "Made on the server", 2)
    feed.wait("what was made", titled("Made on the server"), PROMPT_SECONDS)
    wait_for("log of ews-webhook", lambda: place.logs.lines("ews-webhook", "REPORT", since), PROMPT_SECONDS)


def business_changes_reach_exchange(place: Place) -> None:
    """Function URL, api, queue, sync, Exchange: over both protocols."""
    for person in ("taylor", "blake"):
        place.synced(person)
        place.api.put(person, "crm-1", f"For {person}", 3)
    for person in ("taylor", "blake"):
        wait_for(f"item of {person}", lambda: [f"For {person}"] == place.simulator.subjects(person), PROMPT_SECONDS)


def what_comes_twice_happens_once(place: Place) -> None:
    """Notifications, messages and calls of the API that come twice."""
    person = place.subscribed(HEARD_IN_THE_CLOUD)
    feed, queue = Feed(place.api), place.cloud.client("sqs")
    place.simulator("PUT", "faults", {"seed": 1, "backOffMs": 0,
                                      "rules": [{"kind": "notificationDoubled", "perMille": 1000}]})
    try:
        place.simulator.make(person, "Told twice", 2)
        feed.wait("what was told twice", titled("Told twice"), PROMPT_SECONDS)
    finally:
        place.simulator("PUT", "faults", {"seed": 1, "backOffMs": 0, "rules": []})
    once = str(uuid.uuid4())
    item = {"title": "Sent twice", "start": "2027-03-04T09:00:00", "timeZone": "Europe/Berlin", "duration": "PT1H"}
    path = f"{place.api.url}/v1/mailboxes/{person}@{DOMAIN}/appointments/twice"
    answers = [request("PUT", path, item, authorization=f"Bearer {place.api.key}", **{"idempotency-key": once})
               for _ in range(2)]
    assert answers[0][0] == 202 and answers[0] == answers[1], answers
    mailbox = place.api.mailbox(person)["id"]
    body = json.dumps({"type": "sync", "v": 1, "organisation": "main", "mailbox": mailbox})
    for number in (1, 1, 2, 3):
        queue.send_message(QueueUrl=place.stack.outputs["WorkQueueUrl"], MessageBody=body, MessageGroupId=mailbox,
                           MessageDeduplicationId=f"again-{number}")
    wait_for("what was sent twice", lambda: "Sent twice" in place.simulator.subjects(person), PROMPT_SECONDS)
    place.synced(person)
    assert place.simulator.subjects(person) == ["Sent twice", "Told twice"]
    assert count(feed.rest(), "Told twice") == 1, feed.entries


def webhooks_are_delivered_on_schedule(place: Place) -> None:
    """EventBridge, deliver, an endpoint that refuses at first: signed, each entry once."""
    with Listener(refusals=1) as listener:
        made = place.api.done("POST", "webhooks", {"url": listener.url + "/hook"})
        listener.secret = made["secret"]
        place.synced("harper")
        since = now_ms()
        place.api.put("harper", "hook", "Told to a webhook", 3)
        def is_told() -> bool:
            return any(titled("Told to a webhook")(event) for _, event in listener.taken)

        try:
            wait_for("delivery", is_told, TWO_MINUTES)
        finally:
            ids = [one for one, _ in listener.taken]
            assert len(ids) == len(set(ids)), f"of {len(ids)} deliveries {len(ids) - len(set(ids))} were repeated"
        assert listener.refused == 1
        # Its log comes when it ends.
        wait_for("log of deliver", lambda: place.logs.lines("deliver", "REPORT", since), PROMPT_SECONDS)
        place.api.done("DELETE", f"webhooks/{made['id']}")


def a_batch_fails_in_part(place: Place) -> None:
    """Of two messages only the one that cannot be done comes again."""
    place.synced("indigo")
    mailbox = place.api.mailbox("indigo")["id"]
    ours = json.dumps({"type": "sync", "v": 1, "organisation": "main", "mailbox": mailbox})

    def record(one: str, group: str, body: str) -> dict:
        return {"messageId": one, "receiptHandle": one, "body": body, "md5OfBody": "", "messageAttributes": {},
                "attributes": {"MessageGroupId": group, "ApproximateReceiveCount": "1"}, "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:work.fifo", "awsRegion": "eu-west-1"}

    event = {"Records": [record("good", mailbox, ours), record("bad", "x", "no message"), record("behind", "x", ours)]}
    answer = invoke(place, "sync", event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}, {"itemIdentifier": "behind"}]}, answer


def invoke(place: Place, function: str, event: dict):
    """What the function answers; that it failed as a whole is an error here."""
    done = place.cloud.client("lambda").invoke(FunctionName=f"{NAME}-{function}:live", Payload=json.dumps(event))
    said = json.loads(done["Payload"].read() or "null")
    assert "FunctionError" not in done, said
    return said


def poison_ends_with_the_dead_letters(place: Place) -> None:
    """A message that nobody understands: tried, put aside, listed, looked at, thrown away."""
    body = "this is no message of ours"
    sent = place.cloud.client("sqs").send_message(
        QueueUrl=place.stack.outputs["WorkQueueUrl"], MessageBody=body, MessageGroupId="poison",
        MessageDeduplicationId=str(uuid.uuid4()))["MessageId"]
    wait_for("dead letter", lambda: dead_letters(place) >= 1, DEAD_SECONDS, every=1)
    listed = letters(place, "list")
    assert f"{sent}  " in listed and "not ours" in listed, listed
    assert json.loads(letters(place, "show", sent))["body"] == body
    assert letters(place, "redrive") == "0 given back, 1 left\n"
    assert letters(place, "discard", sent) == "1 thrown away, 0 left\n"
    assert letters(place, "list") == "there are no dead letters\n"
    assert place.logs.lines("sync", "a message is not ours")
    many_are_given_back(place)


def many_are_given_back(place: Place) -> None:
    """More than SQS gives at once, all of one mailbox: it gives none of the others while some are hidden."""
    sqs = place.cloud.client("sqs")
    for _ in range(25):
        sqs.send_message(
            QueueUrl=place.stack.outputs["DeadLettersUrl"], MessageGroupId=NOBODY, MessageDeduplicationId=str(uuid.uuid4()),
            MessageBody=json.dumps({"type": "sync", "v": 1, "organisation": "main", "mailbox": NOBODY}))
    assert f"main/{NOBODY}" in letters(place, "list")
    assert letters(place, "redrive") == "25 given back, 0 left\n"
    assert letters(place, "list") == "there are no dead letters\n"


def letters(place: Place, *words: str) -> str:
    return place.stack.shell(f"python3 infra/dead-letters.py --region eu-west-1 {' '.join(words)}")


def dead_letters(place: Place) -> int:
    asked = place.cloud.client("sqs").get_queue_attributes(
        QueueUrl=place.stack.outputs["DeadLettersUrl"], AttributeNames=["ApproximateNumberOfMessages"])
    return int(asked["Attributes"]["ApproximateNumberOfMessages"])


def a_run_that_is_cut_off_goes_on_and_doubles_nothing(place: Place) -> None:
    """Exchange makes the item, its answer does not come before Lambda stops the function."""
    place.synced("devon")
    place.line.hold("CreateItem")
    place.api.put("devon", "cut", "Cut off", 3)
    wait_for("request that is not answered", lambda: place.line.held == 1, PROMPT_SECONDS)
    # AWS writes it into the function's log, the emulator into its own.
    wait_for("time-out", lambda: place.cloud.says(f"{NAME}-sync: Task timed out"), PROMPT_SECONDS)
    place.line.free.set()
    place.synced("devon", DEAD_SECONDS)
    assert place.simulator.subjects("devon") == ["Cut off"]


def cdk_makes_one_that_serves(place: Place) -> None:
    """The construct, deployed and removed by the commands of its page: an organisation of its own, a change
    in Exchange Server that is told by notification, one of the business system. Its releases are versions."""
    people = [f"branch{number}" for number in range(20)]
    with Line(place.cloud.url) as way_in:
        stack = CdkStack(place.cloud, place.folder, SHORTENED | {"CallbackUrl": way_in.url, "Shift": "AllAtOnce"})
        stack.deploy()
        way_in.lead_to(stack.intake_url())
        place.simulator.add(people)
        branch = Organisation(stack, place.simulator)
        branch.connect_server("Server", place.simulator.url, people)
        person = branch.subscribed(people)
        feed, since = Feed(branch.api), now_ms()
        place.simulator.make(person, "Made at the branch", 2)
        feed.wait("what was made", titled("Made at the branch"), PROMPT_SECONDS)
        wait_for("log of ews-webhook", lambda: Logs(place.cloud, CDK_NAME).lines("ews-webhook", "REPORT", since),
                 PROMPT_SECONDS)
        branch.api.put(person, "crm-1", "For the branch", 3)
        wait_for("item", lambda: ["For the branch", "Made at the branch"] == place.simulator.subjects(person),
                 PROMPT_SECONDS)
        releases_go_live_and_back(stack)
        branch.api.mailbox(person)
        stack.remove()


def releases_go_live_and_back(stack: CdkStack) -> None:
    """Other parameters are another release: a version of each function, which goes live, and is taken back."""
    first = stack.live()
    stack.parameters["sweepMinutes"] = 30
    stack.deploy()
    second = stack.live()
    stack.take_back(first["api"]["Description"])
    third = stack.live()
    for name in FUNCTIONS:
        versions = [one[name]["Version"] for one in (first, second, third)]
        minutes = [one[name]["Environment"]["Variables"]["TIDEMARK_SWEEP_MINUTES"] for one in (first, second, third)]
        assert (versions, minutes) == (["1", "2", "1"], ["60", "30", "60"]), (name, versions, minutes)


def a_credential_is_rotated_under_load(place: Place) -> None:
    """The four steps, while somebody writes through the API all the time; then the old secret ends."""
    place.synced("kendall")
    ended, written = threading.Event(), []

    def write() -> None:
        while not ended.is_set():
            name = f"load-{len(written):03}"
            place.api.put("kendall", name, name, 1 + len(written) % 28)
            written.append(name)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        secrets = place.cloud.client("secretsmanager")
        [secret] = [one for page in secrets.get_paginator("list_secrets").paginate() for one in page["SecretList"]
                    if place.graph in one["Name"]]
        before = secrets.get_secret_value(SecretId=secret["ARN"])
        secrets.rotate_secret(SecretId=secret["ARN"], RotationLambdaARN=place.stack.outputs["TokenRefreshArn"],
                              RotationRules={"AutomaticallyAfterDays": 60}, RotateImmediately=False)
        # The version that Secrets Manager would name: pending, and without a text yet.
        token = str(uuid.uuid4())
        secrets.put_secret_value(SecretId=secret["ARN"], ClientRequestToken=token, SecretBinary=b"-",
                                 VersionStages=["AWSPENDING"])
        for step in ("createSecret", "setSecret", "testSecret", "finishSecret", "finishSecret"):
            invoke(place, "token-refresh", {"Step": step, "SecretId": secret["ARN"], "ClientRequestToken": token})
        after = secrets.get_secret_value(SecretId=secret["ARN"])
        assert after["VersionId"] == token and after["SecretString"] != before["SecretString"]
        # Tokens of before are refused: from here on only the new secret brings one.
        place.simulator("POST", "entra/revoke")
        more = len(written) + 5
        wait_for("more writes", lambda: len(written) >= more or not writer.is_alive(), PROMPT_SECONDS)
    finally:
        ended.set()
        writer.join()
    assert len(written) >= more, "the writer was refused"
    wait_for("all that was written", lambda: place.simulator.subjects("kendall") == written, PROMPT_SECONDS)


def tokens_are_refreshed_on_schedule(place: Place) -> None:
    """EventBridge, token-refresh. Its five minutes are longer than these tests: the rule gets one."""
    events = place.cloud.client("events")
    rule = events.describe_rule(Name=place.stack.resources()["TokenRefreshTick"])
    assert rule["ScheduleExpression"] == "rate(5 minutes)", rule
    events.put_rule(Name=rule["Name"], ScheduleExpression="rate(1 minute)")
    since = now_ms()
    wait_for("refresh of tokens", lambda: place.logs.lines("token-refresh", '"work":"refresh"', since), TWO_MINUTES)
    [line, *_] = place.logs.lines("token-refresh", '"work":"refresh"', since)
    assert '"connections":1,' in line and '"errors":0,' in line, line


def what_got_lost_is_taken_up_by_the_sweep(place: Place) -> None:
    """The intake may not send any more: it says so, and the minute's work sends in its place."""
    person = place.subscribed(HEARD_ON_THE_SERVER)
    feed, since = Feed(place.api), now_ms()
    with Roles(place.cloud, place.stack).without("ews-webhook", "Queue", "sqs:SendMessage"):
        place.simulator.make(person, "Not sent", 2)
        wait_for("complaint", lambda: place.logs.lines("ews-webhook", "AccessDenied", since), PROMPT_SECONDS)
        feed.wait("what was not sent", titled("Not sent"), TWO_MINUTES)
    wait_for("log of sweep", lambda: place.logs.lines("sweep", "REPORT", since), PROMPT_SECONDS)
    assert count(feed.rest(), "Not sent") == 1


def a_lost_permission_shows_and_what_failed_is_tried_again(place: Place) -> None:
    """sync may not write any more: it says so, the message dies, is given back, and all catches up."""
    place.synced("jamie")
    since = now_ms()
    with Roles(place.cloud, place.stack).without("sync", "Table", "dynamodb:UpdateItem"):
        place.api.put("jamie", "late", "Late", 3)
        wait_for("complaint", lambda: place.logs.lines("sync", "AccessDenied", since), PROMPT_SECONDS)
        wait_for("dead letter", lambda: dead_letters(place) >= 1, DEAD_SECONDS, every=1)
    mailbox = place.api.mailbox("jamie")["id"]
    assert f"main/{mailbox}" in letters(place, "list")
    assert " given back, 0 left" in letters(place, "redrive")
    wait_for("what was late", lambda: "Late" in place.simulator.subjects("jamie"), PROMPT_SECONDS)
    place.synced("jamie")
    assert place.simulator.subjects("jamie") == ["Late"]
    assert letters(place, "list") == "there are no dead letters\n"


def the_store_conforms(place: Place) -> None:
    """The conformance suite of the store, over HTTP, against the emulator's DynamoDB."""
    program = tools.ROOT / "target" / "debug" / "examples" / "conformance"
    variables = place.cloud.variables() | {
        "TIDEMARK_TABLE": "conformance", "SSL_CERT_FILE": str(place.cloud.authority), "RUST_BACKTRACE": "0",
        # It refuses a transaction of 3.9 MB, and counts each read as one of 4 KB.
        "TIDEMARK_CONFORMANCE_EXCEPT": "a_transaction_has_4_mb_at_most,reads_are_billed_by_4_kb"}
    done = subprocess.run([program], env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=TWO_MINUTES)
    assert done.returncode == 0, done.stderr


# Each line is one after the other.
BESIDE = [
    [cdk_makes_one_that_serves],
    [the_store_conforms],
    [graph_push_reaches_the_feed],
    [ews_push_reaches_the_feed, what_got_lost_is_taken_up_by_the_sweep],
    [business_changes_reach_exchange],
    [what_comes_twice_happens_once],
    [webhooks_are_delivered_on_schedule],
    [a_batch_fails_in_part],
    [poison_ends_with_the_dead_letters],
    [a_run_that_is_cut_off_goes_on_and_doubles_nothing],
    [a_credential_is_rotated_under_load],
    [tokens_are_refreshed_on_schedule],
]
ALONE = [export.all_is_exported, a_lost_permission_shows_and_what_failed_is_tried_again, permissions.a_sample_is_missed]
ALL = [scenario for line in BESIDE for scenario in line] + ALONE
# Only when they are named: `make soak` does.
LONG = [restored.a_table_is_put_back, permissions.every_permission_is_missed]
