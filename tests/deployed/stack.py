"""The deployments under test, made by the commands of the pages and by nothing else."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import page
import tools
from cloud import Cloud

sys.path.append(str(tools.ROOT / "tests" / "infra"))

import infra  # noqa: E402: it knows how the construct is installed

NAME = "tidemark"
CDK_NAME = "tidemark-cdk"
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


class Deployment:
    """What all of them have: a name, outputs, and commands that see no other cloud."""

    name: str
    folder_of_commands = tools.ROOT

    def __init__(self, cloud: Cloud, folder: Path):
        self.cloud, self.folder = cloud, folder
        self.outputs: dict[str, str] = {}
        self.bin = folder / f"bin-{self.name}"
        self.bin.mkdir()
        # Version 1 of the AWS CLI takes the address for SQS from nothing but the command line.
        aws = self.bin / "aws"
        aws.write_text(f'#!/bin/sh\nexec {tools.AWS}/bin/aws --endpoint-url {cloud.url} "$@"\n')
        aws.chmod(0o755)

    def shell(self, commands: str, **variables: str) -> str:
        """Runs a block of the page as a person would paste it, and gives what it printed."""
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        environment = self.cloud.variables() | {"PATH": path, "PROFILE": "dev", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=self.folder_of_commands, text=True,
                              env=environment | variables, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=COMMAND_SECONDS)
        if done.returncode:
            raise AssertionError(f"{commands}\nended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout

    def read_outputs(self) -> None:
        [found] = self.cloud.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}

    def founding_key(self) -> str:
        secrets = self.cloud.client("secretsmanager")
        return secrets.get_secret_value(SecretId=self.outputs["FoundingKeySecret"])["SecretString"]

    def api_url(self) -> str:
        return self.cloud.reach(self.outputs["ApiBaseUrl"]).rstrip("/")

    def intake_url(self) -> str:
        return f"{self.cloud.url}/_aws/execute-api/{self.outputs['IntakeApiId']}/$default"

    def live(self) -> dict[str, dict]:
        """The configuration of each function that is called."""
        functions = self.cloud.client("lambda")
        return {name: functions.get_function_configuration(FunctionName=f"{self.name}-{name}:live") for name in FUNCTIONS}

    def resources(self) -> dict[str, str]:
        """What the stack has made: its own names by those of the template."""
        found = self.cloud.client("cloudformation").describe_stack_resources(StackName=self.name)["StackResources"]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}


class Stack(Deployment):
    """By SAM, as docs/aws.md has it."""

    name = NAME

    def __init__(self, cloud: Cloud, folder: Path, build: bool):
        super().__init__(cloud, folder)
        self.build = build
        self.parameters = dict(SHORTENED)
        (self.bin / "sam").symlink_to(tools.SAM / "bin" / "sam")

    def shell(self, commands: str, **variables: str) -> str:
        return super().shell(self.here(commands), **variables)

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


class CdkStack(Deployment):
    """By CDK, as the construct's page has it, with the zips that are there."""

    name = CDK_NAME
    folder_of_commands = infra.CDK

    def __init__(self, cloud: Cloud, folder: Path, parameters: dict[str, str]):
        super().__init__(cloud, folder)
        self.parameters = {name[0].lower() + name[1:]: int(value) if value.isdecimal() else value
                           for name, value in parameters.items()}
        npm = infra.install_construct()
        for program in ("npm", "npx"):
            start = f"PATH={shlex.quote(npm.path)}\nexec {shlex.join(npm.commands[program])}"
            (self.bin / program).write_text(f'#!/bin/sh\n{start} "$@"\n')
            (self.bin / program).chmod(0o755)

    def shell(self, commands: str, **variables: str) -> str:
        commands = commands.replace("npm ci && ", "").replace("stack=tidemark", f"stack={self.name}")
        return super().shell(commands, **variables | {
            "HOME": str(self.bin), "CDK_OUTPUT": str(self.bin / "out"), "CDK_REQUIRE_APPROVAL": "never", "CDK_FORCE": "true",
            "CDK_NOTICES": "false", "CDK_DISABLE_CLI_TELEMETRY": "true", "CDK_DISABLE_VERSION_CHECK": "true"})

    def deploy(self) -> None:
        [commands, _] = page.commands("A stack of its own", page.CONSTRUCT)
        given = f"parameters='{json.dumps(self.parameters)}'"
        ours = re.sub(r"parameters='[^']*'", lambda _: given, commands)
        assert ours != commands
        self.shell(ours)
        self.read_outputs()

    def take_back(self, release: str) -> None:
        [_, commands] = page.commands("Going live by shares")
        self.shell(commands.replace("tidemark-", f"{self.name}-").replace("RELEASE", release))

    def remove(self) -> None:
        [_, commands] = page.commands("A stack of its own", page.CONSTRUCT)
        self.shell(commands)
