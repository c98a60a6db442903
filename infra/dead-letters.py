#!/usr/bin/env python3
"""Messages that were tried too often: what they are, and another try for them.

usage: dead-letters.py [--stack NAME] [--region REGION] [--dead-letters-url URL --work-queue-url URL] COMMAND

  list               each message: its id, its mailbox, since when it is here, how often it was tried
  show ID            one message as it was sent
  redrive [ID...]    gives messages back to the work queue; all of ours when none is named
  discard ID...      throws messages away

It needs the AWS CLI and may use what that may: sqs:ReceiveMessage, sqs:DeleteMessage,
sqs:ChangeMessageVisibility and sqs:GetQueueAttributes on the dead letters, sqs:SendMessage on the work
queue, and cloudformation:DescribeStacks unless both queues are named. What is no message of ours is given
back only if it is named.

A message is sent before it is taken away: a redrive that breaks off leaves some in both queues, which
costs idle runs and does no harm.
"""

import argparse
import datetime
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator

# How long messages are hidden from others while they are looked at, if nobody shows them again.
HIDDEN_SECONDS = 900
# How long SQS looks for messages, in all of its servers.
WAIT_SECONDS = 2
# What SQS gives and takes at once.
BATCH = 10
# Messages that are listed at most.
LISTED_MAX = 1000


class Trouble(Exception):
    """What is told instead of a trace."""


class Queues:
    """The two queues of a stack, through the AWS CLI."""

    def __init__(self, options: argparse.Namespace):
        self.options = ["--output", "json"] + (["--region", options.region] if options.region else [])
        self.dead, self.work = options.dead_letters_url, options.work_queue_url
        if not (self.dead and self.work):
            described = self.aws("cloudformation", "describe-stacks", "--stack-name", options.stack)
            outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0].get("Outputs", [])}
            if missing := {"DeadLettersUrl", "WorkQueueUrl"} - outputs.keys():
                raise Trouble(f"the stack {options.stack} has no output {' and no '.join(sorted(missing))}: "
                              "name the queues by --dead-letters-url and --work-queue-url")
            self.dead, self.work = self.dead or outputs["DeadLettersUrl"], self.work or outputs["WorkQueueUrl"]

    def aws(self, *words: str) -> dict:
        try:
            done = subprocess.run(["aws", *words, *self.options], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        except FileNotFoundError:
            raise Trouble("the AWS CLI (aws) is not installed") from None
        if done.returncode:
            raise Trouble(done.stderr.strip() or f"aws {words[0]} {words[1]} ended with {done.returncode}")
        return json.loads(done.stdout or "{}")

    def take(self) -> Iterator[list[dict]]:
        """The messages that are there, some at a time, hidden from others. Of a mailbox SQS gives no more
        while some are hidden: who wants the rest takes those away first."""
        while came := self.aws(
                "sqs", "receive-message", "--queue-url", self.dead, "--attribute-names", "All", "--max-number-of-messages",
                str(BATCH), "--visibility-timeout", str(HIDDEN_SECONDS), "--wait-time-seconds", str(WAIT_SECONDS),
        ).get("Messages"):
            yield came

    def left(self) -> int:
        """How many messages are there, hidden ones among them."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        asked = self.aws("sqs", "get-queue-attributes", "--queue-url", self.dead, "--attribute-names", *names)
        return sum(int(asked["Attributes"][name]) for name in names)

    def batch(self, what: str, queue: str, entries: list[dict]) -> set[str]:
        """Has up to ten things done at once; says which were."""
        done = self.aws("sqs", what, "--queue-url", queue, "--entries", json.dumps(entries))
        return {one["Id"] for one in done.get("Successful", [])}

    def show_again(self, messages: list[dict]) -> None:
        """Others need not wait until they show by themselves."""
        for first in range(0, len(messages), BATCH):
            entries = [{"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
                       for message in messages[first:first + BATCH]]
            try:
                self.batch("change-message-visibility-batch", self.dead, entries)
            except Trouble as trouble:
                print(f"dead-letters: hidden for {HIDDEN_SECONDS} seconds: {trouble}", file=sys.stderr)
                return

    def send_back(self, messages: list[dict]) -> set[str]:
        # The queue would take the id that a message was sent with for a duplicate.
        sent = self.batch("send-message-batch", self.work, [
            {"Id": message["MessageId"], "MessageBody": message["Body"],
             "MessageGroupId": message["Attributes"]["MessageGroupId"],
             "MessageDeduplicationId": f"redrive-{uuid.uuid4()}"} for message in messages])
        return self.throw_away([message for message in messages if message["MessageId"] in sent])

    def throw_away(self, messages: list[dict]) -> set[str]:
        if not messages:
            return set()
        return self.batch("delete-message-batch", self.dead, [
            {"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]} for message in messages])


def mailbox_of(message: dict) -> str | None:
    """The mailbox that a message wakes; none where it is no message of ours."""
    try:
        body = json.loads(message["Body"])
        if body["type"] == "sync":
            return f"{body['organisation']}/{body['mailbox']}"
    except (ValueError, KeyError, TypeError):
        pass
    return None


def line_of(message: dict) -> str:
    attributes = message["Attributes"]
    since = datetime.datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, datetime.timezone.utc)
    mailbox = mailbox_of(message) or "not ours"
    return f"{message['MessageId']}  {since:%Y-%m-%dT%H:%M:%SZ}  tried {attributes['ApproximateReceiveCount']}  {mailbox}"


def show(queues: Queues, kept: list[dict], wanted: str | None) -> None:
    """Lists messages, or shows the one that is wanted."""
    for came in queues.take():
        kept += came
        if wanted:
            for message in came:
                if message["MessageId"] == wanted:
                    print(json.dumps({"id": wanted, "body": message["Body"], "attributes": message["Attributes"]}, indent=2))
                    return
        elif len(kept) >= LISTED_MAX:
            break
    if wanted:
        raise Trouble(f"not among the dead letters, or behind others of its mailbox: {wanted}")
    print("\n".join(map(line_of, sorted(kept, key=lambda one: one["Attributes"]["SentTimestamp"]))) or "there are no dead letters")
    if more := queues.left() - len(kept):
        print(f"and {more} more, some of them behind others of their mailbox")


def move(queues: Queues, kept: list[dict], command: str, ids: list[str]) -> None:
    """Gives back or throws away the messages with these ids, or all of ours."""
    act, word = (queues.send_back, "given back") if command == "redrive" else (queues.throw_away, "thrown away")
    left, done, failed = set(ids), 0, 0
    for came in queues.take():
        wanted = [message for message in came if (message["MessageId"] in left if ids else mailbox_of(message))]
        moved = act(wanted) if wanted else set()
        done, failed = done + len(moved), failed + len(wanted) - len(moved)
        kept += [message for message in came if message["MessageId"] not in moved]
        left -= moved
        if ids and not left:
            break
    print(f"{done} {word}, {queues.left()} left")
    if failed:
        raise Trouble(f"SQS refused {failed} of them; try again")
    if left:
        raise Trouble(f"not among the dead letters, or behind others of their mailbox: {', '.join(sorted(left))}")


def run(options: argparse.Namespace) -> None:
    queues, kept = Queues(options), []
    try:
        if options.command in ("list", "show"):
            show(queues, kept, next(iter(options.ids), None))
        else:
            move(queues, kept, options.command, options.ids)
    finally:
        queues.show_again(kept)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default="tidemark")
    parser.add_argument("--region", help="the AWS CLI's own one, when none is named")
    parser.add_argument("--dead-letters-url", help="the stack's own one, when none is named")
    parser.add_argument("--work-queue-url", help="the stack's own one, when none is named")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, count in (("list", None), ("show", 1), ("redrive", "*"), ("discard", "+")):
        command = commands.add_parser(name)
        if count is None:
            command.set_defaults(ids=[])
        else:
            command.add_argument("ids", metavar="ID", nargs=count)
    try:
        run(parser.parse_args())
    except Trouble as trouble:
        print(f"dead-letters: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
