// Made by generate.py from infra/template.yaml.

/** The parameters of the template. What is left out has its default. */
export interface TidemarkParameters {
  /**
   * Name of the first organisation; its founding administrator key is made with it.
   * @default "main"
   */
  readonly organisation?: string;
  /**
   * Where Exchange and Microsoft 365 reach the intake, if you put a domain of your own before it;
   * empty for the address that AWS gives it.
   * @default ""
   */
  readonly callbackUrl?: string;
  /**
   * Private networks that webhooks may be delivered to.
   * @default ""
   */
  readonly webhookNetworks?: string;
  /**
   * Who is told of alarms by e-mail; AWS asks that address to confirm. Empty for nobody.
   * @default ""
   */
  readonly alarmEmail?: string;
  /**
   * How many mailboxes have to show an error at once before the alarm about them. Among thousands
   * there is nearly always one.
   * @default 1
   */
  readonly failingMailboxes?: number;
  /**
   * Of the programs in the zips. x86_64 is what is built and tested; arm64 is not tested.
   * @default "x86_64"
   */
  readonly architecture?: 'x86_64' | 'arm64';
  /**
   * How long a sync run or a sweep may take. 15 seconds less than the time-out of the functions.
   * @default 45
   */
  readonly runSeconds?: number;
  /**
   * How often a mailbox is looked at of which nothing was heard.
   * @default 60
   */
  readonly sweepMinutes?: number;
  /**
   * Heartbeat of the push subscriptions of Exchange Server.
   * @default 5
   */
  readonly pushStatusMinutes?: number;
  /**
   * How long the change feed and the history are kept.
   * @default 30
   */
  readonly retentionDays?: number;
  /**
   * How an update goes live. none for at once and for good; otherwise each Release is kept as a
   * version that can be taken back, and the calls go over to it all at once or by shares, back by
   * themselves when it fails. From none go to AllAtOnce first.
   * @default "none"
   */
  readonly shift?: 'none' | 'AllAtOnce' | 'Canary10Percent5Minutes' | 'Canary10Percent10Minutes' | 'Canary10Percent15Minutes' | 'Canary10Percent30Minutes' | 'Linear10PercentEvery1Minute' | 'Linear10PercentEvery2Minutes' | 'Linear10PercentEvery3Minutes' | 'Linear10PercentEvery10Minutes';
  /**
   * What goes live, if Shift is not none: without another name here an update changes nothing.
   * @default "1"
   */
  readonly release?: string;
  /**
   * Where Exchange and webhooks are called from: any address of AWS; one fixed address, or two in
   * two zones, which firewalls can allow and the outputs show (see the price first); or SubnetIds.
   * @default "any"
   */
  readonly egress?: 'any' | 'one-address' | 'two-addresses' | 'own-subnets';
  /**
   * The network that is made for fixed addresses; nobody else meets it.
   * @default "10.213.0.0/24"
   */
  readonly egressCidr?: string;
  /**
   * Port of Exchange Server, let out of that network beside 443.
   * @default 443
   */
  readonly exchangePort?: number;
  /**
   * With own-subnets: subnets of a network of yours, to reach Exchange through it; they need a way
   * to AWS's services and to the Internet.
   * @default ""
   */
  readonly subnetIds?: string[];
  /**
   * With own-subnets: security groups of the functions there; they have to let out 443.
   * @default ""
   */
  readonly securityGroupIds?: string[];
  /**
   * With own-subnets: the addresses that your network calls Exchange from; only shown, so that
   * whoever keeps the firewall before Exchange finds them.
   * @default ""
   */
  readonly ownAddresses?: string;
  /**
   * Whether IntakeConcurrency and ApiConcurrency are set aside of the account's limit. false only
   * in an account whose limit is too small for it.
   * @default "true"
   */
  readonly reserveConcurrency?: boolean;
  /**
   * Calls that each intake function takes at once, kept free for it.
   * @default 20
   */
  readonly intakeConcurrency?: number;
  /**
   * Calls that the API takes at once, waiting polls of the feed among them.
   * @default 60
   */
  readonly apiConcurrency?: number;
  /**
   * Mailboxes that are synced at once.
   * @default 50
   */
  readonly syncConcurrency?: number;
  /**
   * Notifications per second before callers are told to come again.
   * @default 500
   */
  readonly intakeRate?: number;
  /**
   * Notifications that may come at once.
   * @default 1000
   */
  readonly intakeBurst?: number;
  /**
   * Time-out of the sync function.
   * @default 60
   */
  readonly syncTimeoutSeconds?: number;
  /**
   * When a message that was not finished comes again; longer than SyncTimeoutSeconds.
   * @default 120
   */
  readonly queueVisibilitySeconds?: number;
  /**
   * How often a message is tried before it is put with the dead letters.
   * @default 5
   */
  readonly queueReceives?: number;
  /**
   * Time-out of the intake functions.
   * @default 10
   */
  readonly intakeTimeoutSeconds?: number;
  /**
   * Time-out of the api function; a poll of the feed waits for 20 seconds.
   * @default 30
   */
  readonly apiTimeoutSeconds?: number;
  /**
   * Time-out of sweep, deliver and token-refresh.
   * @default 60
   */
  readonly backgroundTimeoutSeconds?: number;
  /**
   * An alarm is raised when runs of sync take so long. A little less than SyncTimeoutSeconds.
   * @default 57000
   */
  readonly syncSlowMs?: number;
  /**
   * The same for sweep, deliver and token-refresh. A little less than BackgroundTimeoutSeconds.
   * @default 57000
   */
  readonly backgroundSlowMs?: number;
  /**
   * Megabytes; processor time grows with them.
   * @default 256
   */
  readonly intakeMemory?: number;
  /**
   * Megabytes; processor time grows with them.
   * @default 256
   */
  readonly syncMemory?: number;
  /**
   * Megabytes; processor time grows with them.
   * @default 512
   */
  readonly apiMemory?: number;
  /**
   * Megabytes of sweep, deliver and token-refresh.
   * @default 256
   */
  readonly backgroundMemory?: number;
  /**
   * Detail of the logs.
   * @default "INFO"
   */
  readonly logLevel?: 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';
  /**
   * How long logs are kept.
   * @default 30
   */
  readonly logRetentionDays?: number;
  /**
   * Whether AWS X-Ray samples calls (Active), or only those that come with a trace.
   * @default "PassThrough"
   */
  readonly tracing?: 'Active' | 'PassThrough';
  /**
   * Whether DynamoDB refuses to delete the table.
   * @default "true"
   */
  readonly deletionProtection?: boolean;
  /**
   * ARN of the secret with the credential of a Microsoft 365 connection, to be replaced on a
   * schedule; empty for none. See docs/aws.md for several.
   * @default ""
   */
  readonly rotatedSecret?: string;
  /**
   * How often the credential is replaced.
   * @default 60
   */
  readonly rotationDays?: number;
}

/** What the template tells of what it made. */
export interface TidemarkOutputs {
  /**
   * Address of the API; /openapi.json below it describes it.
   */
  readonly apiBaseUrl: string;
  /**
   * Where Exchange (/ews/) and Microsoft 365 (/graph/) have to reach us.
   */
  readonly callbackBaseUrl: string;
  /**
   * The HTTP API behind it, for a domain of your own.
   */
  readonly intakeApiId: string;
  /**
   * The secret with the first administrator's API key.
   */
  readonly foundingKeySecret: string;
  /**
   * How to read it.
   */
  readonly readFoundingKey: string;
  /**
   * The addresses that Exchange and webhooks are called from.
   */
  readonly egressAddresses: string;
  /**
   * The table with all state.
   */
  readonly tableName: string;
  /**
   * The queue of mailboxes to be synced.
   */
  readonly workQueueUrl: string;
  /**
   * What could not be done.
   */
  readonly deadLettersUrl: string;
  /**
   * The same, for having them tried again.
   */
  readonly deadLettersArn: string;
  /**
   * The secret that wraps all data keys; it outlives the stack.
   */
  readonly masterKeySecret: string;
  /**
   * The KMS key; it outlives the stack.
   */
  readonly keyArn: string;
  /**
   * What the names of secrets of connections begin with.
   */
  readonly secretsPrefix: string;
  /**
   * The roles that Entra has to trust for federation, each as a subject of its own.
   */
  readonly identityRoleArns: string;
  /**
   * The function that replaces credentials, for secrets beside RotatedSecret.
   */
  readonly tokenRefreshArn: string;
  /**
   * What is going on.
   */
  readonly dashboardUrl: string;
  /**
   * Where alarms are published.
   */
  readonly alarmTopicArn: string;
}
