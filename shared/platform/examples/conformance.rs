//! Holds a DynamoDB that is reached over HTTP to the conformance suite of the store: AWS's own, or the
//! emulator that `AWS_ENDPOINT_URL` names. `TIDEMARK_TABLE` names a table for it, which is made if it is
//! not there; rows stay behind, so it should be nobody else's.

use std::io::Write as _;

use anyhow::bail;
use tidemark_platform::{Aws, Environment};
use tidemark_store::conformance::{CASES, run};
use tidemark_store::dynamo::{DynamoTable, create_table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = Aws::load(Environment::of_process()).await;
    let name = aws.environment().required("TIDEMARK_TABLE")?;
    let client = aws_sdk_dynamodb::Client::new(aws.sdk());
    create_table(&client, name).await?;
    let table = DynamoTable::new(client, name);
    let prefix = format!("{}#", aws.world().uuid());
    let mut failures = Vec::new();
    for case in CASES {
        if let Err(failure) = run(&table, case, &prefix).await {
            failures.push(format!("{}: {failure}", case.name));
        }
    }
    if !failures.is_empty() {
        bail!("{} of {} cases do not hold\n{}", failures.len(), CASES.len(), failures.join("\n"));
    }
    writeln!(std::io::stdout(), "all {} cases hold", CASES.len())?;
    Ok(())
}
