"""What the functions' roles hold, and how it is taken away for a while."""

import copy
import json
from contextlib import contextmanager

from cloud import Cloud
from stack import Deployment

ROLES = {"api": "ApiRole", "deliver": "DeliverRole", "ews-webhook": "EwsWebhookRole", "graph-webhook": "GraphWebhookRole",
         "sweep": "SweepRole", "sync": "SyncRole", "token-refresh": "TokenRefreshRole"}


def as_list(value) -> list:
    return value if isinstance(value, list) else [value]


class Roles:
    def __init__(self, cloud: Cloud, stack: Deployment):
        self.iam = cloud.client("iam")
        self.names = stack.resources()

    def policy(self, function: str) -> dict:
        found = self.iam.get_role_policy(RoleName=self.names[ROLES[function]], PolicyName=function)["PolicyDocument"]
        return json.loads(found) if isinstance(found, str) else found

    def permissions(self, function: str) -> list[tuple[str, str]]:
        """Each action with the statement that allows it."""
        return [(statement["Sid"], action) for statement in self.policy(function)["Statement"]
                for action in as_list(statement["Action"])]

    @contextmanager
    def without(self, function: str, sid: str, action: str):
        """Takes one action out of one statement, and puts the policy back as it was."""
        before = self.policy(function)
        after = copy.deepcopy(before)
        for statement in after["Statement"]:
            if statement["Sid"] == sid:
                statement["Action"] = [one for one in as_list(statement["Action"]) if one != action]
        after["Statement"] = [statement for statement in after["Statement"] if statement["Action"]]
        assert after != before, f"{function} has no {action} in {sid}"
        self._put(function, after)
        try:
            yield
        finally:
            self._put(function, before)

    def lift_conditions(self, sid: str) -> None:
        """For good: of statements whose conditions the emulator cannot evaluate it would never allow anything."""
        for function in ROLES:
            policy = self.policy(function)
            lifted = [statement for statement in policy["Statement"] if statement["Sid"] == sid]
            for statement in lifted:
                del statement["Condition"]
            if lifted:
                self._put(function, policy)

    def _put(self, function: str, policy: dict) -> None:
        self.iam.put_role_policy(RoleName=self.names[ROLES[function]], PolicyName=function,
                                 PolicyDocument=json.dumps(policy))
