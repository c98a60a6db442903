/** Tidemark in a stack of its own: `npm run synth`, or `npx cdk deploy --app 'node dist/bin/tidemark.js'`. */
import { resolve } from 'node:path';

import { App, Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';

import { acknowledgeFindings, Tidemark, type TidemarkParameters } from '../lib';

const app = new App();
const stack = new Stack(app, app.node.tryGetContext('stack') ?? 'tidemark');
// From a command line it comes as text, from cdk.json as it is.
const given = app.node.tryGetContext('parameters') ?? {};
const parameters = (typeof given === 'string' ? JSON.parse(given) : given) as TidemarkParameters;
const packages = app.node.tryGetContext('packages') ?? resolve(__dirname, '../../../../target/package');
const tidemark = new Tidemark(stack, 'Tidemark', { ...parameters, packages });
acknowledgeFindings(tidemark);
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
app.synth();
