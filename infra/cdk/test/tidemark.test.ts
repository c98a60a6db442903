import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { CfnTable } from 'aws-cdk-lib/aws-dynamodb';
import { Topic } from 'aws-cdk-lib/aws-sns';

import { acknowledgeFindings, Tidemark, type TidemarkParameters } from '../lib';
import source from '../lib/template.json';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Resources = Record<string, { Type: string; Properties: Record<string, Json> }>;

let packages: string;

before(() => {
  packages = mkdtempSync(join(tmpdir(), 'tidemark-cdk-'));
  for (const name of zips()) writeFileSync(join(packages, name), `zip of ${name}`);
});

after(() => rmSync(packages, { recursive: true }));

function zips(): string[] {
  const resources = Object.values(source.Resources as unknown as Resources);
  const functions = resources.filter((resource) => resource.Type === 'AWS::Lambda::Function');
  return functions.map((resource) => (resource.Properties.Code as { S3Key: string }).S3Key);
}

function embed(parameters: TidemarkParameters = {}): { stack: Stack; tidemark: Tidemark } {
  const stack = new Stack(new App(), 'Around');
  const tidemark = new Tidemark(stack, 'Tidemark', { ...parameters, packages });
  acknowledgeFindings(tidemark);
  return { stack, tidemark };
}

/**
 * Names as they are in the source, parameters as they are filled in, code left out. CDK writes numbers
 * and truth values of the properties that it knows as such, the template has some of them as text.
 */
function comparable(value: Json, names: ReadonlyMap<string, string>, filled: Record<string, Json>): Json {
  if (typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (typeof value === 'string') {
    const texts = [...names].reduce((text, [own, name]) => text.replaceAll(`\${${own}`, `\${${name}`), value);
    const named = names.get(texts) ?? texts;
    return named.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => (name in filled ? String(filled[name]) : whole));
  }
  if (Array.isArray(value)) return value.map((item) => comparable(item, names, filled));
  if (typeof value !== 'object' || value === null) return value;
  const { Ref: reference } = value as { Ref?: string };
  if (reference !== undefined && reference in filled) return comparable(filled[reference] ?? null, names, {});
  const entries = Object.entries(value).filter(([key]) => key !== 'Code');
  return Object.fromEntries(entries.map(([key, item]) => [key, comparable(item, names, filled)]));
}

test('every resource, condition and output of the template is in the stack, and nothing else', () => {
  const { stack, tidemark } = embed();
  const made = Template.fromStack(stack).toJSON() as Record<string, Record<string, Json>>;
  const names = new Map<string, string>();
  for (const section of [source.Resources, source.Outputs, source.Conditions]) {
    for (const name of Object.keys(section)) {
      const element = tidemark.included.node.findAll().find((node) => node.node.id === name);
      assert.ok(element, name);
      names.set(stack.getLogicalId(element as never), name);
    }
  }
  const defaults = Object.entries(source.Parameters as Record<string, { Type: string; Default: Json }>);
  const filled = Object.fromEntries(defaults.map(([name, { Type: type, Default: value }]) =>
    [name, type === 'CommaDelimitedList' ? String(value).split(',') : value]));
  for (const section of ['Resources', 'Outputs', 'Conditions'] as const) {
    const wanted = source[section] as unknown as Record<string, Json>;
    const own = Object.entries(made[section] ?? {}).map(([id, body]) => [names.get(id) ?? id, body] as const);
    assert.deepEqual(own.map(([name]) => name).sort(), Object.keys(wanted).sort());
    for (const [name, body] of own) {
      assert.deepEqual(
        comparable(body, names, filled), comparable(wanted[name] ?? null, new Map(), filled), `${section}.${name}`);
    }
  }
  assert.deepEqual(Object.keys(made.Parameters ?? {}), ['BootstrapVersion']);
  // The commands of the operator's pages look for them.
  assert.deepEqual(Object.keys(made.Outputs ?? {}).sort(), Object.keys(source.Outputs).sort());
});

test('what goes live has another name whenever a function could change', () => {
  const release = (parameters: TidemarkParameters): Json => {
    const versions = Template.fromStack(embed(parameters).stack).findResources('AWS::Lambda::Version');
    const names = new Set(Object.values(versions).map((version) => version.Properties.Description as string));
    assert.equal(names.size, 1);
    return [...names][0] ?? null;
  };
  const first = release({ shift: 'AllAtOnce' });
  assert.equal(release({ shift: 'AllAtOnce' }), first);
  assert.notEqual(release({ shift: 'AllAtOnce', runSeconds: 30 }), first);
  assert.equal(release({ shift: 'AllAtOnce', release: '2026-11' }), '2026-11');
  assert.equal(release({}), '1');
  writeFileSync(join(packages, 'sync.zip'), 'another zip');
  assert.notEqual(release({ shift: 'AllAtOnce' }), first);
});

test('CodeDeploy moves each alias', () => {
  const { stack } = embed({ shift: 'Linear10PercentEvery1Minute' });
  const template = Template.fromStack(stack);
  const groups = Object.keys(template.findResources('AWS::CodeDeploy::DeploymentGroup'));
  const moved = Object.values(template.findResources('AWS::Lambda::Alias')).map((alias) =>
    alias.UpdatePolicy.CodeDeployLambdaAliasUpdate['Fn::If'][1].DeploymentGroupName.Ref as string);
  assert.equal(moved.length, zips().length);
  assert.deepEqual(moved.sort(), groups.sort());
});

test('each function gets its own zip', () => {
  const { stack } = embed();
  const functions = Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function'));
  const keys = new Set(functions.map((resource) => JSON.stringify(resource.Properties.Code)));
  assert.equal(functions.length, zips().length);
  assert.equal(keys.size, zips().length);
});

test('parameters reach what they are for', () => {
  const { stack } = embed({ syncTimeoutSeconds: 20, deletionProtection: false, architecture: 'arm64' });
  const template = Template.fromStack(stack);
  template.hasResourceProperties('AWS::DynamoDB::Table', { DeletionProtectionEnabled: false });
  template.hasResourceProperties('AWS::Lambda::Function', { Timeout: 20, Architectures: ['arm64'] });
});

test('what CloudFormation would refuse is refused at once, by name', () => {
  const cases: [TidemarkParameters, RegExp][] = [
    [{ sweepMinutes: 4 }, /sweepMinutes has to be at least 5/],
    [{ sweepMinutes: 1.5 * 5 }, /sweepMinutes has to be a whole number/],
    [{ retentionDays: 401 }, /retentionDays has to be at most 400/],
    [{ organisation: 'Main' }, /organisation has to be 1 to 63 small letters/],
    [{ callbackUrl: 'http://hooks.example' }, /callbackUrl has to be an https address/],
    [{ egress: 'everywhere' as never }, /egress has to be one of any, one-address/],
    [{ logRetentionDays: 31 as never }, /logRetentionDays has to be one of 1, 3,/],
    [{ speed: 1 } as never, /Tidemark knows no speed/],
  ];
  for (const [parameters, message] of cases) assert.throws(() => embed(parameters), message);
});

test('it lives beside other resources, and they may use what it tells', () => {
  const { stack, tidemark } = embed();
  new Topic(stack, 'Table');
  const watched = Topic.fromTopicArn(stack, 'Alarms', tidemark.outputs.alarmTopicArn);
  const table = tidemark.included.getResource('Table') as CfnTable;
  assert.deepEqual(stack.resolve(tidemark.outputs.tableName), { Ref: stack.getLogicalId(table) });
  assert.ok(stack.resolve(watched.topicArn));
});
