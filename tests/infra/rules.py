"""What linters do not know of the template: schedules, roles, variables, alarms, and what the code and
the documents say of the same things.

Each rule takes a `Project` and yields problems as sentences.
"""

import dataclasses
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "deployed"))

from needs import NEEDS, SAMPLE  # noqa: E402: what the deployed tests take away
# Functions that are a process of their own and not on Lambda.
NOT_ON_LAMBDA = {"local"}
# Statements that name every resource, since the service knows none for these actions.
EVERY_RESOURCE = {"OwnIdentity", "Traces", "Interfaces", "NotTheFunctionItself", "AlarmStates"}
# Names that are made while it runs begin with one of these.
OPEN_ENDED = re.compile(r":secret:tidemark/\$\{AWS::StackName\}/(connections|webhooks)/(\*/notification-keys)?\*$")
# The api function is about to read these.
RETAINED = {"Key", "Table", "MasterKey"}
# A canary of five minutes is the quickest way to go live that Shift allows.
SHIFT_SECONDS_MIN = 300
HEXADECIMAL = set("0123456789abcdef")


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as the long ones."""


def read_function(loader: Loader, tag: str, node: yaml.Node) -> dict:
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if tag == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


Loader.add_multi_constructor("!", read_function)


@dataclasses.dataclass
class Project:
    """All that the rules look at."""

    template: dict
    alarms_page: str
    aws_page: str
    # Names of variables in the tables of crates' pages, and those that code reads.
    documented: set[str]
    read: set[str]
    functions: set[str]
    # Constants of the store's table: PARTITION -> pk.
    table: dict[str, str]
    # Metrics that the program tells, with their units.
    metrics: dict[str, str]
    # Of each action of a function's role, why it is there.
    needs: dict[tuple[str, str, str], object]

    @classmethod
    def load(cls, root: Path = ROOT) -> "Project":
        sources = [path for folder in ("shared", "functions") for path in (root / folder).rglob("*.rs")
                   if not {"local", "examples", "tests", "tests.rs"} & set(path.relative_to(root).parts)]
        documented, read, table = set(), set(), {}
        for path in sources:
            text = path.read_text().split("#[cfg(test)]")[0]
            # Those of other names Lambda sets by itself.
            documented.update(re.findall(r"^//! \| `(TIDEMARK_[A-Z_]+)` \|", text, re.M))
            read.update(re.findall(r'"(TIDEMARK_[A-Z_]+)"', text))
            if "shared/store/src" in path.as_posix():
                table.update(re.findall(r'const ([A-Z_]+): &str = "(\w+)";', text))
        return cls(
            template=yaml.load((root / "infra" / "template.yaml").read_text(), Loader),
            alarms_page=(root / "docs" / "alarms.md").read_text(),
            aws_page=(root / "docs" / "aws.md").read_text(),
            documented=documented,
            read=read,
            functions={path.parent.name for path in (root / "functions").glob("*/Cargo.toml")} - NOT_ON_LAMBDA,
            table=table,
            metrics=dict(re.findall(r'^    (\w+): "(\w+)" by \w+,$',
                                    (root / "shared/platform/src/frame/event.rs").read_text(), re.M)),
            needs=dict(NEEDS),
        )

    def of_type(self, kind: str) -> dict[str, dict]:
        resources = self.template["Resources"]
        return {name: body["Properties"] for name, body in resources.items() if body["Type"] == kind}

    def lambdas(self) -> dict[str, dict]:
        return self.of_type("AWS::Serverless::Function")

    def default(self, parameter: str) -> object:
        return self.template["Parameters"][parameter]["Default"]


def schedules(project: Project) -> Iterator[str]:
    """EventBridge takes a wrong one only when the stack is made; no linter looks at it."""
    for name, rule in project.of_type("AWS::Events::Rule").items():
        if problem := schedule_problem(rule["ScheduleExpression"]):
            yield f"{name}: the schedule {rule['ScheduleExpression']!r} {problem}"


def schedule_problem(expression: str) -> str | None:
    """Source: Amazon EventBridge user guide, "Setting a schedule pattern for scheduled rules"."""
    if match := re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", expression):
        count, _, plural = match.groups()
        if int(count) < 1:
            return "has to be 1 at least"
        return None if (int(count) == 1) == (plural == "") else "has the wrong number: 1 minute, 2 minutes"
    if match := re.fullmatch(r"cron\((.*)\)", expression):
        fields = match[1].split(" ")
        if len(fields) != 6:
            return "needs six fields"
        ranges = [(0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199)]
        for field, (least, most) in zip(fields, ranges, strict=True):
            if any(not least <= int(number) <= most for number in re.findall(r"\d+", field.split("/")[0])):
                return f"has {field!r} out of range"
        return None if (fields[2] == "?") != (fields[4] == "?") else "needs ? for one of the two days"
    return "is neither a rate nor a cron expression"


def statements(project: Project) -> Iterator[tuple[str, dict]]:
    """Every statement of the roles and policies that functions have."""
    for name, role in project.of_type("AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])
    for name, policy in project.of_type("AWS::IAM::ManagedPolicy").items():
        yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])


def as_list(value: object) -> list:
    return value if isinstance(value, list) else [value]


def policies(project: Project) -> Iterator[str]:
    """No role may do more than what its function calls."""
    for name, statement in statements(project):
        where = f"{name}, statement {statement.get('Sid', '?')}"
        if "NotAction" in statement or "NotResource" in statement:
            yield f"{where}: says what is excepted instead of what is allowed"
            continue
        for action in as_list(statement["Action"]):
            if "*" in action:
                yield f"{where}: the action {action} is a wildcard"
        for resource in as_list(statement["Resource"]):
            text = resource if isinstance(resource, str) else str(resource.get("Fn::Sub", ""))
            if text == "*" and statement.get("Sid") not in EVERY_RESOURCE:
                yield f"{where}: allows it for every resource"
            elif "*" in text and text != "*" and not OPEN_ENDED.search(text):
                yield f"{where}: the resource {text} is a wildcard"
    for name, function in project.lambdas().items():
        if function.get("Role") != {"Fn::GetAtt": [f"{name}Role", "Arn"]}:
            yield f"{name}: has no role of its own"
        if "Policies" in function:
            yield f"{name}: SAM would add to its role"


def needs(project: Project) -> Iterator[str]:
    """Of every action that a function's role holds, tests/deployed/needs.py says how its absence shows."""
    roles = {f"{name}Role": Path(function["CodeUri"]).stem for name, function in project.lambdas().items()}
    held = []
    for role, statement in statements(project):
        if role not in roles:
            continue
        if isinstance(statement["Resource"], list):
            yield f"{role}, statement {statement['Sid']}: of several resources nobody knows which is needed"
        held += [(roles[role], statement["Sid"], action) for action in as_list(statement["Action"])]
    for key in sorted(set(held) ^ set(project.needs)):
        yield "{0}: {2} ({1}) stands in only one of the template and tests/deployed/needs.py".format(*key)
    for key in sorted(set(SAMPLE) - set(project.needs)):
        yield f"the sample tries {key}, which nobody holds"


def variables(project: Project) -> Iterator[str]:
    """What the template sets is what the code reads, and both is what the crates' pages say."""
    common = project.template["Globals"]["Function"]["Environment"]["Variables"]
    given = set(common)
    for function in project.lambdas().values():
        given |= set(function.get("Environment", {}).get("Variables", {}))
    documented = project.documented
    for name in sorted(given - documented):
        yield f"the template sets {name}, and no page of a crate has it"
    for name in sorted(documented - given):
        yield f"{name} is documented, and the template does not set it"
    for name in sorted(documented - project.read):
        yield f"{name} is documented, and no code reads it"
    for name in sorted(project.read - documented):
        yield f"code reads {name}, and no page of a crate has it"


# What a function that is told of something is allowed with it: the statement and the action.
NEEDED_FOR = {
    "TIDEMARK_QUEUE_URL": ("Queue", "sqs:SendMessage"),
    "TIDEMARK_MASTER_KEY_SECRET": ("MasterKey", "secretsmanager:GetSecretValue"),
    "TIDEMARK_FOUNDING_KEY_SECRET": ("FoundingKey", "secretsmanager:GetSecretValue"),
}


def grants(project: Project) -> Iterator[str]:
    """Who is told of the queue or of a secret may use it, and nobody else."""
    sources = project.of_type("AWS::Lambda::EventSourceMapping")
    for name, function in project.lambdas().items():
        told = set(function.get("Environment", {}).get("Variables", {}))
        allowed = {statement["Sid"]: as_list(statement["Action"])
                   for role, statement in statements(project) if role == f"{name}Role"}
        for variable, (sid, action) in NEEDED_FOR.items():
            if (variable in told) != (action in allowed.get(sid, [])):
                yield f"{name}: {variable} and the statement {sid} of its role do not belong together"
        works_off = {"Ref": f"{name}Live"} in [source["FunctionName"] for source in sources.values()]
        if works_off != ("sqs:ReceiveMessage" in allowed.get("Queue", [])):
            yield f"{name}: who works the queue off may receive, and nobody else"


def sections(page: str) -> dict[str, str]:
    """The sections of a page by the anchor that its heading gets."""
    found, anchor = {}, ""
    for line in page.splitlines():
        if heading := re.fullmatch(r"#{1,4} (.+)", line):
            anchor = re.sub(r"[^a-z0-9 -]", "", heading[1].lower()).replace(" ", "-")
            found[anchor] = ""
        elif anchor:
            found[anchor] += line + "\n"
    return found


def alarms(project: Project) -> Iterator[str]:
    """Each alarm tells somebody, and names a section that says what to do about it."""
    pages = sections(project.alarms_page)
    names = set()
    for logical, alarm in project.of_type("AWS::CloudWatch::Alarm").items():
        name = alarm["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        names.add(name)
        anchor = re.search(r"docs/alarms\.md#([a-z0-9-]+)$", alarm["AlarmDescription"])
        if not anchor or anchor[1] not in pages:
            yield f"{logical}: its description names no section of docs/alarms.md"
        elif f"`{name}`" not in pages[anchor[1]]:
            yield f"{logical}: the section {anchor[1]} of docs/alarms.md does not name `{name}`"
        elif missing := [word for word in ("Means", "Look", "Do") if f"**{word}" not in pages[anchor[1]]]:
            yield f"{logical}: the section {anchor[1]} of docs/alarms.md lacks {', '.join(missing)}"
        if not alarm.get("AlarmActions") or not alarm.get("TreatMissingData"):
            yield f"{logical}: tells nobody, or does not say what silence means"
        # What is there under a condition cannot be on a dashboard that is always there.
        if "Condition" not in project.template["Resources"][logical] and f"${{{logical}.Arn}}" not in json.dumps(project.template["Resources"]["Dashboard"]):
            yield f"{logical}: is not on the dashboard"
    for told in re.findall(r"^- \*\*Alarm\*\*: (.+?)^- ", project.alarms_page, re.M | re.S):
        for name in re.findall(r"`([a-z-]+)`", told):
            if name not in names:
                yield f"docs/alarms.md tells of an alarm {name} that is not there"


def watched(project: Project) -> Iterator[str]:
    """What goes silent without an error, or is told apart from its table, has an alarm of its own."""
    alarms = list(project.of_type("AWS::CloudWatch::Alarm").values())

    def is_watched(metric: str, **dimensions: object) -> bool:
        return any(alarm["MetricName"] == metric and {one["Name"]: one["Value"] for one in alarm["Dimensions"]} == dimensions
                   for alarm in alarms)

    for logical, rule in project.of_type("AWS::Events::Rule").items():
        for target in rule["Targets"]:
            function = {"Ref": target["Arn"]["Ref"].removesuffix("Live")}
            if not is_watched("Invocations", FunctionName=function):
                yield f"{logical}: nobody is told when it no longer calls {function['Ref']}"
    for logical, table in project.of_type("AWS::DynamoDB::Table").items():
        for index in [None, *table.get("GlobalSecondaryIndexes", [])]:
            name = {"GlobalSecondaryIndexName": index["IndexName"]} if index else {}
            for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
                if not is_watched(metric, TableName={"Ref": logical}, **name):
                    yield f"{logical}: nobody is told of {metric} of {index['IndexName'] if index else 'the table'}"


def metrics(project: Project) -> Iterator[str]:
    """What the program tells, what alarms look at and what the page says are the same."""
    page = dict(re.findall(r"^\| `([A-Z]\w+)` \| (\w+) \|", project.alarms_page, re.M))
    if page != project.metrics:
        names = sorted(set(page.items()) ^ set(project.metrics.items()))
        yield f"docs/alarms.md and the program do not agree about the metrics {names}"
    dashboard = json.dumps(project.template["Resources"]["Dashboard"])
    for name in sorted(project.metrics):
        if f'\\"{name}\\"' not in dashboard:
            yield f"the metric {name} is not on the dashboard"
    for logical, alarm in project.of_type("AWS::CloudWatch::Alarm").items():
        if alarm["Namespace"] == "Tidemark" and alarm["MetricName"] not in project.metrics:
            yield f"{logical}: nobody tells the metric {alarm['MetricName']}"


def functions(project: Project) -> Iterator[str]:
    """Each function has its zip, its log and its time."""
    zips = {}
    for name, function in project.lambdas().items():
        folder = Path(function["CodeUri"]).stem
        zips[folder] = name
        if function["CodeUri"] != f"../target/package/{folder}.zip":
            yield f"{name}: its code is not what `make package` leaves"
        if function["FunctionName"] != {"Fn::Sub": f"${{AWS::StackName}}-{folder}"}:
            yield f"{name}: is not named by its folder"
        if function["LoggingConfig"]["LogGroup"] != {"Ref": f"{name}Logs"}:
            yield f"{name}: has no log of its own"
    for folder in sorted(project.functions ^ set(zips)):
        yield f"functions/{folder} and the template do not agree that it exists"
    for name, log in project.of_type("AWS::Logs::LogGroup").items():
        if "RetentionInDays" not in log or "KmsKeyId" not in log:
            yield f"{name}: is kept for ever, or not encrypted"
    names = ("RunSeconds", "SyncTimeoutSeconds", "BackgroundTimeoutSeconds")
    run, sync, rest = (int(project.default(name)) for name in names)
    if run + 15 > min(sync, rest):
        yield "RunSeconds leaves less than 15 seconds of the functions' time"
    if int(project.default("QueueVisibilitySeconds")) <= sync:
        yield "a message comes again while its run may still go on"
    for parameter, timeout in (("SyncSlowMs", sync), ("BackgroundSlowMs", rest)):
        if not run * 1000 < int(project.default(parameter)) < timeout * 1000:
            yield f"{parameter} lies not between what a run may take and the time-out"


def queue(project: Project) -> Iterator[str]:
    """One message at a time, failures told one by one, and a chain of continuations that Lambda lets go on."""
    sources = project.of_type("AWS::Lambda::EventSourceMapping")
    if not sources:
        yield "nobody works the queue off"
    for name, event in sources.items():
        function = project.lambdas().get(event["FunctionName"].get("Ref", "").removesuffix("Live"), {})
        if event.get("BatchSize") != 1:
            yield f"{name}: takes more than one message at a time"
        if event.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name}: cannot say which message failed"
        if function.get("RecursiveLoop") != "Allow":
            yield f"{name}: Lambda would stop its chains of continuations"
        if "ScalingConfig" not in event:
            yield f"{name}: may take all of the account's concurrency"
    for name, properties in project.of_type("AWS::SQS::Queue").items():
        mode = (properties.get("DeduplicationScope"), properties.get("FifoThroughputLimit"))
        if mode != ("messageGroup", "perMessageGroupId"):
            yield f"{name}: is not in high-throughput mode"


def table(project: Project) -> Iterator[str]:
    """The table is the one that the store's code expects."""
    made, names = project.template["Resources"]["Table"]["Properties"], project.table
    keys = {part["KeyType"]: part["AttributeName"] for part in made["KeySchema"]}
    if keys != {"HASH": names["PARTITION"], "RANGE": names["SORT"]}:
        yield f"the table's key is {keys}, the store's another"
    index = made["GlobalSecondaryIndexes"][0]
    keys = {part["KeyType"]: part["AttributeName"] for part in index["KeySchema"]}
    if index["IndexName"] != names["DUE_INDEX"] or keys != {"HASH": names["DUE_SHARD"], "RANGE": names["DUE_AT"]}:
        yield f"the index {index['IndexName']} over {keys} is not the store's"
    if made["TimeToLiveSpecification"] != {"AttributeName": names["EXPIRES"], "Enabled": True}:
        yield "the table does not expire what the store marks"
    if not made["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]:
        yield "the table cannot be restored to an earlier moment"


def kept(project: Project) -> Iterator[str]:
    """What cannot be made again outlives the stack and its updates."""
    for name in sorted(RETAINED):
        resource = project.template["Resources"][name]
        policies_of = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
        if policies_of != ("RetainExceptOnCreate", "Retain"):
            yield f"{name}: does not outlive the stack"
    # An update of how it is generated would draw another key, and all that is encrypted would be lost.
    generated = project.template["Resources"]["MasterKey"]["Properties"]["GenerateSecretString"]
    drawn_from = {chr(code) for code in range(0x21, 0x7F)} - set(generated["ExcludeCharacters"])
    others = {name: value for name, value in generated.items() if name != "ExcludeCharacters"}
    if drawn_from != HEXADECIMAL or others != {"PasswordLength": 64, "RequireEachIncludedType": False}:
        yield "MasterKey: an update would draw another key, and what is encrypted would be lost"


def ways_in(project: Project) -> Iterator[str]:
    """A function URL wants two permissions; the HTTP API has a rate limit and logs no path."""
    for name, url in project.of_type("AWS::Lambda::Url").items():
        alias = url["TargetFunctionArn"]["Fn::GetAtt"][0] + "Live"
        every = project.of_type("AWS::Lambda::Permission").values()
        granted = {permission["Action"]: permission for permission in every
                   if permission["FunctionName"] == {"Ref": alias} and permission["Principal"] == "*"}
        if set(granted) != {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}:
            yield f"{name}: both permissions are needed"
        elif not granted["lambda:InvokeFunction"].get("InvokedViaFunctionUrl"):
            yield f"{name}: anybody could invoke {alias} beside its URL"
    for name, stage in project.of_type("AWS::ApiGatewayV2::Stage").items():
        if not {"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= set(stage["DefaultRouteSettings"]):
            yield f"{name}: has no rate limit"
        if re.search(r"context\.(path|.*uri)", stage["AccessLogSettings"]["Format"], re.I):
            yield f"{name}: the path of an EWS notification is a secret"


def releases(project: Project) -> Iterator[str]:
    """Whatever calls a function calls its alias, and a release that fails goes back."""
    resources = project.template["Resources"]
    for name, function in project.lambdas().items():
        if "AutoPublishAlias" in function or "Events" in function:
            yield f"{name}: SAM would have an alias or events of its own"
        if "${Release}" not in str(function["Description"].get("Fn::Sub")):
            yield f"{name}: another release of the same program could not be published"
        if resources[f"{name}Version"].get("UpdateReplacePolicy") != "Retain":
            yield f"{name}: the release before is not kept"
        alarm = resources[f"{name}ShiftAlarm"]["Properties"]
        version = {"Name": "ExecutedVersion", "Value": {"Fn::GetAtt": [f"{name}Version", "Version"]}}
        if version not in alarm["Dimensions"] or alarm["Period"] * alarm["EvaluationPeriods"] > SHIFT_SECONDS_MIN / 2:
            yield f"{name}: its alarm looks at other versions, or comes too late to stop the quickest shift"
        if resources[f"{name}Shift"]["Properties"]["AlarmConfiguration"]["Alarms"] != [{"Name": {"Ref": f"{name}ShiftAlarm"}}]:
            yield f"{name}: goes live whatever its alarm says"
    moved = {name: alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["Fn::If"][1]["DeploymentGroupName"]["Ref"]
             for name, alias in resources.items() if alias["Type"] == "AWS::Lambda::Alias"}
    if moved != {f"{name}Live": f"{name}Shift" for name in project.lambdas()}:
        yield f"CodeDeploy moves {moved}"
    for name, called in calls(project):
        if called not in [{"Ref": alias} for alias in moved]:
            yield f"{name}: calls {called} and no alias"


def calls(project: Project) -> Iterator[tuple[str, dict]]:
    """What calls functions or permits it. Rotation is the exception that the template explains."""
    for kind, key in (("AWS::Lambda::EventSourceMapping", "FunctionName"), ("AWS::Lambda::Permission", "FunctionName"),
                      ("AWS::ApiGatewayV2::Integration", "IntegrationUri")):
        yield from ((name, body[key]) for name, body in project.of_type(kind).items() if name != "RotationPermission")
    for name, rule in project.of_type("AWS::Events::Rule").items():
        yield from ((name, target["Arn"]) for target in rule["Targets"])
    for kind, key in (("AWS::Lambda::Url", "TargetFunctionArn"), ("AWS::Lambda::EventInvokeConfig", "FunctionName")):
        for name, body in project.of_type(kind).items():
            function = body[key].get("Ref") or body[key]["Fn::GetAtt"][0]
            yield name, {"Ref": f"{function}Live"} if body["Qualifier"] == "live" else {"Ref": function}


def parameters(project: Project) -> Iterator[str]:
    """Every parameter is described and bounded, and the guide has it."""
    listed = {name for group in project.template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
              for name in group["Parameters"]}
    told = set(re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\|[^|]*\|$", project.aws_page, re.M))
    every = project.template["Parameters"]
    for name, parameter in every.items():
        if "Description" not in parameter or "Default" not in parameter:
            yield f"the parameter {name} has no description or no default"
        if parameter["Type"] == "Number" and not {"MinValue", "AllowedValues"} & set(parameter):
            yield f"the parameter {name} has no bound"
    for what, names in (("the groups of parameters", listed), ("docs/aws.md", told)):
        for name in sorted(set(every) ^ names):
            yield f"the parameter {name} stands in only one of the template and {what}"
    outputs = set(project.template["Outputs"])
    for name in sorted(outputs - set(re.findall(r"`(\w+)`", project.aws_page))):
        yield f"docs/aws.md does not say what the output {name} is for"


RULES = (schedules, policies, needs, variables, grants, alarms, watched, metrics, functions, queue, table, kept, ways_in,
         releases, parameters)


def problems(project: Project) -> list[str]:
    """All that is wrong."""
    return [f"{rule.__name__}: {problem}" for rule in RULES for problem in rule(project)]
