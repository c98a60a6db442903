#!/usr/bin/env python3
"""Makes what the construct is built from: the transformed template, and types for its parameters.

usage: generate.py [--check]

infra/template.yaml is the one source. CDK cannot include a SAM template whose resources refer to what
SAM generates, so the transformed form is kept beside the construct, as template.json; who embeds the
construct needs no Python. --check changes nothing and fails when one of the files is not what it
would be. Needs aws-sam-translator, which comes with cfn-lint.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")

from samtranslator.yaml_helper import yaml_parse
from samtranslator.translator.transform import transform

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "template.yaml"
TEMPLATE = HERE / "lib" / "template.json"
PARAMETERS = HERE / "lib" / "parameters.ts"
# Stands for where the zips are, until the construct puts its assets there.
BUCKET = "zips"
WIDTH = 100


class NoManagedPolicies:
    """Every role is written out: SAM has none to look up."""

    @staticmethod
    def load() -> dict[str, str]:
        return {}


def transformed() -> dict:
    source = yaml_parse(SOURCE.read_text())
    # For people at consoles and for linters.
    source.pop("Metadata")
    for resource in source["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            properties["CodeUri"] = f"s3://{BUCKET}/{Path(properties['CodeUri']).name}"
    return transform(source, {}, NoManagedPolicies())


def type_of(parameter: dict) -> str:
    allowed = parameter.get("AllowedValues")
    if allowed == ["true", "false"]:
        return "boolean"
    if parameter["Type"] == "Number":
        return "number"
    if parameter["Type"] == "CommaDelimitedList":
        return "string[]"
    return " | ".join(f"'{value}'" for value in allowed) if allowed else "string"


def property_name(name: str) -> str:
    return name[0].lower() + name[1:]


def comment(text: str, *more: str) -> list[str]:
    lines, line = [], ""
    for word in " ".join(text.split()).split(" "):
        if line and len(line) + len(word) + 6 > WIDTH:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return ["  /**", *(f"   * {line}" for line in [*lines, line, *more]), "   */"]


def parameters(template: dict) -> str:
    lines = ["// Made by generate.py from infra/template.yaml.", "",
             "/** The parameters of the template. What is left out has its default. */",
             "export interface TidemarkParameters {"]
    for name, parameter in template["Parameters"].items():
        default = json.dumps(parameter["Default"])
        lines += comment(parameter["Description"] + ".", f"@default {default}")
        lines.append(f"  readonly {property_name(name)}?: {type_of(parameter)};")
    lines += ["}", "", "/** What the template tells of what it made. */", "export interface TidemarkOutputs {"]
    for name, output in template["Outputs"].items():
        lines += comment(output["Description"] + ".")
        lines.append(f"  readonly {property_name(name)}: string;")
    return "\n".join([*lines, "}", ""])


def main() -> int:
    template = transformed()
    wanted = {TEMPLATE: json.dumps(template, indent=1, sort_keys=True) + "\n", PARAMETERS: parameters(template)}
    if sys.argv[1:] != ["--check"]:
        for path, text in wanted.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return 0
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text() != text]
    for path in stale:
        print(f"{path.relative_to(HERE.parents[1])} is not what the template makes: run infra/cdk/generate.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
