//! The store on one machine: DynamoDB's engine in process on a SQLite file.
