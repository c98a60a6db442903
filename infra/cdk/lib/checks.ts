/** A parameter as the template describes it. */
export interface ParameterSchema {
  readonly Type: string;
  readonly Default: string | number;
  readonly AllowedPattern?: string;
  readonly AllowedValues?: readonly (string | number)[];
  readonly ConstraintDescription?: string;
  readonly MinValue?: number;
  readonly MaxValue?: number;
}

/**
 * Says what is wrong with a value, as CloudFormation would when it is too late. Parameters that CDK
 * fills in are no parameters any more, so nobody else looks at them.
 */
export function findProblem(schema: ParameterSchema, value: string | number): string | undefined {
  if (schema.AllowedValues && !schema.AllowedValues.some((allowed) => String(allowed) === String(value))) {
    return `has to be one of ${schema.AllowedValues.join(', ')}`;
  }
  if (schema.Type === 'Number') {
    const number = Number(value);
    if (!Number.isInteger(number)) return 'has to be a whole number';
    if (schema.MinValue !== undefined && number < schema.MinValue) return `has to be at least ${schema.MinValue}`;
    if (schema.MaxValue !== undefined && number > schema.MaxValue) return `has to be at most ${schema.MaxValue}`;
  }
  if (schema.AllowedPattern && !new RegExp(`^(?:${schema.AllowedPattern})$`).test(String(value))) {
    return `has to be ${schema.ConstraintDescription ?? `like ${schema.AllowedPattern}`}`;
  }
  return undefined;
}
