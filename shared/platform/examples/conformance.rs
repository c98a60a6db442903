//! Holds a DynamoDB that is reached over HTTP to the conformance suite of the store: AWS's own, or the
//! emulator that `AWS_ENDPOINT_URL` names. `TIDEMARK_TABLE` names a table for it, which is made if it is
//! not there; rows stay behind, so it should be nobody else's. `TIDEMARK_CONFORMANCE_EXCEPT` names cases,
//! with commas, in which an emulator is known to be wrong: that they hold is an error too.

use std::collections::BTreeSet;
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
    let excepted = aws.environment().text("TIDEMARK_CONFORMANCE_EXCEPT").unwrap_or_default();
    let excepted: BTreeSet<&str> = excepted.split(',').filter(|name| !name.is_empty()).collect();
    let mut surprises = Vec::new();
    for case in CASES {
        match (run(&table, case, &prefix).await, excepted.contains(case.name)) {
            (Ok(()), false) | (Err(_), true) => {}
            (Ok(()), true) => surprises.push(format!("{} holds by now", case.name)),
            (Err(failure), false) => surprises.push(format!("{}: {failure}", case.name)),
        }
    }
    if !surprises.is_empty() {
        bail!(
            "{} of {} cases are otherwise\n{}",
            surprises.len(),
            CASES.len(),
            surprises.join("\n")
        );
    }
    writeln!(std::io::stdout(), "{} cases, {} excepted", CASES.len(), excepted.len())?;
    Ok(())
}
