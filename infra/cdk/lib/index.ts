export { Tidemark, type TidemarkProps } from './tidemark';
export type { TidemarkOutputs, TidemarkParameters } from './parameters';
export { acknowledgeFindings } from './findings';
