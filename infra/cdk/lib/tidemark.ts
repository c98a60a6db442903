import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { Aws, Fn, Stack, Token } from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import type { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';

import { findProblem, type ParameterSchema } from './checks';
import type { TidemarkOutputs, TidemarkParameters } from './parameters';
import template from './template.json';

export interface TidemarkProps extends TidemarkParameters {
  /** Folder with the zips of the functions, as `make package` leaves them. */
  readonly packages: string;
}

/**
 * All of Tidemark: its functions, table, queue, schedules, keys and alarms. One to a stack, since
 * names begin with the stack's.
 */
export class Tidemark extends Construct {
  /** What others need to know of it. */
  readonly outputs: TidemarkOutputs;
  /** The template within, for whatever the parameters do not reach. */
  readonly included: CfnInclude;

  constructor(scope: Construct, id: string, props: TidemarkProps) {
    super(scope, id);
    const { packages, ...given } = props;
    const zips = this.addZips(packages);
    const parameters = isVersioned(given) ? { release: this.nameRelease(zips, given), ...given } : given;
    this.included = new CfnInclude(this, 'Template', {
      templateFile: join(__dirname, 'template.json'),
      preserveLogicalIds: false,
      parameters: fill(parameters),
    });
    for (const [name, zip] of zips) {
      const included = this.included.getResource(name) as CfnFunction;
      included.code = { s3Bucket: zip.s3BucketName, s3Key: zip.s3ObjectKey };
    }
    for (const [name, resource] of Object.entries<Resource>(template.Resources)) {
      if (resource.UpdatePolicy !== undefined) this.addUpdatePolicy(name, resource.UpdatePolicy as AliasUpdate);
    }
    const outputs = Object.keys(template.Outputs).map((name) => {
      const output = this.included.getOutput(name);
      // The commands of the operator's pages look for the stack's outputs by these names.
      output.overrideLogicalId(name);
      return [propertyName(name), String(output.value)];
    });
    this.outputs = Object.fromEntries(outputs) as TidemarkOutputs;
  }

  /** Puts the zips that the template names where the deployment finds them; by the names of the functions. */
  private addZips(packages: string): Map<string, Asset> {
    const functions = Object.entries<Resource>(template.Resources).filter(([, resource]) => resource.Type === 'AWS::Lambda::Function');
    return new Map(functions.map(([name, resource]) => {
      const { Code: code } = resource.Properties as { Code: { S3Key: string } };
      return [name, new Asset(this, `${name}Code`, { path: join(packages, code.S3Key) })];
    }));
  }

  /** Another name for whatever could change a function, so that nobody has to think of one. */
  private nameRelease(zips: Map<string, Asset>, parameters: TidemarkParameters): string {
    const code = [...zips.values()].map((zip) => zip.assetHash);
    const all = JSON.stringify([code, Stack.of(this).resolve(parameters), template]);
    return createHash('sha256').update(all).digest('hex').slice(0, 16);
  }

  /** CfnInclude leaves out an update policy that asks a condition. */
  private addUpdatePolicy(name: string, policy: AliasUpdate): void {
    const [condition, update] = policy.CodeDeployLambdaAliasUpdate['Fn::If'];
    const reference = (to: { Ref: string }): string => this.included.getResource(to.Ref).ref;
    this.included.getResource(name).addOverride('UpdatePolicy.CodeDeployLambdaAliasUpdate', Fn.conditionIf(
      this.included.getCondition(condition).logicalId,
      { ApplicationName: reference(update.ApplicationName), DeploymentGroupName: reference(update.DeploymentGroupName) },
      Aws.NO_VALUE,
    ));
  }
}

interface Resource {
  readonly Type: string;
  readonly Properties?: unknown;
  readonly UpdatePolicy?: unknown;
}

/** How the template says that CodeDeploy moves an alias, if a condition holds. */
interface AliasUpdate {
  readonly CodeDeployLambdaAliasUpdate: {
    readonly 'Fn::If': readonly [
      condition: string,
      update: { readonly ApplicationName: { Ref: string }; readonly DeploymentGroupName: { Ref: string } },
      otherwise: unknown,
    ];
  };
}

function isVersioned(parameters: TidemarkParameters): boolean {
  return parameters.shift !== undefined && parameters.shift !== 'none';
}

/** Every parameter with its value or default, so that none is left in the stack around. */
function fill(given: TidemarkParameters): Record<string, unknown> {
  const left = new Map<string, unknown>(Object.entries(given));
  const filled: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries<ParameterSchema>(template.Parameters)) {
    const value = left.get(propertyName(name));
    left.delete(propertyName(name));
    filled[name] = value === undefined ? listOf(schema, schema.Default) : check(name, schema, value);
  }
  if (left.size > 0) throw new Error(`Tidemark knows no ${[...left.keys()].join(', ')}`);
  return filled;
}

function check(name: string, schema: ParameterSchema, value: unknown): unknown {
  if (Array.isArray(value) || Token.isUnresolved(value)) return value;
  const plain = typeof value === 'boolean' ? String(value) : (value as string | number);
  const problem = findProblem(schema, plain);
  if (problem) throw new Error(`${propertyName(name)} ${problem}`);
  return listOf(schema, plain);
}

function listOf(schema: ParameterSchema, value: string | number): unknown {
  return schema.Type === 'CommaDelimitedList' ? String(value).split(',') : value;
}

function propertyName(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
