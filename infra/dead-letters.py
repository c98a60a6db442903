#!/usr/bin/env python3
"""Messages that were tried too often: what they are, and another try for them.

usage: dead-letters.py [--stack NAME] [--region REGION] COMMAND

  list               each message: its id, its mailbox, since when it is here, how often it was tried
  show ID            one message as it was sent
  redrive [ID...]    gives messages back to the work queue; all of ours when none is named
  discard ID...      throws messages away

It needs the AWS CLI and may use what that may: sqs:ReceiveMessage, sqs:DeleteMessage and
sqs:ChangeMessageVisibility on the dead letters, sqs:SendMessage on the work queue, and
cloudformation:DescribeStacks. What is no message of ours is given back only if it is named.

A message is sent before it is taken away: a redrive that breaks off leaves one in both queues, which
costs an idle run and does no harm.
"""

import argparse
import datetime
import json
import subprocess
import sys
import uuid

# Most messages that one look takes in, and how long they are hidden from others meanwhile.
MESSAGES_MAX = 1000
HIDDEN_SECONDS = 60
# What SQS gives at once.
BATCH = 10


class Trouble(Exception):
    """What is told instead of a trace."""


class Queues:
    """The two queues of a stack, through the AWS CLI."""

    def __init__(self, stack: str, region: str | None):
        self.options = ["--output", "json"] + (["--region", region] if region else [])
        described = self.aws("cloudformation", "describe-stacks", "--stack-name", stack)
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0]["Outputs"]}
        self.dead, self.work = outputs["DeadLettersUrl"], outputs["WorkQueueUrl"]

    def aws(self, *words: str) -> dict:
        try:
            done = subprocess.run(["aws", *words, *self.options], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        except FileNotFoundError:
            raise Trouble("the AWS CLI (aws) is not installed") from None
        if done.returncode:
            raise Trouble(done.stderr.strip() or f"aws {words[0]} {words[1]} ended with {done.returncode}")
        return json.loads(done.stdout or "{}")

    def take(self) -> list[dict]:
        """All messages that are there, hidden from others for a minute."""
        found: dict[str, dict] = {}
        while len(found) < MESSAGES_MAX:
            came = self.aws("sqs", "receive-message", "--queue-url", self.dead, "--attribute-names", "All",
                            "--max-number-of-messages", str(BATCH), "--visibility-timeout", str(HIDDEN_SECONDS))
            new = {message["MessageId"]: message for message in came.get("Messages", [])}
            if not new.keys() - found.keys():
                break
            found |= new
        return sorted(found.values(), key=lambda message: message["Attributes"]["SentTimestamp"])

    def show_again(self, messages: list[dict]) -> None:
        """Others need not wait until the minute is over."""
        for message in messages:
            self.aws("sqs", "change-message-visibility", "--queue-url", self.dead, "--visibility-timeout", "0",
                     "--receipt-handle", message["ReceiptHandle"])

    def send_back(self, message: dict) -> None:
        # The queue would take the id that it was sent with for a duplicate.
        self.aws("sqs", "send-message", "--queue-url", self.work, "--message-body", message["Body"],
                 "--message-group-id", message["Attributes"]["MessageGroupId"],
                 "--message-deduplication-id", f"redrive-{uuid.uuid4()}")
        self.throw_away(message)

    def throw_away(self, message: dict) -> None:
        self.aws("sqs", "delete-message", "--queue-url", self.dead, "--receipt-handle", message["ReceiptHandle"])


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


def chosen(messages: list[dict], ids: list[str]) -> list[dict]:
    known = {message["MessageId"]: message for message in messages}
    if unknown := [one for one in ids if one not in known]:
        raise Trouble(f"not among the dead letters: {', '.join(unknown)}")
    return [known[one] for one in ids]


def run(options: argparse.Namespace) -> None:
    queues = Queues(options.stack, options.region)
    messages = queues.take()
    kept = messages
    try:
        if options.command == "list":
            print("\n".join(map(line_of, messages)) or "there are no dead letters")
        elif options.command == "show":
            [message] = chosen(messages, options.ids)
            print(json.dumps({"id": message["MessageId"], "body": message["Body"],
                              "attributes": message["Attributes"]}, indent=2))
        else:
            ours = [message for message in messages if mailbox_of(message)]
            wanted = chosen(messages, options.ids) if options.ids else ours
            act, word = ((queues.send_back, "given back") if options.command == "redrive"
                         else (queues.throw_away, "thrown away"))
            for message in wanted:
                act(message)
                kept = [other for other in kept if other is not message]
            print(f"{len(wanted)} {word}, {len(kept)} left")
    finally:
        queues.show_again(kept)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default="tidemark")
    parser.add_argument("--region", help="the AWS CLI's own one, when none is named")
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
