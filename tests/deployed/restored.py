"""A table that is put back to an earlier moment, by the commands of docs/operations.md."""

import datetime

import page
import tools
from cloud import wait_for
from place import Place

OPERATIONS = tools.ROOT / "docs" / "operations.md"
HEADING = "Putting the table back on AWS"
AGAIN_SECONDS = 90


def a_table_is_put_back(place: Place) -> None:
    """Everything is stopped, the table is lost, and back under its name: nothing is doubled, lost or mailed.

    The emulator restores what a table holds at present, whatever the moment: so the loss comes after that
    command here. It keeps neither a moment nor a system backup."""
    place.synced("sage")
    place.api.put("sage", "kept", "Kept", 5)
    wait_for("item", lambda: place.simulator.subjects("sage") == ["Kept"], AGAIN_SECONDS)
    place.synced("sage")
    before, cursor = place.api.items("sage"), place.api.done("GET", "changes")["cursor"]
    names, stop, restore, swap, start = page.commands(HEADING, OPERATIONS)

    def run(commands: str) -> None:
        commands = commands.replace("API=$(output ApiBaseUrl)", f"API={place.admin.url}/")
        # Its notes are to lie elsewhere than in the repository.
        names_here = f"cd {place.folder}\n{names}"
        place.stack.shell(names_here + commands, KEY=place.admin.key,
                          MOMENT=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))

    run(stop)
    assert place.api.call("GET", "mailboxes")[0] == 429
    run(restore)
    lose_all(place)
    run(swap)
    run(start)
    assert place.api.items("sage") == before
    assert place.api.call("GET", f"changes?after={cursor}")[0] == 410
    is_as_the_template_has_it(place)
    place.synced("sage", AGAIN_SECONDS)
    place.api.put("sage", "later", "Later", 6)
    wait_for("item after the restore", lambda: place.simulator.subjects("sage") == ["Kept", "Later"], AGAIN_SECONDS)


def lose_all(place: Place) -> None:
    table, name = place.cloud.client("dynamodb"), place.stack.outputs["TableName"]
    lost = 0
    for found in table.get_paginator("scan").paginate(TableName=name, ProjectionExpression="pk, sk"):
        for key in found["Items"]:
            table.delete_item(TableName=name, Key=key)
            lost += 1
    assert lost > 0


def is_as_the_template_has_it(place: Place) -> None:
    """What a restore does not bring."""
    table, name = place.cloud.client("dynamodb"), place.stack.outputs["TableName"]
    found = table.describe_table(TableName=name)["Table"]
    assert found["DeletionProtectionEnabled"], found
    assert [index["IndexName"] for index in found["GlobalSecondaryIndexes"]] == ["due"], found
    assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST", found
    expires = table.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert (expires["TimeToLiveStatus"], expires["AttributeName"]) == ("ENABLED", "expires"), expires
    tags = table.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"]
    assert {"Key": "tidemark:stack", "Value": place.stack.name} in tags, tags
