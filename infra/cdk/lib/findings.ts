import { Stack, Validations } from 'aws-cdk-lib';

import type { Tidemark } from './tidemark';

const ANONYMOUS = 'Exchange and Microsoft 365 do not log in. What they know is a key of their subscription: '
  + 'in the path (EWS) or the body (Graph), compared in constant time; the stage limits the rate.';
const OWN_SECRETS = 'Credentials are made while it runs, so that their names are not known before; all of them begin '
  + 'with the prefix of this stack.';
const IDENTITY = 'sts:GetWebIdentityToken knows no resources; audience, algorithm and lifetime are conditions.';

/** Which rule of cdk-nag's AwsSolutions pack finds something in which resource, and why it is right. */
const FINDINGS: readonly (readonly [resource: string, rule: string, reason: string])[] = [
  ['MasterKey', 'AwsSolutions-SMG4', 'It wraps the data keys of all mailboxes: another one could not open them.'],
  ['FoundingKey', 'AwsSolutions-SMG4', 'It is revoked through the API once there is another administrator.'],
  ['EwsRoute', 'AwsSolutions-APIG4', ANONYMOUS],
  ['GraphNotifyRoute', 'AwsSolutions-APIG4', ANONYMOUS],
  ['GraphLifecycleRoute', 'AwsSolutions-APIG4', ANONYMOUS],
  ['TracePolicy', 'AwsSolutions-IAM5[Resource::*]', 'X-Ray knows no resources of these actions.'],
  ['ShiftRole', 'AwsSolutions-IAM5[Resource::*]', 'CloudWatch checks the right to see alarms for all of them.'],
  ['NetworkPolicy', 'AwsSolutions-IAM5[Resource::*]',
    'Lambda makes network interfaces before they have a name; the function itself is denied it.'],
  ...['SyncRole', 'SweepRole', 'TokenRefreshRole', 'ApiRole'].map((role) =>
    [role, 'AwsSolutions-IAM5[Resource::*]', IDENTITY] as const),
  ...['SyncRole', 'SweepRole', 'TokenRefreshRole', 'ApiRole'].map((role) =>
    [role, `AwsSolutions-IAM5[Resource::${secretsBelow('connections/')}]`, OWN_SECRETS] as const),
  ...['DeliverRole', 'ApiRole'].map((role) =>
    [role, `AwsSolutions-IAM5[Resource::${secretsBelow('webhooks/')}]`, OWN_SECRETS] as const),
  ['GraphWebhookRole', `AwsSolutions-IAM5[Resource::${secretsBelow('connections/*/notification-keys')}]`, OWN_SECRETS],
];

/** What CDK itself says because the construct has filled in the parameters. */
const FILLED_IN: readonly (readonly [rule: string, reason: string])[] = [
  ['CloudFormation-Validate::W1028', 'Parameters are filled in, so that only one branch of a condition is reached.'],
  ['CloudFormation-Validate::W8003', 'Parameters are filled in, so that a condition is always the same.'],
  ['CloudFormation-Validate::W9053', 'Parameters are filled in, so that conditions may come to the same.'],
  ['CloudFormation-Validate::W1001', 'The output asks the same condition as what it refers to.'],
];

/**
 * Tells `Validations` why the findings in the template are right as they are. Call it where you use
 * cdk-nag; what it does not name is still found. Remarks on filled in parameters are acknowledged
 * for the stack around it, since CDK makes them there.
 */
export function acknowledgeFindings(tidemark: Tidemark): void {
  for (const [resource, id, reason] of FINDINGS) {
    Validations.of(tidemark.included.getResource(resource)).acknowledge({ id, reason });
  }
  for (const [id, reason] of FILLED_IN) {
    Validations.of(Stack.of(tidemark)).acknowledge({ id, reason });
  }
}

function secretsBelow(path: string): string {
  return 'arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:'
    + `tidemark/<AWS::StackName>/${path}*`;
}
