//! A hostile Exchange to test against: EWS over one mailbox store, with faults from a seed.
