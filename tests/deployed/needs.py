"""Why each role holds what it holds: of every action of every function's role, what does not work without
it. tests/infra/rules.py compares this with the template, so that no action lands without a reason.

A `Need` names what provokes it (provocations.py): without the action that fails where somebody sees it.
"""

from typing import NamedTuple

# How long a complaint may take that has to wait for the schedule, for a subscription's turn or a retry.
MINUTE, TURN = 130, 420
# Uses that no mailbox pays for are written down every 15 minutes.
QUARTER = 1100


class Need(NamedTuple):
    # Name of a function of provocations.py.
    provocation: str
    # Within which somebody complains.
    seconds: int = 30
    # Whether the function has to begin anew, since it keeps what it once had.
    fresh: bool = False
    # What the function's log says.
    complaint: str = "AccessDenied"


class ByLambda(NamedTuple):
    """What Lambda itself does as the function. The emulator does it without the role, so that taking it
    away shows nothing there."""

    why: str


OUTPUT = ByLambda("Lambda writes what the function prints")
POLLER = ByLambda("Lambda's poller takes messages for the function")
IDENTITY = "may not ask for its identity"
# A function that does not start says so before it has a log here; on AWS it is in the function's.
NO_START = "the master key cannot be read"


def of_role(function: str, statements: dict[str, dict[str, Need | ByLambda]]) -> dict:
    statements = statements | {"Logs": {"logs:CreateLogStream": OUTPUT, "logs:PutLogEvents": OUTPUT}}
    return {(function, sid, action): need for sid, actions in statements.items() for action, need in actions.items()}


NEEDS: dict[tuple[str, str, str], Need | ByLambda] = {
    **of_role("ews-webhook", {
        "Table": {
            "dynamodb:GetItem": Need("an_unknown_push"),
            "dynamodb:UpdateItem": Need("a_change_on_the_server"),
            "dynamodb:PutItem": Need("a_subscription_that_is_gone", TURN),
        },
        "Queue": {"sqs:SendMessage": Need("a_change_on_the_server")},
    }),
    **of_role("graph-webhook", {
        "Table": {
            "dynamodb:GetItem": Need("an_unknown_notification"),
            "dynamodb:UpdateItem": Need("a_change_in_the_cloud"),
            "dynamodb:PutItem": Need("a_change_in_the_cloud"),
        },
        "Queue": {"sqs:SendMessage": Need("a_change_in_the_cloud")},
        "NotificationKeys": {"secretsmanager:GetSecretValue": Need("a_change_told_with_content", fresh=True)},
    }),
    **of_role("sync", {
        "Table": {
            "dynamodb:GetItem": Need("an_appointment_for_the_server"),
            "dynamodb:Query": Need("an_appointment_for_the_server"),
            "dynamodb:PutItem": Need("an_appointment_for_the_server"),
            "dynamodb:UpdateItem": Need("an_appointment_for_the_server"),
            "dynamodb:DeleteItem": Need("an_appointment_for_the_server"),
            "dynamodb:ConditionCheckItem": Need("an_appointment_for_the_server"),
        },
        "Queue": {
            "sqs:SendMessage": Need("a_cursor_that_is_lost"),
            "sqs:ReceiveMessage": POLLER, "sqs:DeleteMessage": POLLER, "sqs:GetQueueAttributes": POLLER,
        },
        "MasterKey": {"secretsmanager:GetSecretValue": Need("an_appointment_for_the_server", fresh=True, complaint=NO_START)},
        "Credentials": {"secretsmanager:GetSecretValue": Need("an_appointment_for_the_server", fresh=True)},
        "OwnIdentity": {"sts:GetWebIdentityToken": Need("an_appointment_by_federation", TURN, complaint=IDENTITY)},
    }),
    **of_role("sweep", {
        "Table": {
            "dynamodb:GetItem": Need("the_minute", TURN),
            "dynamodb:Query": Need("the_minute"),
            "dynamodb:PutItem": Need("the_minute", TURN),
            "dynamodb:UpdateItem": Need("the_minute", TURN),
            "dynamodb:DeleteItem": Need("a_mailbox_that_was_removed"),
        },
        "DueIndex": {"dynamodb:Query": Need("the_minute")},
        "Queue": {"sqs:SendMessage": Need("the_minute", TURN)},
        "MasterKey": {"secretsmanager:GetSecretValue": Need("the_minute", fresh=True, complaint=NO_START)},
        "Credentials": {"secretsmanager:GetSecretValue": Need("the_minute", TURN, fresh=True)},
        "OwnIdentity": {"sts:GetWebIdentityToken": Need("the_minute", TURN, complaint=IDENTITY)},
    }),
    **of_role("deliver", {
        "Table": {
            "dynamodb:GetItem": Need("a_delivery"),
            "dynamodb:Query": Need("a_delivery"),
            "dynamodb:PutItem": Need("a_delivery"),
            "dynamodb:DeleteItem": Need("a_delivery_at_the_second_attempt", TURN),
            # Every function writes down what it has used. This one updates nothing else.
            "dynamodb:UpdateItem": Need("a_round_of_deliveries", QUARTER),
        },
        "MasterKey": {"secretsmanager:GetSecretValue": Need("a_delivery", fresh=True, complaint=NO_START)},
        "WebhookSecrets": {"secretsmanager:GetSecretValue": Need("a_delivery")},
    }),
    **of_role("token-refresh", {
        "Table": {
            "dynamodb:GetItem": Need("a_refresh"),
            "dynamodb:Query": Need("a_refresh"),
            "dynamodb:PutItem": Need("a_rotation"),
            "dynamodb:UpdateItem": Need("a_first_token"),
        },
        "MasterKey": {"secretsmanager:GetSecretValue": Need("a_refresh", fresh=True, complaint=NO_START)},
        "Credentials": {
            "secretsmanager:GetSecretValue": Need("a_rotation", fresh=True),
            "secretsmanager:DescribeSecret": Need("a_rotation"),
            "secretsmanager:PutSecretValue": Need("a_rotation"),
            "secretsmanager:UpdateSecretVersionStage": Need("a_rotation"),
            "secretsmanager:CreateSecret": Need("keys_for_content"),
        },
        "OwnIdentity": {"sts:GetWebIdentityToken": Need("a_refresh", TURN, complaint=IDENTITY)},
    }),
    **of_role("api", {
        "Table": {
            "dynamodb:GetItem": Need("a_list_of_mailboxes"),
            "dynamodb:BatchGetItem": Need("a_feed_that_is_followed"),
            "dynamodb:Query": Need("a_list_of_mailboxes"),
            "dynamodb:PutItem": Need("a_key_that_is_made_and_revoked"),
            "dynamodb:DeleteItem": Need("a_key_that_is_made_and_revoked"),
            "dynamodb:UpdateItem": Need("an_appointment"),
            "dynamodb:ConditionCheckItem": Need("a_first_appointment"),
        },
        "Queue": {"sqs:SendMessage": Need("an_appointment")},
        "MasterKey": {"secretsmanager:GetSecretValue": Need("a_list_of_mailboxes", fresh=True, complaint=NO_START)},
        "FoundingKey": {"secretsmanager:GetSecretValue": Need("a_list_of_mailboxes", fresh=True)},
        "Credentials": {
            "secretsmanager:PutSecretValue": Need("a_connection"),
            "secretsmanager:CreateSecret": Need("a_connection"),
        },
        "WebhookSecrets": {
            "secretsmanager:PutSecretValue": Need("a_webhook"),
            "secretsmanager:CreateSecret": Need("a_webhook"),
        },
        "Checks": {"secretsmanager:GetSecretValue": Need("a_preflight", fresh=True)},
        "OwnIdentity": {"sts:GetWebIdentityToken": Need("a_preflight_by_federation", TURN, complaint=IDENTITY)},
    }),
}

# What `make deployed` tries of it: the quick ones, one of each kind.
SAMPLE = [
    ("api", "Table", "dynamodb:Query"),
    ("api", "Table", "dynamodb:UpdateItem"),
    ("api", "Table", "dynamodb:ConditionCheckItem"),
    ("api", "Queue", "sqs:SendMessage"),
    ("api", "Credentials", "secretsmanager:CreateSecret"),
    ("deliver", "Table", "dynamodb:Query"),
    ("sweep", "DueIndex", "dynamodb:Query"),
    ("sweep", "Table", "dynamodb:Query"),
    ("token-refresh", "Table", "dynamodb:Query"),
    ("ews-webhook", "Table", "dynamodb:GetItem"),
    ("graph-webhook", "Table", "dynamodb:GetItem"),
]
