//! The api function on Lambda.

/// Says what is missing, so that a function that is deployed too early fails and does not end as if
/// all were well.
fn main() -> Result<(), String> {
    Err("the wiring to AWS is not there yet: use `tidemark local`".to_owned())
}
