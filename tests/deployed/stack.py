"""The deployment under test, made by the commands of the page and by nothing else."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import page
import tools
from cloud import REGION, Cloud

NAME = "tidemark"
COMMAND_SECONDS = 900
FUNCTIONS = ["api", "deliver", "ews-webhook", "graph-webhook", "sweep", "sync", "token-refresh"]
# Shorter than anybody would have them, so that minutes are enough. A message comes again within the
# life of a lease here, so it is tried often enough to outlive one.
SHORTENED = {
    "SyncTimeoutSeconds": "8", "RunSeconds": "10", "QueueVisibilitySeconds": "10", "QueueReceives": "6",
    "BackgroundTimeoutSeconds": "30", "WebhookNetworks": "127.0.0.0/8",
}
# Where an address that AWS would make is reached here.
REACH = "import sys, urllib.parse as u; p = u.urlsplit(sys.argv[2]); n = p.netloc.split('.')[0]; " \
        "print(f'{sys.argv[1]}/_aws/lambda-url/{n}{p.path}')"


class Stack:
    def __init__(self, cloud: Cloud, folder: Path, build: bool):
        self.cloud, self.folder, self.build = cloud, folder, build
        self.outputs: dict[str, str] = {}
        self.parameters = dict(SHORTENED)
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.bin / "sam").symlink_to(tools.SAM / "bin" / "sam")
        # Version 1 of the AWS CLI takes the address for SQS from nothing but the command line.
        aws = self.bin / "aws"
        aws.write_text(f'#!/bin/sh\nexec {tools.AWS}/bin/aws --endpoint-url {cloud.url} "$@"\n')
        aws.chmod(0o755)

    def shell(self, commands: str, **variables: str) -> str:
        """Runs a block of the page as a person would paste it, and gives what it printed."""
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        environment = self.cloud.variables() | {"PATH": path, "PROFILE": "dev", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", self.here(commands)], cwd=tools.ROOT, text=True,
                              env=environment | variables, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=COMMAND_SECONDS)
        if done.returncode:
            raise AssertionError(f"{commands}\nended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout

    def here(self, commands: str) -> str:
        """The two commands of the page that cannot be run as they stand."""
        # Another version than the one under test would come.
        commands = commands.replace("git pull && ", "")
        if not self.build:
            commands = commands.replace("make package\n", "true\n")
        # Its name is in no DNS.
        if "${API}v1" in commands:
            commands = f'reach() {{ "{sys.executable}" -c "{REACH}" "{self.cloud.url}" "$1"; }}\n' + commands.replace(
                '"${API}v1/connections"', '"$(reach "${API}v1/connections")"').replace("curl ", "curl -sSf ")
        return commands

    def deploy(self) -> None:
        [commands] = page.commands("Deploy")
        self.shell(commands)
        self.read_outputs()

    def first_steps(self) -> None:
        """What the page does first: the outputs, and the API with the founding key."""
        table, asking, *_ = page.commands("First steps")
        shown = self.shell(table)
        for name in self.outputs:
            assert name in shown, f"{name} is not among the outputs that the command shows"
        assert json.loads(self.shell(asking)) == {"connections": [], "next": None}
        read = self.outputs["ReadFoundingKey"]
        assert self.shell(read).strip() == self.founding_key()

    def update(self, **parameters: str) -> None:
        """Deploys again with other parameters."""
        self.parameters |= parameters
        [commands] = page.commands("Update")
        given = " ".join(f"'{name}={value}'" for name, value in self.parameters.items())
        again = re.sub(r"^sam deploy .*$", lambda line: f"{line[0]} --parameter-overrides {given}", commands,
                       flags=re.MULTILINE)
        assert again != commands
        self.shell(again)
        self.read_outputs()

    def remove(self) -> None:
        """Deletes the stack, then what outlives it on purpose."""
        removing, throwing, *_ = page.commands("Remove")
        self.shell(removing)
        for word, output in (("TABLE_NAME", "TableName"), ("MASTER_KEY_SECRET", "MasterKeySecret"), ("KEY_ARN", "KeyArn")):
            throwing = throwing.replace(word, self.outputs[output])
        self.shell(throwing)

    def read_outputs(self) -> None:
        [found] = self.cloud.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}

    def founding_key(self) -> str:
        secrets = self.cloud.client("secretsmanager")
        return secrets.get_secret_value(SecretId=self.outputs["FoundingKeySecret"])["SecretString"]

    def api_url(self) -> str:
        return self.cloud.reach(self.outputs["ApiBaseUrl"]).rstrip("/")

    def intake_url(self) -> str:
        return f"{self.cloud.url}/_aws/execute-api/{self.outputs['IntakeApiId']}/$default"

    def function_arn(self, name: str) -> str:
        return f"arn:aws:lambda:{REGION}:000000000000:function:{NAME}-{name}"
