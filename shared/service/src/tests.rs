//! Tests of the parts that some functions carry alone, on the stage that everything else plays on too.

mod deliveries;
mod ews_intake;
mod graph_intake;
