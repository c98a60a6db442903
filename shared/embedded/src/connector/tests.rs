use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use dynoxide::Database;
use tidemark_store::dynamo::create_table;

use super::build_client;

const TABLE: &str = "tokens";

fn put(sort: &str) -> TransactWriteItem {
    let put = Put::builder()
        .table_name(TABLE)
        .item("pk", AttributeValue::S("p".to_owned()))
        .item("sk", AttributeValue::S(sort.to_owned()))
        .build()
        .unwrap();
    TransactWriteItem::builder().put(put).build()
}

/// An engine that had kept the token would refuse the second request, whose content is another.
#[tokio::test]
async fn the_engine_keeps_no_token() {
    let client = build_client(Database::memory().unwrap());
    create_table(&client, TABLE).await.unwrap();
    for sort in ["first", "second"] {
        let written = client
            .transact_write_items()
            .client_request_token("the same")
            .transact_items(put(sort))
            .send()
            .await;
        assert!(written.is_ok(), "{sort}: {written:?}");
    }
}
