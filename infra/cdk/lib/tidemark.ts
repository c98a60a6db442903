import { join } from 'node:path';

import { Token } from 'aws-cdk-lib';
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
    const { packages, ...parameters } = props;
    this.included = new CfnInclude(this, 'Template', {
      templateFile: join(__dirname, 'template.json'),
      preserveLogicalIds: false,
      parameters: fill(parameters),
    });
    for (const [name, resource] of Object.entries(template.Resources)) {
      if (resource.Type === 'AWS::Lambda::Function') this.addCode(name, packages);
    }
    const names = Object.keys(template.Outputs);
    const outputs = names.map((name) => [propertyName(name), String(this.included.getOutput(name).value)]);
    this.outputs = Object.fromEntries(outputs) as TidemarkOutputs;
  }

  /** Puts the zip that the template names where the deployment finds it. */
  private addCode(name: string, packages: string): void {
    const included = this.included.getResource(name) as CfnFunction;
    const { s3Key } = included.code as CfnFunction.CodeProperty;
    const asset = new Asset(this, `${name}Code`, { path: join(packages, String(s3Key)) });
    included.code = { s3Bucket: asset.s3BucketName, s3Key: asset.s3ObjectKey };
  }
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
